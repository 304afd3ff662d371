"""Estimates over one image or many: a contribution with its confidence interval and its test against chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from explainers.visual_tcav.attribution import Contributions
from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, calibrated_p_value, confidence_interval, two_sided_p_value
from explainers.visual_tcav.stack import CavStack, Parts
from explainers.visual_tcav.tcav import tcav_scores


@dataclass(frozen=True)
class Estimate:
    """One concept's contribution to one class in one image, with what it takes to believe it."""

    value: float
    interval: tuple[float, float]  # the middle 95 % of bootstrap replicates
    p_value: float  # against pseudo-concepts
    corrected_p_value: float  # after Holm, over everything shown together
    negative: float  # what the concept contributes to the evidence against the class
    null_mean: float
    null_interval: tuple[float, float]  # the middle 95 % of what pseudo-concepts give

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


@dataclass(frozen=True, eq=False)
class ClassEstimate:
    """One concept's contribution to one class, over many images."""

    values: np.ndarray  # (n_images,)
    negatives: np.ndarray  # (n_images,)
    sensitivities: np.ndarray  # (n_images,): TCAV's directional derivatives
    mean: float
    std: float  # of the population, as the paper's implementation has it
    reference_interval: tuple[float, float]  # mean -+ 2 standard errors, not below 0
    interval: tuple[float, float]  # bootstrap over images and examples of the concept
    p_value: float
    corrected_p_value: float
    null_mean: float  # what pseudo-concepts give on average over the same images
    null_interval: tuple[float, float]  # the middle 95 % of it
    tcav_score: float
    tcav_p_value: float  # two-sided, around what pseudo-concepts score on average

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def estimates_of(stack: CavStack, attributions: np.ndarray, negatives: np.ndarray) -> list[Estimate]:
    """One estimate per class, from what a concept's stack contributes for it, (n_classes, J), and the concept against it,
    (n_classes,); not yet corrected for being several."""
    estimates = []
    for for_class, against in zip(attributions, negatives, strict=True):
        parts = stack.parts(for_class)
        p, (null_mean, null_interval) = _p_value(parts), _chance(parts)
        interval = confidence_interval(parts.replicates)
        estimates.append(Estimate(float(parts.observed), interval, p, p, float(against), null_mean, null_interval))
    return estimates


def class_estimate(stack: CavStack, contributed: Sequence[Contributions], seed: int) -> ClassEstimate:
    """One estimate from what a concept's stack contributes to a single class in every image; not yet corrected for being
    several."""
    parts = stack.parts(np.stack([c.attributions[0] for c in contributed]))  # (n_images, ...)
    over_images = parts.mean()
    values, n = parts.observed, len(contributed)
    mean, std = float(over_images.observed), float(values.std())
    error = std / n**0.5
    weights = bootstrap_counts(n, parts.replicates.shape[1], seed + 2) / n  # (B, n_images)
    sensitivities = np.stack([c.sensitivities[0] for c in contributed])  # (n_images, J)
    scores = stack.parts(tcav_scores(torch.from_numpy(sensitivities)).numpy())
    p, (null_mean, null_interval) = _p_value(over_images), _chance(over_images)
    return ClassEstimate(
        values=values,
        negatives=np.stack([c.negatives[0] for c in contributed]),
        sensitivities=sensitivities[:, 0],
        mean=mean,
        std=std,
        reference_interval=(max(0.0, mean - 2 * error), mean + 2 * error),
        interval=confidence_interval((weights * parts.replicates.T).sum(1)),
        p_value=p,
        corrected_p_value=p,
        null_mean=null_mean,
        null_interval=null_interval,
        tcav_score=float(scores.observed),
        tcav_p_value=two_sided_p_value(float(scores.observed), scores.nulls, float(scores.nulls.mean())),
    )


def _p_value(parts: Parts) -> float:
    return calibrated_p_value(float(parts.observed), parts.replicates, parts.nulls, parts.null_replicates)


def _chance(parts: Parts) -> tuple[float, tuple[float, float]]:
    """What pseudo-concepts give: the mean, and the middle 95 %."""
    return float(parts.nulls.mean()), confidence_interval(parts.nulls)
