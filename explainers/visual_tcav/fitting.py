"""CAVs of many concepts at many depths, with what it takes to believe them: replicates, pseudo-concepts, health.

maps source   callable that yields, per image, one feature map (C, H, W) per depth; it is asked twice and nothing is kept:
              pass 1 takes mean activations (one vector per image), pass 2 responses (one number per image and CAV)
stack         the CAVs that are followed together: the concept's own, its bootstrap replicates, its pseudo-concepts
held out      a CAV fitted without some images (a fold), to which just those respond
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from explainers.visual_tcav import significance
from explainers.visual_tcav.cav import Cav, Cavs, responses
from explainers.visual_tcav.significance import CavHealth
from models.errors import TooFewExamples

T = TypeVar("T")
MapsSource = Callable[[], Iterable[Sequence[Tensor]]]


@dataclass(frozen=True)
class FitSettings:
    """What decides a CAV and its tests, besides the images."""

    n_null: int = 1000
    n_bootstrap: int = 100
    seed: int = 0


@dataclass(frozen=True, eq=False)
class FittedConcept:
    """One concept at one depth."""

    name: str
    cav: Cav
    replicates: Cavs  # of resampled concept and random images
    nulls: Cavs  # pseudo-concepts, shown as clearly as the concept is
    health: CavHealth
    concept_responses: np.ndarray  # (n_concept,): how strongly every image responds
    random_responses: np.ndarray  # (n_random,)
    pooled: tuple[Tensor, Tensor]  # mean activations of concept and random images, (n, C) each: what all CAVs are made of

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


# --- fitting ------------------------------------------------------------------------------------------------------------


def fit_concepts(concepts: Mapping[str, MapsSource], random: MapsSource, settings: FitSettings) -> dict[str, list[FittedConcept]]:
    """Per concept one FittedConcept per depth. Concepts of one size share their pseudo-concepts."""
    random_pooled = _pooled(random, "the random counterpart")
    pooled = {name: _pooled(source, f"'{name}'") for name, source in concepts.items()}
    plans = {name: _Plan(len(p[0]), len(random_pooled[0]), settings) for name, p in pooled.items()}
    nulls = {plan.nulls.size: plan.nulls for plan in plans.values()}
    vectors = {name: _at_every_depth(plan.vectors, pooled[name], random_pooled) for name, plan in plans.items()}
    null_vectors = {size: _at_every_depth(null.vectors, random_pooled) for size, null in nulls.items()}
    random_folds = significance.folds(len(random_pooled[0]), settings.seed)
    of_random = _responses_together(random, {**vectors, **null_vectors}, random_folds)
    pseudo = {size: _at_every_depth(null.fitted, null_vectors[size], of_random[size]) for size, null in nulls.items()}
    fitted = {}
    for name, source in concepts.items():
        own = _responses(source, vectors[name], plans[name].concept_folds)
        columns = (pooled[name], random_pooled, vectors[name], own, of_random[name], pseudo[plans[name].nulls.size])
        fitted[name] = _at_every_depth(partial(plans[name].fitted, name), *columns)
    return fitted


def _at_every_depth(fn: Callable[..., T], *columns: Sequence) -> list[T]:
    return [fn(*of_depth) for of_depth in zip(*columns, strict=True)]


@dataclass(frozen=True, eq=False)
class _Vectors:
    """CAVs of one depth to which responses are asked for."""

    of_all: Tensor  # (J, C): every image responds
    held_out: Tensor  # (n_folds, H, C): fitted without the images of a fold, which are those that respond

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.of_all), self.held_out.shape[1]

    @staticmethod
    def joined(parts: Sequence["_Vectors"]) -> "_Vectors":
        return _Vectors(torch.cat([p.of_all for p in parts]), torch.cat([p.held_out for p in parts], 1))

    def responses(self, feature_map: Tensor, fold: int) -> Tensor:
        """Of one image, (J + H,)."""
        return responses(feature_map[None], torch.cat([self.of_all, self.held_out[fold]]))[0]


@dataclass(frozen=True, eq=False)
class _PseudoConcepts:
    """Pseudo-concepts at one depth, and how much held-out random images scatter in their responses to the like of each."""

    cavs: Cavs
    scatters: Tensor  # (n_null,)


class _Nulls:
    """Which random images make up each pseudo-concept of one size."""

    def __init__(self, chosen: np.ndarray, folds: np.ndarray):
        self.chosen, self.folds = chosen, folds

    @property
    def size(self) -> int:
        return int(self.chosen[0].sum())

    def vectors(self, random: Tensor) -> _Vectors:
        """From pooled activations (n_random, C)."""
        kept = [self.folds != fold for fold in range(significance.N_FOLDS)]
        held_out = [significance.mean_differences(random[torch.from_numpy(k)], self.chosen[:, k]) for k in kept]
        return _Vectors(significance.mean_differences(random, self.chosen), torch.stack(held_out))

    def fitted(self, vectors: _Vectors, of_random: Tensor) -> _PseudoConcepts:
        """From the responses of all random images, (n_random, n_null + n_null)."""
        own, held_out = of_random.split(vectors.sizes, dim=1)
        sides = (self.chosen.astype(int), (~self.chosen).astype(int))
        emblems = (significance.weighted_emblems(own, counts) for counts in sides)
        return _PseudoConcepts(Cavs(vectors.of_all, *emblems), held_out.std(0, correction=0))


class _Plan:
    """Which images make up the replicates, folds and pseudo-concepts of a concept of this size."""

    def __init__(self, n_concept: int, n_random: int, settings: FitSettings):
        self.seed = settings.seed
        self.concept_folds, self.random_folds = (significance.folds(n, settings.seed) for n in (n_concept, n_random))
        self.nulls = _Nulls(significance.null_subsets(n_random, n_concept, settings.n_null, settings.seed), self.random_folds)
        self.concept_counts = significance.bootstrap_counts(n_concept, settings.n_bootstrap, settings.seed)
        self.random_counts = significance.bootstrap_counts(n_random, settings.n_bootstrap, settings.seed + 1)

    def vectors(self, concept: Tensor, random: Tensor) -> _Vectors:
        """The concept's own CAV and its replicates, (1 + n_bootstrap, C), and a held-out one, from pooled activations (n, C)."""
        own = (concept.mean(0) - random.mean(0))[None]
        replicates = significance.replicate_vectors((concept, random), (self.concept_counts, self.random_counts))
        held_out = [self._without(fold, concept, random) for fold in range(significance.N_FOLDS)]
        return _Vectors(torch.cat([own, replicates]), torch.stack(held_out))

    def _without(self, fold: int, concept: Tensor, random: Tensor) -> Tensor:
        """The CAV (1, C) without one fold of images; zero where a single image leaves nothing to be fitted on."""
        kept = (concept[torch.from_numpy(self.concept_folds != fold)], random[torch.from_numpy(self.random_folds != fold)])
        return (kept[0].mean(0) - kept[1].mean(0))[None] if len(kept[0]) else torch.zeros_like(random[:1])

    def fitted(
        self, name: str, concept: Tensor, random: Tensor, vectors: _Vectors, own: Tensor, others: Tensor, pseudo: _PseudoConcepts
    ) -> FittedConcept:
        """From pooled activations (n, C) of both sets, the vectors, and the responses of both sets, (n, 1 + n_bootstrap + 1)."""
        (own, own_held_out), (others, others_held_out) = (found.split(vectors.sizes, dim=1) for found in (own, others))
        high, low = (
            significance.weighted_emblems(found, np.concatenate([np.ones((1, len(found)), int), counts]))
            for found, counts in ((own, self.concept_counts), (others, self.random_counts))
        )
        cavs, replicates = vectors.of_all, vectors.of_all[1:]
        cav = Cav(cavs[0], float(high[0]), float(low[0]))
        clearness = significance.clearness(own_held_out[:, 0], others_held_out[:, 0])
        return FittedConcept(
            name=name,
            cav=cav,
            replicates=Cavs(replicates, high[1:], low[1:]),
            nulls=significance.shown_as_clearly(pseudo.cavs, pseudo.scatters, clearness),
            health=significance.health(concept, random, (cav.concept_emblem, cav.random_emblem), replicates, self.seed),
            concept_responses=own[:, 0].cpu().numpy(),
            random_responses=others[:, 0].cpu().numpy(),
            pooled=(concept, random),
        )

    def stack(self, concept: Tensor, random: Tensor) -> Tensor:
        """The vectors of the whole stack anew, (1 + n_bootstrap + n_null, C): own, replicates, pseudo-concepts."""
        return torch.cat([self.vectors(concept, random).of_all, self.nulls.vectors(random).of_all])


def _pooled(source: MapsSource, what: str) -> list[Tensor]:
    """Mean activation of every image, one (N, C) per depth."""
    rows = [[feature_map.mean((1, 2)) for feature_map in maps] for maps in source()]
    if not rows:
        raise TooFewExamples(f"There are no images in {what}. Add some: 30 or more are recommended.")
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _responses(source: MapsSource, vectors: Sequence[_Vectors], folds: np.ndarray) -> list[Tensor]:
    """Response of every image, each of one fold, to every CAV, one (N, J + H) per depth."""
    walked = zip(source(), folds, strict=True)
    rows = [[v.responses(m, fold) for m, v in zip(maps, vectors, strict=True)] for maps, fold in walked]
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _responses_together(
    source: MapsSource, vectors: Mapping[Hashable, Sequence[_Vectors]], folds: np.ndarray
) -> dict[Hashable, list[Tensor]]:
    """The responses to several groups of CAVs from one walk through the images, taken apart again."""
    sizes = [of_depths[0].sizes for of_depths in vectors.values()]
    found = _responses(source, [_Vectors.joined(of_depth) for of_depth in zip(*vectors.values(), strict=True)], folds)
    parts = [of_depth.split([of_all for of_all, _ in sizes] + [held_out for _, held_out in sizes], dim=1) for of_depth in found]
    pairs = [[torch.cat(both, 1) for both in zip(p[: len(sizes)], p[len(sizes) :], strict=True)] for p in parts]
    return {name: [of_depth[n] for of_depth in pairs] for n, name in enumerate(vectors)}


# --- a fit on disk ------------------------------------------------------------------------------------------------------


def as_tensors(fit: FittedConcept) -> dict[str, Tensor]:
    """For a safetensors file. Vectors are left out: they are sums of pooled activations, and a thousand of them are large."""
    health, stack = fit.health, fit.stack
    return {
        "concept_pooled": fit.pooled[0],
        "random_pooled": fit.pooled[1],
        "concept_emblems": stack.concept_emblems,
        "random_emblems": stack.random_emblems,
        "concept_responses": torch.from_numpy(fit.concept_responses.copy()),
        "random_responses": torch.from_numpy(fit.random_responses.copy()),
        "health": torch.tensor([health.auc, health.emblem_gap, health.stability], dtype=torch.float64),
    }


def from_tensors(name: str, tensors: Mapping[str, Tensor], settings: FitSettings) -> FittedConcept | None:
    """The fit again, made under the same settings; None if the file holds something else."""
    try:
        concept, random = tensors["concept_pooled"], tensors["random_pooled"]
        vectors = _Plan(len(concept), len(random), settings).stack(concept, random)
        stack = Cavs(vectors, tensors["concept_emblems"], tensors["random_emblems"])
        sizes = [1, settings.n_bootstrap, settings.n_null]
        columns = zip(*(t.split(sizes) for t in (vectors, stack.concept_emblems, stack.random_emblems)), strict=True)
        _, replicates, nulls = (Cavs(*column) for column in columns)
        auc, gap, stability = tensors["health"].tolist()
        health = CavHealth(auc, gap, stability, len(concept), len(random))
        responded = (tensors[key].numpy() for key in ("concept_responses", "random_responses"))
        return FittedConcept(name, stack[0], replicates, nulls, health, *responded, pooled=(concept, random))
    except (KeyError, ValueError, RuntimeError):
        return None
