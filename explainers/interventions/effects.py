"""What an intervention does to a class, beside what pseudo-concepts of the same clearness do.

drop   how far the class's logit (or its probability) falls when the component is removed: unchanged less removed
null   the same drops of pseudo-concepts; the p-value is the rank of the concept's drop among them, itself counted (Phipson and
       Smyth 2010), and Holm's correction is over everything shown together

The first row of every array is the concept's own, the others are those of its pseudo-concepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explainers.interventions.settings import REMOVED, UNCHANGED
from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, p_value

COVERAGE = 0.95


@dataclass(frozen=True, eq=False)
class Response:
    """A class's logit or probability as a concept goes from removed to doubled: the dose-response curve."""

    curve: np.ndarray  # (n_strengths,)
    low: np.ndarray  # (n_strengths,): the middle 95 % of pseudo-concepts
    high: np.ndarray  # (n_strengths,)
    drop: float  # from unchanged to removed
    null_interval: tuple[float, float]  # the middle 95 % of pseudo-concepts' drops
    p_value: float  # how often pseudo-concepts drop as far
    corrected_p_value: float  # after Holm, over everything shown together

    @property
    def significant(self) -> bool:
        """Whether chance rarely takes as much, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


@dataclass(frozen=True, eq=False)
class Effect:
    """What scaling one concept does to one class in one photo."""

    logit: Response
    probability: Response


@dataclass(frozen=True, eq=False)
class ClassEffect:
    """What scaling one concept does to one class over many photos of it."""

    drops: np.ndarray  # (n_images,): of the logit
    probability_drops: np.ndarray  # (n_images,)
    change: Response  # of the logit, from unchanged, mean over the images; its drop is the mean drop
    interval: tuple[float, float]  # bootstrap over the images
    probability_drop: float  # mean

    @property
    def significant(self) -> bool:
        """Whether chance rarely takes as much, over everything shown together."""
        return self.change.significant


def effect_of(logits: np.ndarray, probabilities: np.ndarray, strengths: Sequence[float]) -> Effect:
    """The effect on one class, from its logits and its probabilities (1 + n_null, n_strengths) each; not yet corrected for being
    several."""
    return Effect(response_of(logits, strengths), response_of(probabilities, strengths))


def response_of(values: np.ndarray, strengths: Sequence[float]) -> Response:
    """The dose-response curve with its band and test, from values (1 + n_null, n_strengths)."""
    drops = drops_of(values, strengths)
    low, high = np.quantile(values[1:], [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    p = p_value(float(drops[0]), drops[1:])
    return Response(values[0], low, high, float(drops[0]), confidence_interval(drops[1:], COVERAGE), p, p)


def drops_of(values: np.ndarray, strengths: Sequence[float]) -> np.ndarray:
    """How far values (..., n_strengths) fall from unchanged to removed, (...)."""
    return values[..., list(strengths).index(UNCHANGED)] - values[..., list(strengths).index(REMOVED)]


def class_effect(
    logits: Sequence[np.ndarray], probabilities: Sequence[np.ndarray], strengths: Sequence[float], n_bootstrap: int, seed: int
) -> ClassEffect:
    """The effect over several images, from the class's logits and its probabilities in each, (1 + n_null, n_strengths) each; not
    yet corrected for being several."""
    place = list(strengths).index(UNCHANGED)
    changes = np.stack([values - values[:, place, None] for values in logits])
    drops, probability_drops = drops_of(changes[:, 0], strengths), drops_of(np.stack(probabilities)[:, 0], strengths)
    weights = bootstrap_counts(len(drops), n_bootstrap, seed) / len(drops)
    interval = confidence_interval(weights @ drops, COVERAGE)
    change = response_of(changes.mean(0), strengths)
    return ClassEffect(drops, probability_drops, change, interval, float(probability_drops.mean()))
