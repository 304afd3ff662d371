"""Visual-TCAV on plain maps and callables: from fitted concepts and the gradients of an image to figures with their tests.

Everything about an image and a class that does not depend on the concept is computed once (``Evidence``), so a concept with
all its replicates and pseudo-concepts (explainers/visual_tcav/fitting.py) costs one projection and one product of matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainers.integrated_gradients import PathGradients
from explainers.visual_tcav import significance
from explainers.visual_tcav.cav import EPSILON, NEGATIVE, Cavs, at_a_time, class_attribution, concept_attributions, concept_maps
from explainers.visual_tcav.fitting import FittedConcept
from explainers.visual_tcav.significance import interval, mean_p_value, two_sided_p_value
from explainers.visual_tcav.tcav import sensitivities, tcav_scores


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
    negatives: np.ndarray  # (n_classes, J)
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


@dataclass(frozen=True)
class Estimate:
    """One number with what it takes to believe it."""

    value: float
    interval: tuple[float, float]  # the middle 95 % of bootstrap replicates
    p_value: float  # against pseudo-concepts, mean over the replicates
    corrected_p_value: float  # after Holm, over everything shown together
    negative: float  # the same figure for the evidence against the class
    null_mean: float

    @property
    def significant(self) -> bool:
        return self.corrected_p_value <= significance.LEVEL


# --- explaining one image -----------------------------------------------------------------------------------------------


def evidence_of(
    path: PathGradients, activation: Tensor, class_idx: Sequence[int], map_of: Callable[[Tensor], Tensor]
) -> Evidence:
    """From the gradients along the path of an activation in the block's own layout, a batch of which ``map_of`` takes to maps.

    ``class_idx`` are the path's, or POSITIVE and NEGATIVE of a network with a single logit, whose path has class 0 alone.
    """
    binary = len(path.logits) == 1
    rows = [0] * len(class_idx) if binary else range(len(class_idx))
    signs = torch.tensor([-1.0 if binary and idx == NEGATIVE else 1.0 for idx in class_idx]).to(activation)
    attributions = torch.stack(
        [
            class_attribution(path.mean[row] * activation, path.logits, path.baseline_logits, idx)
            for row, idx in zip(rows, class_idx, strict=True)
        ]
    )
    signed = signs.view(-1, *[1] * activation.ndim)
    products = signed * path.mean[list(rows)] * activation
    positive, negative = products.clamp_min(0), (-products).clamp_min(0)
    total = _sums(positive)
    shares = _sums(attributions)
    per_unit = (shares / (total + EPSILON)).view(-1, *[1] * activation.ndim)
    off_map = 1 - _sums(map_of(positive)) / torch.where(total > 0, total, 1)
    return Evidence(
        class_idx=tuple(class_idx),
        feature_map=map_of(activation[None])[0],
        attributions=map_of(attributions),
        negatives=map_of(negative * per_unit),
        final_gradients=map_of(signed * path.final[list(rows)]),
        class_shares=tuple(shares.tolist()),
        off_map_shares=tuple(torch.where(total > 0, off_map, 0).clamp(0, 1).tolist()),
        logit_changes=tuple((signs * torch.tensor(path.logit_changes).to(signs)[list(rows)]).tolist()),
        completeness_gaps=tuple(path.completeness_gaps[row] for row in rows),
    )


def _sums(values: Tensor) -> Tensor:
    """Sum of each item of a batch."""
    return values.flatten(1).sum(1)


def contributions(evidence: Evidence, stack: Cavs) -> Contributions:
    """What every CAV of a stack contributes to every class; so many at a time that their maps fit into memory."""
    parts = [_contributions(evidence, part) for part in stack.split(at_a_time(evidence.feature_map[0].numel()))]
    figures = (torch.cat(column, 1).double().cpu().numpy() for column in zip(*(part[1:] for part in parts), strict=True))
    return Contributions(parts[0][0], *figures)


def _contributions(evidence: Evidence, stack: Cavs) -> tuple[Tensor, ...]:
    """The first CAV's map (H, W), then attributions, negatives and sensitivities, (n_classes, J) each."""
    maps = concept_maps(evidence.feature_map, stack)
    figures = (
        concept_attributions(of_class, maps, evidence.feature_map, stack.vectors)
        for of_class in (evidence.attributions, evidence.negatives)
    )
    return maps[0].clone(), *figures, sensitivities(evidence.final_gradients, stack.vectors)


# --- figures over one image or many -------------------------------------------------------------------------------------


def estimates_of(fitted: FittedConcept, attributions: np.ndarray, negatives: np.ndarray) -> list[Estimate]:
    """One figure per class from the contributions (n_classes, J) of a concept's stack; not yet corrected for being several."""
    observed, replicates, nulls = fitted.parts(attributions)
    return [
        Estimate(
            value=float(value),
            interval=interval(of_replicates),
            p_value=(p := mean_p_value(value, of_replicates, null)),
            corrected_p_value=p,
            negative=float(negative),
            null_mean=float(null.mean()),
        )
        for value, of_replicates, null, negative in zip(observed, replicates, nulls, negatives[:, 0], strict=True)
    ]


@dataclass(frozen=True, eq=False)
class ClassEstimate:
    """One concept's contribution to one class, over many images."""

    values: np.ndarray  # (n_images,)
    negatives: np.ndarray  # (n_images,)
    sensitivities: np.ndarray  # (n_images,): TCAV's directional derivatives
    mean: float
    std: float  # of the population, as the reference has it
    reference_interval: tuple[float, float]  # mean -+ 2 standard errors, not below 0
    interval: tuple[float, float]  # bootstrap over images and examples of the concept
    p_value: float
    corrected_p_value: float
    null_mean: float  # what pseudo-concepts give on average over the same images
    tcav_score: float
    tcav_p_value: float  # two-sided, around what pseudo-concepts score on average

    @property
    def significant(self) -> bool:
        return self.corrected_p_value <= significance.LEVEL


def class_estimate(fitted: FittedConcept, contributed: Sequence[Contributions], seed: int) -> ClassEstimate:
    """From the contributions of one stack in every image, for a single class; not yet corrected for being several."""
    attributions = np.stack([c.attributions[0] for c in contributed])  # (n_images, J)
    observed, replicates, nulls = fitted.parts(attributions)
    n = len(observed)
    mean, std = float(observed.mean()), float(observed.std())
    error = std / n**0.5
    counts = significance.bootstrap_counts(n, replicates.shape[1], seed + 2) / n  # (B, n_images)
    sensitivity = np.stack([c.sensitivities[0] for c in contributed])
    scores = tcav_scores(torch.from_numpy(sensitivity)).numpy()
    score, _, null_scores = fitted.parts(scores)
    p = mean_p_value(mean, replicates.mean(0), nulls.mean(0))
    return ClassEstimate(
        values=observed,
        negatives=np.stack([c.negatives[0, 0] for c in contributed]),
        sensitivities=sensitivity[:, 0],
        mean=mean,
        std=std,
        reference_interval=(max(0.0, mean - 2 * error), mean + 2 * error),
        interval=interval((counts * replicates.T).sum(1)),
        p_value=p,
        corrected_p_value=p,
        null_mean=float(nulls.mean()),
        tcav_score=float(score),
        tcav_p_value=two_sided_p_value(float(score), null_scores, float(null_scores.mean())),
    )
