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

from explainers.visual_tcav.cav import Cav, Cavs, mean_difference, pooled, responses, with_emblems
from explainers.visual_tcav.health import CavHealth, health_of
from explainers.visual_tcav.nulls import effect_size, mean_differences, null_subsets, raised_to_effect_size
from explainers.visual_tcav.resampling import N_FOLDS, bootstrap_counts, folds, replicate_vectors, weighted_emblems
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
    nulls: Cavs  # pseudo-concepts, with at least the concept's effect size
    health: CavHealth
    concept_responses: np.ndarray  # (n_concept,): how strongly every image responds
    random_responses: np.ndarray  # (n_random,)
    pooled: tuple[Tensor, Tensor]  # mean activations of concept and random images, (n, C) each: what all CAVs are made of

    @property
    def norm(self) -> float:
        """Length of the CAV's vector."""
        return float(self.cav.vector.norm())

    @property
    def emblems(self) -> tuple[float, float]:
        """The concept's emblem and the random one."""
        return self.cav.concept_emblem, self.cav.random_emblem

    @property
    def stack(self) -> Cavs:
        """The CAVs that are followed together: the concept's own, its replicates, its pseudo-concepts."""
        return Cavs.joined([Cavs.of(self.cav), self.replicates, self.nulls])

    def parts(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values (..., J) for the whole stack taken apart: observed (...), replicates (..., B), nulls (..., n_null)."""
        first_null = 1 + len(self.replicates)
        return values[..., 0], values[..., 1:first_null], values[..., first_null:]


# --- fitting ------------------------------------------------------------------------------------------------------------


def fit_concepts(concepts: Mapping[str, MapsSource], random: MapsSource, settings: FitSettings) -> dict[str, list[FittedConcept]]:
    """Every concept at every depth, by the concept's name. Concepts of one size share their pseudo-concepts.

    Raises TooFewExamples where a concept has no image, or the random counterpart fewer than MIN_RANDOM.
    """
    random_pooled = _pooled(random, "the random counterpart")
    concept_pooled = {name: _pooled(source, f"'{name}'") for name, source in concepts.items()}
    draws = {name: _Draws(len(p[0]), len(random_pooled[0]), settings) for name, p in concept_pooled.items()}
    null_draws = {drawn.nulls.size: drawn.nulls for drawn in draws.values()}
    vectors = {name: _at_every_depth(drawn.vectors, concept_pooled[name], random_pooled) for name, drawn in draws.items()}
    null_vectors = {size: _at_every_depth(drawn.vectors, random_pooled) for size, drawn in null_draws.items()}
    random_folds = folds(len(random_pooled[0]), settings.seed)
    random_responses = _responses_to_groups(random, {**vectors, **null_vectors}, random_folds)
    pseudo_concepts = {
        size: _at_every_depth(drawn.pseudo_concepts, null_vectors[size], random_responses[size])
        for size, drawn in null_draws.items()
    }
    fitted = {}
    for name, source in concepts.items():
        concept_responses = _responses(source, vectors[name], draws[name].concept_folds)
        concept_images = _at_every_depth(_Images, concept_pooled[name], concept_responses)
        random_images = _at_every_depth(_Images, random_pooled, random_responses[name])
        nulls = pseudo_concepts[draws[name].nulls.size]
        fitted[name] = _at_every_depth(partial(draws[name].fitted, name), vectors[name], concept_images, random_images, nulls)
    return fitted


def _at_every_depth(fn: Callable[..., T], *columns: Sequence) -> list[T]:
    return [fn(*at_depth) for at_depth in zip(*columns, strict=True)]


def _pooled(source: MapsSource, what: str) -> list[Tensor]:
    """Mean activation of every image, one (N, C) per depth."""
    rows = [[pooled(feature_map[None])[0] for feature_map in maps] for maps in source()]
    if not rows:
        raise TooFewExamples(f"There are no images in {what}. Add some: 30 or more are recommended.")
    return [torch.stack(column) for column in zip(*rows, strict=True)]


# --- vectors and what images respond to them ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Vectors:
    """Vectors of CAVs of one depth to which responses are wanted."""

    full: Tensor  # (J, C): fitted on all images; every image responds
    held_out: Tensor  # (n_folds, H, C): fitted without the images of a fold, which are those that respond

    @staticmethod
    def joined(groups: Sequence["_Vectors"]) -> "_Vectors":
        """The vectors of several groups, one group after the other."""
        return _Vectors(torch.cat([g.full for g in groups]), torch.cat([g.held_out for g in groups], 1))

    def responses(self, feature_map: Tensor, fold: int) -> Tensor:
        """How strongly one image (C, H, W) of a fold responds to the full and the held-out ones, (J + H,)."""
        return responses(feature_map[None], torch.cat([self.full, self.held_out[fold]]))[0]


@dataclass(frozen=True, eq=False)
class _Responses:
    """How strongly N images respond to the vectors of one depth."""

    full: Tensor  # (N, J)
    held_out: Tensor  # (N, H)

    def split(self, groups: Sequence[_Vectors]) -> "list[_Responses]":
        """The responses to each of several groups of vectors that were joined."""
        full = self.full.split([len(g.full) for g in groups], 1)
        held_out = self.held_out.split([g.held_out.shape[1] for g in groups], 1)
        return [_Responses(*both) for both in zip(full, held_out, strict=True)]


@dataclass(frozen=True, eq=False)
class _Images:
    """All that a fit needs to know of the images of one set at one depth."""

    pooled: Tensor  # (N, C)
    responses: _Responses


def _responses(source: MapsSource, vectors: Sequence[_Vectors], fold_of: np.ndarray) -> list[_Responses]:
    """The responses of every image, each of one fold, to the vectors of every depth."""
    walked = zip(source(), fold_of, strict=True)
    rows = [[v.responses(m, fold) for v, m in zip(vectors, maps, strict=True)] for maps, fold in walked]
    stacked = (torch.stack(column) for column in zip(*rows, strict=True))
    return [_Responses(*s.tensor_split([len(v.full)], dim=1)) for s, v in zip(stacked, vectors, strict=True)]


def _responses_to_groups(
    source: MapsSource, groups: Mapping[Hashable, Sequence[_Vectors]], fold_of: np.ndarray
) -> dict[Hashable, list[_Responses]]:
    """The responses to several groups of vectors, one per depth in each, from a single walk through the images."""
    at_depths = list(zip(*groups.values(), strict=True))  # the groups of every depth
    together = _responses(source, [_Vectors.joined(vectors) for vectors in at_depths], fold_of)
    apart = [responses.split(vectors) for responses, vectors in zip(together, at_depths, strict=True)]
    return {name: [responses[n] for responses in apart] for n, name in enumerate(groups)}


# --- what is drawn, and what becomes of it ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _PseudoConcepts:
    """Pseudo-concepts at one depth, and how far random images' held-out responses to each of them are spread."""

    cavs: Cavs
    spreads: Tensor  # (n_null,): standard deviations


class _NullDraws:
    """Which random images make up each pseudo-concept of one size."""

    def __init__(self, chosen: np.ndarray, fold_of: np.ndarray):
        self.chosen, self.fold_of = chosen, fold_of

    @property
    def size(self) -> int:
        """How many images a pseudo-concept has."""
        return int(self.chosen[0].sum())

    def vectors(self, random_pooled: Tensor) -> _Vectors:
        """The pseudo-concepts' vectors (n_null, C), and as many held out, from pooled activations (n_random, C)."""
        kept = [self.fold_of != fold for fold in range(N_FOLDS)]
        held_out = [mean_differences(random_pooled[torch.from_numpy(k)], self.chosen[:, k]) for k in kept]
        return _Vectors(mean_differences(random_pooled, self.chosen), torch.stack(held_out))

    def pseudo_concepts(self, vectors: _Vectors, random_responses: _Responses) -> _PseudoConcepts:
        """The pseudo-concepts with their own emblems."""
        sides = (self.chosen.astype(int), (~self.chosen).astype(int))
        emblems = (weighted_emblems(random_responses.full, counts) for counts in sides)
        return _PseudoConcepts(Cavs(vectors.full, *emblems), random_responses.held_out.std(0, correction=0))


class _Draws:
    """Which images make up the replicates, folds and pseudo-concepts of a concept of some size."""

    def __init__(self, n_concept: int, n_random: int, settings: FitSettings):
        self.seed = settings.seed
        self.concept_folds, self.random_folds = (folds(n, settings.seed) for n in (n_concept, n_random))
        self.nulls = _NullDraws(null_subsets(n_random, n_concept, settings.n_null, settings.seed), self.random_folds)
        self.concept_counts = bootstrap_counts(n_concept, settings.n_bootstrap, settings.seed)
        self.random_counts = bootstrap_counts(n_random, settings.n_bootstrap, settings.seed + 1)

    def vectors(self, concept_pooled: Tensor, random_pooled: Tensor) -> _Vectors:
        """The concept's own vector and its replicates, (1 + n_bootstrap, C), and one held out; pooled activations are (n, C)."""
        own = mean_difference(concept_pooled, random_pooled)[None]
        replicates = replicate_vectors((concept_pooled, random_pooled), (self.concept_counts, self.random_counts))
        held_out = [self._without(fold, concept_pooled, random_pooled) for fold in range(N_FOLDS)]
        return _Vectors(torch.cat([own, replicates]), torch.stack(held_out))

    def _without(self, fold: int, concept_pooled: Tensor, random_pooled: Tensor) -> Tensor:
        """The vector (1, C) without one fold of images; zero where a single image leaves nothing to be fitted on."""
        concept = concept_pooled[torch.from_numpy(self.concept_folds != fold)]
        random = random_pooled[torch.from_numpy(self.random_folds != fold)]
        return mean_difference(concept, random)[None] if len(concept) else torch.zeros_like(random[:1])

    def fitted(self, name: str, vectors: _Vectors, concept: _Images, random: _Images, pseudo: _PseudoConcepts) -> FittedConcept:
        """The concept at one depth: its CAV with emblems (``fit_cav``'s last step), and what it takes to believe it."""
        concept_responses, random_responses = concept.responses.full, random.responses.full
        cav = with_emblems(vectors.full[0], concept_responses[:, 0], random_responses[:, 0])
        replicates = Cavs(
            vectors.full[1:],
            weighted_emblems(concept_responses[:, 1:], self.concept_counts),
            weighted_emblems(random_responses[:, 1:], self.random_counts),
        )
        size = effect_size(concept.responses.held_out[:, 0], random.responses.held_out[:, 0])
        return FittedConcept(
            name=name,
            cav=cav,
            replicates=replicates,
            nulls=raised_to_effect_size(pseudo.cavs, pseudo.spreads, size),
            health=health_of(cav, concept.pooled, random.pooled, replicates.vectors, self.seed),
            concept_responses=concept_responses[:, 0].cpu().numpy().copy(),
            random_responses=random_responses[:, 0].cpu().numpy().copy(),
            pooled=(concept.pooled, random.pooled),
        )

    def stack_vectors(self, concept_pooled: Tensor, random_pooled: Tensor) -> Tensor:
        """The vectors of the whole stack anew, (1 + n_bootstrap + n_null, C), from pooled activations (n, C)."""
        return torch.cat([self.vectors(concept_pooled, random_pooled).full, self.nulls.vectors(random_pooled).full])


# --- a fit on disk ------------------------------------------------------------------------------------------------------


def as_tensors(fit: FittedConcept) -> dict[str, Tensor]:
    """The fit for a safetensors file: pooled activations (n, C), emblems (J,) of the stack, responses (n,), health (3,).

    Vectors are left out: they are sums of pooled activations, and a thousand of them are large.
    """
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
    """The fit again from what ``as_tensors`` gave, made under these settings: pooled activations (n, C), emblems (J,), responses
    (n,), health (3,). None if the file holds something else."""
    try:
        concept, random = tensors["concept_pooled"], tensors["random_pooled"]
        vectors = _Draws(len(concept), len(random), settings).stack_vectors(concept, random)
        stack = Cavs(vectors, tensors["concept_emblems"], tensors["random_emblems"])
        own, replicates, nulls = stack.split([1, settings.n_bootstrap, settings.n_null])
        auc, gap, stability = tensors["health"].tolist()
        health = CavHealth(auc, gap, stability, len(concept), len(random))
        concept_responses, random_responses = (tensors[key].numpy() for key in ("concept_responses", "random_responses"))
        pair = (concept, random)
        return FittedConcept(name, own[0], replicates, nulls, health, concept_responses, random_responses, pooled=pair)
    except (KeyError, ValueError, RuntimeError):
        return None
