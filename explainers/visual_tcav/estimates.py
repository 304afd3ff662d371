"""Estimates over one image or many: a contribution with its confidence interval and its test against chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from explainers.visual_tcav.attribution import Contributions
from explainers.visual_tcav.fitting import FittedConcept
from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, mean_p_value, two_sided_p_value
from explainers.visual_tcav.tcav import tcav_scores


@dataclass(frozen=True)
class Estimate:
    """One concept's contribution to one class in one image, with what it takes to believe it."""

    value: float
    interval: tuple[float, float]  # the middle 95 % of bootstrap replicates
    p_value: float  # against pseudo-concepts, mean over the replicates
    corrected_p_value: float  # after Holm, over everything shown together
    negative: float  # what the concept contributes to the evidence against the class
    null_mean: float

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
    tcav_score: float
    tcav_p_value: float  # two-sided, around what pseudo-concepts score on average

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def estimates_of(fitted: FittedConcept, attributions: np.ndarray, negatives: np.ndarray) -> list[Estimate]:
    """One estimate per class from what a concept's stack contributes for and against it, (n_classes, J) each.

    They are not yet corrected for being several.
    """
    observed, replicates, nulls = fitted.parts(attributions)
    estimates = []
    for n, value in enumerate(observed):
        p = mean_p_value(value, replicates[n], nulls[n])
        interval, null_mean = confidence_interval(replicates[n]), float(nulls[n].mean())
        estimates.append(Estimate(float(value), interval, p, p, float(negatives[n, 0]), null_mean))
    return estimates


def class_estimate(fitted: FittedConcept, contributed: Sequence[Contributions], seed: int) -> ClassEstimate:
    """One estimate from what a concept's stack contributes to a single class in every image; not yet corrected for being
    several."""
    attributions = np.stack([c.attributions[0] for c in contributed])  # (n_images, J)
    observed, replicates, nulls = fitted.parts(attributions)
    n = len(observed)
    mean, std = float(observed.mean()), float(observed.std())
    error = std / n**0.5
    weights = bootstrap_counts(n, replicates.shape[1], seed + 2) / n  # (B, n_images)
    sensitivities = np.stack([c.sensitivities[0] for c in contributed])  # (n_images, J)
    score, _, null_scores = fitted.parts(tcav_scores(torch.from_numpy(sensitivities)).numpy())
    p = mean_p_value(mean, replicates.mean(0), nulls.mean(0))
    return ClassEstimate(
        values=observed,
        negatives=np.stack([c.negatives[0, 0] for c in contributed]),
        sensitivities=sensitivities[:, 0],
        mean=mean,
        std=std,
        reference_interval=(max(0.0, mean - 2 * error), mean + 2 * error),
        interval=confidence_interval((weights * replicates.T).sum(1)),
        p_value=p,
        corrected_p_value=p,
        null_mean=float(nulls.mean()),
        tcav_score=float(score),
        tcav_p_value=two_sided_p_value(float(score), null_scores, float(null_scores.mean())),
    )
