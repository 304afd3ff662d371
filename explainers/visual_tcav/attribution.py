"""What speaks for a class in one image, and what concepts contribute to it: Visual-TCAV on plain maps and callables.

Everything about an image and a class that does not depend on the concept is computed once (``Evidence``), so a concept with
all its replicates and pseudo-concepts (explainers/visual_tcav/fitting.py) costs one projection and one product of matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainers.integrated_gradients import PathGradients
from explainers.visual_tcav.cav import EPSILON, NEGATIVE, Cavs, at_a_time, class_attribution, concept_attributions, concept_maps
from explainers.visual_tcav.tcav import sensitivities
from models.progress import IGNORED, Progress


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for and against some classes in one image at one depth."""

    class_idx: tuple[int, ...]
    feature_map: Tensor  # (C, H, W)
    attributions: Tensor  # (n_classes, C, H, W) >= 0; what lies on prefix tokens is not among it
    negatives: Tensor  # (n_classes, C, H, W) >= 0: the evidence against, in the same unit
    final_gradients: Tensor  # (n_classes, C, H, W): at the image itself
    class_shares: tuple[float, ...]  # rise of the logit relative to the class that rises most
    off_map_shares: tuple[float, ...]  # of the positive evidence: what lies on prefix tokens
    logit_changes: tuple[float, ...]
    completeness_gaps: tuple[float, ...]  # in units of the logit


@dataclass(frozen=True, eq=False)
class Contributions:
    """What a stack of CAVs contributes to every class in one image."""

    concept_map: Tensor  # (H, W): of the first CAV, the concept's own
    attributions: np.ndarray  # (n_classes, J)
    negatives: np.ndarray  # (n_classes,): of the first CAV
    sensitivities: np.ndarray  # (n_classes, J)

    @staticmethod
    def over_depths(parts: "Sequence[Contributions]") -> "Contributions":
        """The mean over the depths of one image, without a map. A stack has the same examples at every depth, CAV by CAV, so its
        replicates and pseudo-concepts are averaged with it. Sensitivities have other units at every depth: their signs count."""
        return Contributions(
            parts[0].concept_map[:0],
            np.mean([p.attributions for p in parts], axis=0),
            np.mean([p.negatives for p in parts], axis=0),
            np.mean([np.sign(p.sensitivities) for p in parts], axis=0),
        )


# --- what speaks for and against a class --------------------------------------------------------------------------------


def evidence_of(
    path: PathGradients, activation: Tensor, class_idx: Sequence[int], map_of: Callable[[Tensor], Tensor]
) -> Evidence:
    """What speaks for and against some classes, from the gradients along the path of an activation.

    The activation is in the block's own layout, of any shape; ``map_of`` takes a batch of such, (n, ...), to maps
    (n, C, H, W). ``class_idx`` are the path's, or POSITIVE and NEGATIVE of a network with a single logit, whose path has class 0
    alone.
    """
    binary = len(path.logits) == 1
    rows = [0] * len(class_idx) if binary else list(range(len(class_idx)))
    signs = torch.tensor([-1.0 if binary and idx == NEGATIVE else 1.0 for idx in class_idx]).to(activation)
    per_class = (-1, *[1] * activation.ndim)  # the shape of one number per class beside a batch of activations
    attributions = torch.stack(
        [
            class_attribution(path.mean[row] * activation, path.logits, path.baseline_logits, idx)
            for row, idx in zip(rows, class_idx, strict=True)
        ]
    )
    products = signs.view(per_class) * path.mean[rows] * activation
    positive, negative = products.clamp_min(0), (-products).clamp_min(0)
    total, shares = _sums(positive), _sums(attributions)
    off_map = torch.where(total > 0, 1 - _sums(map_of(positive)) / total, 0)
    return Evidence(
        class_idx=tuple(class_idx),
        feature_map=map_of(activation[None])[0],
        attributions=map_of(attributions),
        negatives=map_of(negative * (shares / (total + EPSILON)).view(per_class)),
        final_gradients=map_of(signs.view(per_class) * path.final[rows]),
        class_shares=tuple(shares.tolist()),
        off_map_shares=tuple(off_map.clamp(0, 1).tolist()),
        logit_changes=tuple((signs * torch.tensor(path.logit_changes).to(signs)[rows]).tolist()),
        completeness_gaps=tuple(path.completeness_gaps[row] for row in rows),
    )


def _sums(values: Tensor) -> Tensor:
    """Sum of each item of a batch."""
    return values.flatten(1).sum(1)


# --- what concepts contribute -------------------------------------------------------------------------------------------


def contributions(evidence: Evidence, stack: Cavs, progress: Progress = IGNORED) -> Contributions:
    """What each of J CAVs contributes to every class; so many at a time that their maps fit into memory.

    Between these, ``progress`` may end the work: at shallow depths, whose maps are large, one concept takes many seconds.
    """
    parts, feature_map = stack.split(at_a_time(evidence.feature_map[0].numel())), evidence.feature_map
    first = Cavs(stack.vectors[:1], stack.concept_emblems[:1], stack.random_emblems[:1])
    first_map = concept_maps(feature_map, first)
    attributions = []
    for part in parts:
        progress.check()
        maps = concept_maps(feature_map, part)
        attributions.append(concept_attributions(evidence.attributions, maps, feature_map, part.vectors))
    return Contributions(
        first_map[0],
        torch.cat(attributions, dim=1).double().cpu().numpy(),
        concept_attributions(evidence.negatives, first_map, feature_map, first.vectors)[:, 0].double().cpu().numpy(),
        sensitivities(evidence.final_gradients, stack.vectors).double().cpu().numpy(),
    )
