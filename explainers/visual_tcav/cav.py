"""Visual-TCAV: where does a network see a concept, and how much does the concept contribute to a class?

Source: De Santis, Campi, Bianchi, Brambilla, *Visual-TCAV*, arXiv 2411.05698. Numerically equal to its official implementation
(tests/explainers/visual_tcav/test_oracle.py); what is ours: many CAVs at a time, prefix tokens, the negative part.

    F   feature map of one image (C, H, W)
    w   weights (H, W) of the positions of an example: all alike, or how far each lies in the region that shows the concept
    v   CAV (C,): mean pooled activation of the concept images minus that of the random images
    R   response (H, W): max(<v, F>, 0);  h = sum(w R^2) / sum(w R), its contraharmonic mean
    e+  concept emblem: the median of h over the concept images;  e- random emblem: over the random images
    M   concept map (H, W) in [0, 1]: R stretched from e- .. e+
    A   class attribution (C, H, W) >= 0: positive part of gradient times activation, scaled to the class's share
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.errors import TooFewExamples

EPSILON = 1e-7  # the reference divides by sums plus this
MAX_PROJECTIONS = 2**24  # numbers held at a time: 64 MiB
POSITIVE, NEGATIVE = 0, 1  # the two classes of a network with a single logit


@dataclass(frozen=True, eq=False)
class Cav:
    """A concept activation vector, and how strongly its own images and random ones respond to it."""

    vector: Tensor  # (C,)
    concept_emblem: float
    random_emblem: float


@dataclass(frozen=True, eq=False)
class Cavs:
    """Several CAVs of one depth side by side: a concept's, its bootstrap replicates, its pseudo-concepts."""

    vectors: Tensor  # (J, C)
    concept_emblems: Tensor  # (J,)
    random_emblems: Tensor  # (J,)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, idx: int) -> Cav:
        return Cav(self.vectors[idx], float(self.concept_emblems[idx]), float(self.random_emblems[idx]))

    def split(self, n: int | list[int]) -> "list[Cavs]":
        """Parts of n CAVs each, the last one shorter, or of as many as listed."""
        columns = (part.split(n) for part in (self.vectors, self.concept_emblems, self.random_emblems))
        return [Cavs(*parts) for parts in zip(*columns, strict=True)]

    @staticmethod
    def of(cav: Cav) -> "Cavs":
        """A single CAV as a stack of one."""
        return Cavs(cav.vector[None], cav.vector.new_tensor([cav.concept_emblem]), cav.vector.new_tensor([cav.random_emblem]))

    @staticmethod
    def joined(parts: Sequence["Cavs"]) -> "Cavs":
        """The CAVs of all the parts, one part after the other."""
        columns = zip(*((p.vectors, p.concept_emblems, p.random_emblems) for p in parts), strict=True)
        return Cavs(*(torch.cat(column) for column in columns))


# --- fitting a CAV ------------------------------------------------------------------------------------------------------


def fit_cav(concept_maps: Tensor, random_maps: Tensor) -> Cav:
    """The CAV of concept images against random ones, given their feature maps (N, C, H, W) each (sections 3 and 4)."""
    for name, maps in {"concept": concept_maps, "random": random_maps}.items():
        if len(maps) == 0:
            raise TooFewExamples(f"There are no {name} images; at least 1 is needed, 30 or more are better.")
    vector = mean_difference(pooled(concept_maps), pooled(random_maps))
    concept_responses, random_responses = (responses(maps, vector[None])[:, 0] for maps in (concept_maps, random_maps))
    return with_emblems(vector, concept_responses, random_responses)


def pooled(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean activation of every image, (N, C), of feature maps (N, C, H, W): over all positions, or by their weights (N, H, W)."""
    if weights is None:
        return maps.mean((2, 3))
    return torch.einsum("nchw,nhw->nc", maps, weights.to(maps)) / weights.sum((1, 2)).to(maps)[:, None]


def mean_difference(concept_pooled: Tensor, random_pooled: Tensor) -> Tensor:
    """The vector of a CAV, (C,), from the pooled activations (n, C) of concept and random images (section 3)."""
    return concept_pooled.mean(0) - random_pooled.mean(0)


def responses(maps: Tensor, vectors: Tensor, weights: Tensor | None = None) -> Tensor:
    """How strongly every image responds to every CAV, (N, J): the contraharmonic mean of its positive projections.

    ``maps`` is (N, C, H, W), ``vectors`` (J, C); over all positions, or by their weights (N, H, W).
    """
    positions = maps.flatten(2)  # (N, C, P)
    shares = None if weights is None else weights.flatten(1)[:, None].to(maps)  # (N, 1, P)
    parts = []
    for part in vectors.split(at_a_time(positions[:, 0].numel())):
        raw = torch.einsum("jc,ncp->njp", part, positions).clamp_min(0)
        if shares is None:
            parts.append(raw.square().sum(2) / (raw.sum(2) + EPSILON))
        else:
            parts.append((shares * raw.square()).sum(2) / ((shares * raw).sum(2) + EPSILON))
    return torch.cat(parts, 1)


def at_a_time(n_positions: int) -> int:
    """How many CAVs are projected together: a thousand of them on a shallow depth's map would fill the memory."""
    return max(1, MAX_PROJECTIONS // n_positions)


def with_emblems(vector: Tensor, concept_responses: Tensor, random_responses: Tensor) -> Cav:
    """The CAV of a vector (C,), with emblems from the responses (n,) of concept and of random images to it (section 4)."""
    return Cav(vector, float(emblem(concept_responses)), float(emblem(random_responses)))


def emblem(responses: Tensor) -> Tensor:
    """The median over images, of responses (N, ...), by the nearest rank, half to even: never between two values."""
    rank = round((len(responses) - 1) / 2)
    return responses.sort(0).values[rank]


# --- where the concept is -----------------------------------------------------------------------------------------------


def concept_map(feature_map: Tensor, cav: Cav) -> Tensor:
    """Where the concept is seen in a feature map (C, H, W), (H, W) in [0, 1] (section 5).

    All zero if the random images respond as strongly.
    """
    return concept_maps(feature_map, Cavs.of(cav))[0]


def concept_maps(feature_map: Tensor, cavs: Cavs) -> Tensor:
    """Where each of J concepts is seen in a feature map (C, H, W), (J, H, W) in [0, 1]."""
    raw = torch.einsum("jc,chw->jhw", cavs.vectors, feature_map).clamp_min(0)
    low, high = cavs.random_emblems[:, None, None], cavs.concept_emblems[:, None, None]
    window = high - low
    stretched = (raw.minimum(high).maximum(low) - low) / torch.where(window > 0, window, 1)
    return torch.where(window > 0, stretched, 0)


# --- what speaks for a class --------------------------------------------------------------------------------------------


def class_attribution(gradient_times_activation: Tensor, logits: Tensor, baseline_logits: Tensor, class_idx: int) -> Tensor:
    """The positive evidence for a class, summing to the class's share of the largest rise of a logit (section 7).

    Of the shape of ``gradient_times_activation``, (C, H, W) or any other, and >= 0. The logits are those of all classes,
    (n_classes,). A network with a single logit has two classes: POSITIVE, and NEGATIVE with the evidence against the first.
    """
    if len(logits) == 1:
        return _binary_attribution(gradient_times_activation, class_idx)
    positive = gradient_times_activation.clamp_min(0)
    return class_share(logits, baseline_logits, class_idx) * positive / (positive.sum() + EPSILON)


def class_share(logits: Tensor, baseline_logits: Tensor, class_idx: int) -> float:
    """How much a class's logit rises above the baseline, relative to the class that rises most; 0 if none rises.

    Both arguments are the logits of all classes, (n_classes,).
    """
    rises = (logits - baseline_logits).clamp_min(0)
    return float(rises[class_idx] / rises.max()) if rises.max() > 0 else 0.0


def _binary_attribution(gradient_times_activation: Tensor, class_idx: int) -> Tensor:
    """The evidence for one of the two classes of a single logit, of the same shape; all zero where there is none for either."""
    parts = {POSITIVE: gradient_times_activation.clamp_min(0), NEGATIVE: (-gradient_times_activation).clamp_min(0)}
    largest = max(float(part.sum()) for part in parts.values())
    own = parts[class_idx]
    if largest == 0:
        return torch.zeros_like(own)
    return own.sum() / largest * own / (own.sum() + EPSILON)


# --- what the concept contributes ---------------------------------------------------------------------------------------


def concept_attribution(class_attribution: Tensor, concept_map: Tensor, feature_map: Tensor, cav: Cav) -> float:
    """The class's evidence that lies where the concept is seen, in channels that point along the CAV (section 8).

    ``class_attribution`` and ``feature_map`` are (C, H, W), ``concept_map`` is (H, W).
    """
    return float(concept_attributions(class_attribution[None], concept_map[None], feature_map, cav.vector[None])[0, 0])


def concept_attributions(class_attributions: Tensor, maps: Tensor, feature_map: Tensor, vectors: Tensor) -> Tensor:
    """What each of J concepts contributes to each of several classes, (n_classes, J) (section 8).

    Attributions (n_classes, C, H, W), concept maps (J, H, W), the feature map (C, H, W) and the CAVs' vectors (J, C).
    """
    n_classes, n_channels = class_attributions.shape[:2]
    per_channel = maps.flatten(1) @ class_attributions.flatten(2).flatten(0, 1).T  # (J, n_classes * C)
    weights = channel_weights(vectors, maps, feature_map)
    return torch.einsum("jkc,jc->kj", per_channel.view(-1, n_classes, n_channels), weights)


def channel_weights(vectors: Tensor, maps: Tensor, feature_map: Tensor) -> Tensor:
    """How far each channel points along each CAV, (J, C) in [0, 1].

    Vectors (J, C), concept maps (J, H, W), the feature map (C, H, W). Where activations can be negative, a channel counts by
    the sign it has on the concept's map.
    """
    if feature_map.min() < 0:
        on_map = maps.flatten(1) @ feature_map.flatten(1).T  # (J, C)
        vectors = torch.where(on_map < 0, -vectors, vectors)
    positive = vectors.clamp_min(0)
    largest = positive.amax(1, keepdim=True)
    return positive / torch.where(largest > 0, largest, 1)
