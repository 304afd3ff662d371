"""The answer about a second opinion: saliency maps of a class, and the class while the photo is removed in their order."""

import time
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from explainers.results.provenance import provenance_of
from explainers.results.saliency import SaliencyAtDepth, SaliencyMap, SecondOpinion, corrected_over_depths
from explainers.saliency.curves import chance_of, curve_of, emptied, middle_first, order_of, random_maps, removed
from explainers.saliency.maps import Tail, grad_cam, plain_gradients
from explainers.saliency.settings import MAP_NAMES, MapName, SaliencySettings, require_valid
from explainers.service import concepts
from explainers.service.observatory import Observatory
from explainers.service.photo_questions import AskSecondOpinion
from models.encoder import Encoder
from models.encoder.heads import Head
from models.encoder.labels import class_name, probabilities
from models.progress import Progress

MAPS_SHARE = 0.2  # of the progress of a depth: computing the maps


@dataclass(frozen=True, eq=False)
class _Shown:
    """A photo as the encoder sees it, and the class that is asked about."""

    observatory: Observatory
    encoder: Encoder
    image: Tensor  # (3, H, W)
    class_idx: int


def second_opinion(question: AskSecondOpinion, observatory: Observatory, progress: Progress) -> SecondOpinion:
    """Saliency maps of a class in a photo at several depths, each with its deletion and insertion curve."""
    encoder, photo = observatory.encoder(question.encoder_name, progress), question.photo
    settings, refused = _usable(question.settings, encoder)
    started = time.perf_counter()
    classes = settings.of_evidence.class_idx
    image, logits, class_idx = concepts.prepared(encoder, photo, settings.input_size, classes)
    shown = _Shown(observatory, encoder, image, class_idx[0])
    settings = replace(settings, class_idx=shown.class_idx)
    n_depths = len(settings.depths)
    at_depths = [
        _at_depth(shown, depth, settings, progress.part(n / n_depths, (n + 1) / n_depths))
        for n, depth in enumerate(settings.depths)
    ]
    return SecondOpinion(
        provenance_of(encoder.info, (photo,), settings, {"saliency": time.perf_counter() - started}),
        class_idx=shown.class_idx,
        class_name=class_name(encoder.info.class_names, shown.class_idx),
        probability=float(probabilities(logits)[shown.class_idx]),
        depths=corrected_over_depths(at_depths),
        refused_depths=refused,
    )


def _usable(settings: SaliencySettings, encoder: Encoder) -> tuple[SaliencySettings, dict[int, str]]:
    """The settings with the depths and the size that are meant, and why other depths are refused."""
    require_valid(settings)
    meant, refused = concepts.followable(settings.of_evidence, encoder)
    return replace(settings, depths=meant.depths, input_size=meant.input_size), refused


def _at_depth(shown: _Shown, depth: int, settings: SaliencySettings, progress: Progress) -> SaliencyAtDepth:
    maps, gap_share = _maps_at(shown, depth, settings, progress.part(0, MAPS_SHARE))
    grid = maps["visual_tcav"].shape
    random = random_maps(grid, settings.n_random, settings.seed)
    orders = np.stack([order_of(values, shown.image.shape[1:], settings.seed) for values in (*maps.values(), *random)])
    doing = progress.part(MAPS_SHARE, 1.0, f"Removing the photo bit by bit, depth {depth}")
    deleted, inserted = _curves(shown, orders, len(maps), settings.n_shares, doing)
    of_random = deleted[len(maps) :]
    random_inserted = of_random[:, ::-1]  # explainers/saliency/curves.py: a reversed random order is a random order
    drawn = [
        SaliencyMap(
            name,
            maps[name].astype(np.float32),
            curve_of(deleted[n], of_random, small_is_good=True),
            curve_of(inserted[n], random_inserted, small_is_good=False),
        )
        for n, name in enumerate(MAP_NAMES)
    ]
    return SaliencyAtDepth(depth, tuple(drawn[:-1]), drawn[-1], chance_of(of_random), chance_of(random_inserted), gap_share)


def _maps_at(
    shown: _Shown, depth: int, settings: SaliencySettings, progress: Progress
) -> tuple[dict[MapName, np.ndarray], float]:
    """Every map at a depth, (h, w) each, and the completeness gap of plain integrated gradients as a share."""
    classes = [shown.class_idx]
    progress.report(0, f"Following the evidence from depth {depth}")
    evidence = concepts.evidence_at(shown.encoder, shown.image, depth, classes, settings.n_steps, progress.silent())
    progress.report(0.4, f"Grad-CAM and integrated gradients at depth {depth}")
    head = shown.encoder.head_from(depth)(shown.image)
    tail = _tail_of(head)
    plain = plain_gradients(tail, shown.class_idx, settings.n_steps)
    total = evidence.attributions[0].sum(0).cpu().numpy()
    maps = (total, grad_cam(tail, shown.class_idx), plain.values, middle_first(head.grid))
    return dict(zip(MAP_NAMES, maps, strict=True)), plain.gap_share


def _tail_of(head: Head) -> Tail:
    """What comes after a depth, as saliency methods need it: one logit per class, also where the network has a single one."""

    def logits_of(maps: Tensor, prefix: Tensor) -> Tensor:
        logits = head.logits_of_tokens(torch.cat([prefix, maps.flatten(2).transpose(1, 2)], 1))
        return logits if logits.shape[1] > 1 else torch.cat([logits, -logits], 1)

    return Tail(logits_of, head.map_of(head.activation).float(), head.prefix_of(head.activation).float())


def _curves(
    shown: _Shown, orders: np.ndarray, n_inserted: int, n_shares: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The class's probability under deletion in each of the orders (n, H, W), (n, n_shares + 1), and under insertion in the
    first ``n_inserted`` of them, (n_inserted, n_shares + 1)."""
    image = shown.image.to(shown.encoder.device)
    filling, n = emptied(image), len(orders)
    on_device = torch.from_numpy(orders).to(image.device)
    inner = torch.arange(1, n_shares, device=image.device) / n_shares

    def altered(items: Tensor) -> Tensor:
        """Images (B, 3, H, W) of items: first every order's deletion, then the insertion of some."""
        order, share = items.div(len(inner), rounding_mode="floor"), inner[items % len(inner)]
        deleted, inserted = items[order < n], items[order >= n]
        halves = [
            removed(image, filling, on_device[order[: len(deleted)]], share[: len(deleted)]),
            removed(filling, image, on_device[order[len(deleted) :] - n], share[len(deleted) :]),
        ]
        return torch.cat(halves[: 1 if not len(inserted) else 2])

    n_images = (n + n_inserted) * len(inner)
    probability = partial(_probability, class_idx=shown.class_idx)
    inside = probability(shown.observatory.logits(shown.encoder, altered, n_images, image.shape[1:], progress))
    whole, nothing = probability(shown.encoder.logits(torch.stack([image, filling])))
    return _with_ends(inside[: n * len(inner)], n, whole, nothing), _with_ends(
        inside[n * len(inner) :], n_inserted, nothing, whole
    )


def _probability(logits: Tensor, class_idx: int) -> np.ndarray:
    """Of the class, (N,), from logits (N, n_outputs)."""
    return np.array([float(probabilities(of_image)[class_idx]) for of_image in logits])


def _with_ends(inside: np.ndarray, n: int, first: float, last: float) -> np.ndarray:
    """Curves (n, n_shares + 1) from what lies between their ends, which they share."""
    return np.pad(inside.reshape(n, -1), ((0, 0), (1, 1)), constant_values=((0, 0), (first, last)))
