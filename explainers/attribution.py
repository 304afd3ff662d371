"""Visual-TCAV from end to end, on plain maps and callables: CAVs of many concepts at many depths, then images one by one.

    maps source   callable that yields, per image, one feature map (C, H, W) per depth; it is asked twice and nothing is kept:
                  pass 1 takes mean activations (one vector per image), pass 2 responses (one number per image and CAV)
    stack         the CAVs that are followed together: the concept's own, its bootstrap replicates, its pseudo-concepts

Everything about an image and a class that does not depend on the concept is computed once (``Evidence``), so a concept with
all its replicates and pseudo-concepts costs one projection and one product of matrices.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from explainers import significance
from explainers.errors import TooFewExamples
from explainers.integrated_gradients import PathGradients
from explainers.significance import CavHealth, interval, p_value, two_sided_p_value
from explainers.tcav import sensitivities, tcav_scores
from explainers.visual_tcav import (
    EPSILON,
    NEGATIVE,
    Cav,
    Cavs,
    class_attribution,
    concept_attributions,
    concept_maps,
    responses,
)

T = TypeVar("T")
MapsSource = Callable[[], Iterable[Sequence[Tensor]]]


@dataclass(frozen=True)
class FitSettings:
    """What decides a CAV and its tests, besides the images."""

    n_null: int = 400
    n_bootstrap: int = 100
    seed: int = 0


@dataclass(frozen=True, eq=False)
class FittedConcept:
    """One concept at one depth."""

    name: str
    cav: Cav
    replicates: Cavs  # of resampled concept and random images
    nulls: Cavs  # pseudo-concepts
    health: CavHealth
    concept_responses: np.ndarray  # (n_concept,): how strongly every image responds
    random_responses: np.ndarray  # (n_random,)

    @property
    def norm(self) -> float:
        return float(self.cav.vector.norm())

    @property
    def emblems(self) -> tuple[float, float]:
        return self.cav.concept_emblem, self.cav.random_emblem

    @property
    def stack(self) -> Cavs:
        return Cavs.joined([Cavs.of(self.cav), self.replicates, self.nulls])

    def parts(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The last axis of figures for the whole stack, taken apart: observed (without that axis), replicates, nulls."""
        first_null = 1 + len(self.replicates)
        return values[..., 0], values[..., 1:first_null], values[..., first_null:]


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

    maps: Tensor  # (J, H, W)
    attributions: np.ndarray  # (n_classes, J)
    negatives: np.ndarray  # (n_classes, J)
    sensitivities: np.ndarray  # (n_classes, J)


@dataclass(frozen=True)
class Figure:
    """One number with what it takes to believe it."""

    value: float
    interval: tuple[float, float]  # the middle 95 % of bootstrap replicates
    p_value: float  # against pseudo-concepts
    corrected_p_value: float  # after Holm, over everything shown together
    negative: float  # the same figure for the evidence against the class
    null_mean: float

    @property
    def significant(self) -> bool:
        return self.corrected_p_value <= significance.LEVEL


# --- fitting ------------------------------------------------------------------------------------------------------------


def fit_concepts(concepts: Mapping[str, MapsSource], random: MapsSource, settings: FitSettings) -> dict[str, list[FittedConcept]]:
    """Per concept one FittedConcept per depth. Concepts of one size share their pseudo-concepts."""
    random_pooled = _pooled(random, "the random counterpart")
    n_random = len(random_pooled[0])
    pooled = {name: _pooled(source, f"'{name}'") for name, source in concepts.items()}
    plans = {name: _Plan(len(p[0]), n_random, settings) for name, p in pooled.items()}
    vectors = {name: _at_every_depth(plan.vectors, pooled[name], random_pooled) for name, plan in plans.items()}
    chosen = {plan.null_size: plan.chosen for plan in plans.values()}
    null_vectors = {n: [significance.mean_differences(p, subsets) for p in random_pooled] for n, subsets in chosen.items()}
    of_random = _responses_together(random, {**vectors, **null_vectors})
    nulls = {n: _at_every_depth(partial(_null_cavs, chosen[n]), null_vectors[n], of_random[n]) for n in chosen}
    fitted = {}
    for name, source in concepts.items():
        own = _responses(source, vectors[name])
        columns = (pooled[name], random_pooled, vectors[name], own, of_random[name], nulls[plans[name].null_size])
        fitted[name] = _at_every_depth(partial(plans[name].fitted, name), *columns)
    return fitted


def _at_every_depth(fn: Callable[..., T], *columns: Sequence) -> list[T]:
    return [fn(*of_depth) for of_depth in zip(*columns, strict=True)]


def _null_cavs(chosen: np.ndarray, vectors: Tensor, of_random: Tensor) -> Cavs:
    """Pseudo-concepts with their emblems: over the chosen images, and over the rest."""
    emblems = (significance.weighted_emblems(of_random, counts) for counts in (chosen.astype(int), (~chosen).astype(int)))
    return Cavs(vectors, *emblems)


class _Plan:
    """Which images make up the replicates and pseudo-concepts of a concept of this size."""

    def __init__(self, n_concept: int, n_random: int, settings: FitSettings):
        self.seed = settings.seed
        self.chosen = significance.null_subsets(n_random, n_concept, settings.n_null, settings.seed)
        self.null_size = int(self.chosen[0].sum())
        self.concept_counts = significance.bootstrap_counts(n_concept, settings.n_bootstrap, settings.seed)
        self.random_counts = significance.bootstrap_counts(n_random, settings.n_bootstrap, settings.seed + 1)

    def vectors(self, concept: Tensor, random: Tensor) -> Tensor:
        """The concept's own CAV and its replicates, (1 + n_bootstrap, C), from pooled activations (n, C)."""
        own = (concept.mean(0) - random.mean(0))[None]
        return torch.cat([own, significance.replicate_vectors((concept, random), (self.concept_counts, self.random_counts))])

    def fitted(
        self, name: str, concept: Tensor, random: Tensor, vectors: Tensor, own: Tensor, others: Tensor, nulls: Cavs
    ) -> FittedConcept:
        """From pooled activations (n, C) of both sets, the vectors (J, C), and the responses (n, J) of both sets."""
        high, low = (
            significance.weighted_emblems(found, np.concatenate([np.ones((1, len(found)), int), counts]))
            for found, counts in ((own, self.concept_counts), (others, self.random_counts))
        )
        cav = Cav(vectors[0], float(high[0]), float(low[0]))
        emblems = (cav.concept_emblem, cav.random_emblem)
        return FittedConcept(
            name=name,
            cav=cav,
            replicates=Cavs(vectors[1:], high[1:], low[1:]),
            nulls=nulls,
            health=significance.health(concept, random, emblems, vectors[1:], self.seed),
            concept_responses=own[:, 0].cpu().numpy(),
            random_responses=others[:, 0].cpu().numpy(),
        )


def _pooled(source: MapsSource, what: str) -> list[Tensor]:
    """Mean activation of every image, one (N, C) per depth."""
    rows = [[feature_map.mean((1, 2)) for feature_map in maps] for maps in source()]
    if not rows:
        raise TooFewExamples(f"There are no images in {what}. Add some: 30 or more are recommended.")
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _responses(source: MapsSource, vectors: Sequence[Tensor]) -> list[Tensor]:
    """Response of every image to every CAV, one (N, J) per depth."""
    rows = [[responses(m[None], v)[0] for m, v in zip(maps, vectors, strict=True)] for maps in source()]
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _responses_together(source: MapsSource, vectors: Mapping[Hashable, Sequence[Tensor]]) -> dict[Hashable, list[Tensor]]:
    """The responses to several groups of CAVs from one walk through the images, taken apart again."""
    sizes = [len(of_depths[0]) for of_depths in vectors.values()]
    found = _responses(source, [torch.cat(of_depth) for of_depth in zip(*vectors.values(), strict=True)])
    parts = [of_depth.split(sizes, dim=1) for of_depth in found]
    return {name: [of_depth[n] for of_depth in parts] for n, name in enumerate(vectors)}


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
    """What every CAV of a stack contributes to every class."""
    maps = concept_maps(evidence.feature_map, stack)
    figures = [
        concept_attributions(of_class, maps, evidence.feature_map, stack.vectors)
        for of_class in (evidence.attributions, evidence.negatives)
    ]
    figures.append(sensitivities(evidence.final_gradients, stack.vectors))
    return Contributions(maps, *(f.double().cpu().numpy() for f in figures))


# --- figures over one image or many -------------------------------------------------------------------------------------


def figures_of(fitted: FittedConcept, attributions: np.ndarray, negatives: np.ndarray) -> list[Figure]:
    """One figure per class from the contributions (n_classes, J) of a concept's stack; not yet corrected for being several."""
    observed, replicates, nulls = fitted.parts(attributions)
    return [
        Figure(
            value=float(value),
            interval=interval(of_replicates),
            p_value=(p := p_value(value, null)),
            corrected_p_value=p,
            negative=float(negative),
            null_mean=float(null.mean()),
        )
        for value, of_replicates, null, negative in zip(observed, replicates, nulls, negatives[:, 0], strict=True)
    ]


@dataclass(frozen=True, eq=False)
class ClassFigure:
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
    tcav_score: float
    tcav_p_value: float  # two-sided, around what pseudo-concepts score on average

    @property
    def significant(self) -> bool:
        return self.corrected_p_value <= significance.LEVEL


def class_figure(fitted: FittedConcept, contributed: Sequence[Contributions], seed: int) -> ClassFigure:
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
    p = p_value(mean, nulls.mean(0))
    return ClassFigure(
        values=observed,
        negatives=np.stack([c.negatives[0, 0] for c in contributed]),
        sensitivities=sensitivity[:, 0],
        mean=mean,
        std=std,
        reference_interval=(max(0.0, mean - 2 * error), mean + 2 * error),
        interval=interval((counts * replicates.T).sum(1)),
        p_value=p,
        corrected_p_value=p,
        tcav_score=float(score),
        tcav_p_value=two_sided_p_value(float(score), null_scores, float(null_scores.mean())),
    )
