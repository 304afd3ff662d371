"""CAVs of many concepts at many depths, with what it takes to believe them: replicates, pseudo-concepts, health.

maps source   callable that yields, per image, one feature map (C, H, W) per depth; it is asked twice and nothing is kept:
              pass 1 takes mean activations (one vector per image), pass 2 responses (one number per image and CAV)
concept source   whole images, which a maps source yields, or regions of them (regions.py)
held out      a CAV fitted without some images (a fold), to which just those respond
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from explainers.visual_tcav.cav import Cav, Cavs, mean_difference, pooled, responses, with_emblems
from explainers.visual_tcav.health import CavHealth, health_of
from explainers.visual_tcav.nulls import (
    MIN_RANDOM,
    PseudoConcepts,
    effect_size,
    mean_differences,
    null_size,
    null_subsets,
    redrawn,
)
from explainers.visual_tcav.regions import region_weights
from explainers.visual_tcav.resampling import N_FOLDS, bootstrap_counts, folds, replicate_vectors, weighted_emblems
from explainers.visual_tcav.significance import confidence_interval
from models.errors import TooFewExamples

T = TypeVar("T")
MapsSource = Callable[[], Iterable[Sequence[Tensor]]]


@dataclass(frozen=True, eq=False)
class RegionSource:
    """Images of which regions are the examples."""

    maps: MapsSource
    regions: Sequence[Tensor | None]  # per image (H, W) of 0 and 1, on a grid over the whole image; None: all of it is meant


ConceptSource = MapsSource | RegionSource


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
    effect_size: float  # held out: how far its images stand above random ones
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


@dataclass(frozen=True, eq=False)
class Fits:
    """What was fitted against one random counterpart, a list with one entry per depth each."""

    concepts: dict[str, list[FittedConcept]]  # by name
    pseudo_concepts: dict[int, list[PseudoConcepts]]  # by how many images they have; those of one size serve all concepts of it


# --- fitting ------------------------------------------------------------------------------------------------------------


def fit_concepts(
    concepts: Mapping[str, ConceptSource], random: ConceptSource, settings: FitSettings, null_sizes: Collection[int] = ()
) -> Fits:
    """Every concept at every depth, and the pseudo-concepts of the sizes named (``nulls.null_size``).

    Raises TooFewExamples where a concept or the random counterpart has no image.
    """
    random_pooled = _pooled(random, "the random counterpart")
    concept_pooled = {name: _pooled(source, f"'{name}'") for name, source in concepts.items()}
    n_random = len(random_pooled[0])
    draws = {name: _Draws(len(p[0]), n_random, settings) for name, p in concept_pooled.items()}
    null_draws = {size: _NullDraws(n_random, size, settings) for size in null_sizes}
    vectors = {name: _at_every_depth(drawn.vectors, concept_pooled[name], random_pooled) for name, drawn in draws.items()}
    null_vectors = {size: _at_every_depth(drawn.vectors, random_pooled) for size, drawn in null_draws.items()}
    random_responses = _responses_to_groups(random, {**vectors, **null_vectors}, folds(n_random, settings.seed))
    random_images = {group: _at_every_depth(_Images, random_pooled, of_group) for group, of_group in random_responses.items()}
    pseudo_concepts = {
        size: _at_every_depth(drawn.pseudo_concepts, null_vectors[size], random_images[size])
        for size, drawn in null_draws.items()
    }
    fitted = {}
    for name, source in concepts.items():
        concept_responses = _responses(source, vectors[name], draws[name].concept_folds)
        concept_images = _at_every_depth(_Images, concept_pooled[name], concept_responses)
        fitted[name] = _at_every_depth(partial(draws[name].fitted, name), vectors[name], concept_images, random_images[name])
    return Fits(fitted, pseudo_concepts)


def _at_every_depth(fn: Callable[..., T], *columns: Sequence) -> list[T]:
    return [fn(*at_depth) for at_depth in zip(*columns, strict=True)]


def _pooled(source: ConceptSource, what: str) -> list[Tensor]:
    """Mean activation of every example, one (N, C) per depth."""
    of_depths = pooled_at_depths(source)
    if not of_depths:
        raise TooFewExamples(f"There are no images in {what}. Add some: 30 or more are recommended.")
    return of_depths


def pooled_at_depths(source: ConceptSource) -> list[Tensor]:
    """Mean activation of every example, one (N, C) per depth; nothing if there is no example."""
    rows = [[pooled(*_batch_of_one(m, region))[0] for m in maps] for maps, region in _examples(source)]
    return [torch.stack(column) for column in zip(*rows, strict=True)]


def _examples(source: ConceptSource) -> Iterator[tuple[Sequence[Tensor], Tensor | None]]:
    """Per example the feature maps of its image, (C, H, W) each, and its region; None where all of the image is meant."""
    if isinstance(source, RegionSource):
        yield from zip(source.maps(), source.regions, strict=True)
    else:
        yield from ((maps, None) for maps in source())


def _batch_of_one(feature_map: Tensor, region: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A feature map as (1, C, H, W), and the weights of its positions in the region, (1, H, W)."""
    if region is None:
        return feature_map[None], None
    height, width = feature_map.shape[1:]
    return feature_map[None], region_weights(region.to(feature_map.device), (height, width))[None]


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

    def responses(self, feature_map: Tensor, region: Tensor | None, fold: int) -> Tensor:
        """How strongly one image (C, H, W) of a fold responds to the full and the held-out ones, (J + H,), in its region."""
        maps, weights = _batch_of_one(feature_map, region)
        return responses(maps, torch.cat([self.full, self.held_out[fold]]), weights)[0]


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


def _responses(source: ConceptSource, vectors: Sequence[_Vectors], fold_of: np.ndarray) -> list[_Responses]:
    """The responses of every example, each of one fold, to the vectors of every depth."""
    walked = zip(_examples(source), fold_of, strict=True)
    rows = [[v.responses(m, region, fold) for v, m in zip(vectors, maps, strict=True)] for (maps, region), fold in walked]
    stacked = (torch.stack(column) for column in zip(*rows, strict=True))
    return [_Responses(*s.tensor_split([len(v.full)], dim=1)) for s, v in zip(stacked, vectors, strict=True)]


def _responses_to_groups(
    source: ConceptSource, groups: Mapping[Hashable, Sequence[_Vectors]], fold_of: np.ndarray
) -> dict[Hashable, list[_Responses]]:
    """The responses to several groups of vectors, one per depth in each, from a single walk through the images."""
    at_depths = list(zip(*groups.values(), strict=True))  # the groups of every depth
    together = _responses(source, [_Vectors.joined(vectors) for vectors in at_depths], fold_of)
    apart = [responses.split(vectors) for responses, vectors in zip(together, at_depths, strict=True)]
    return {name: [responses[n] for responses in apart] for n, name in enumerate(groups)}


# --- what is drawn, and what becomes of it ------------------------------------------------------------------------------


class _NullDraws:
    """Which random images make up each pseudo-concept of one size, and each of their replicates."""

    def __init__(self, n_random: int, size: int, settings: FitSettings):
        self.chosen = null_subsets(n_random, size, settings.n_null, settings.seed)
        self.fold_of, self.seed = folds(n_random, settings.seed), settings.seed

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How often each random image is drawn for a replicate of each pseudo-concept and for its other side,
        (n_null * N_OF_EACH, n_random) both."""
        return redrawn(self.chosen, self.seed), redrawn(~self.chosen, self.seed + 1)

    def full_vectors(self, random_pooled: Tensor) -> Tensor:
        """The vectors of the pseudo-concepts and of their replicates, (n_null * (1 + N_OF_EACH), C), from pooled activations
        (n_random, C)."""
        of_replicates = replicate_vectors((random_pooled, random_pooled), self.counts)
        return torch.cat([mean_differences(random_pooled, self.chosen), of_replicates])

    def vectors(self, random_pooled: Tensor) -> _Vectors:
        """All vectors, and the pseudo-concepts' held out, (n_null, C) per fold, from pooled activations (n_random, C)."""
        kept = [self.fold_of != fold for fold in range(N_FOLDS)]
        held_out = [mean_differences(random_pooled[torch.from_numpy(k)], self.chosen[:, k]) for k in kept]
        return _Vectors(self.full_vectors(random_pooled), torch.stack(held_out))

    def pseudo_concepts(self, vectors: _Vectors, random: _Images) -> PseudoConcepts:
        """The pseudo-concepts with their own emblems."""
        sides = zip((self.chosen.astype(int), (~self.chosen).astype(int)), self.counts, strict=True)
        emblems = [weighted_emblems(random.responses.full, np.concatenate(of_side)) for of_side in sides]
        n_null = len(self.chosen)
        cavs, replicates = Cavs(vectors.full, *emblems).split([n_null, len(vectors.full) - n_null])
        return PseudoConcepts(cavs, replicates, random.responses.held_out.std(0, correction=0), random.pooled)


class _Draws:
    """Which images make up the replicates and folds of a concept of some size."""

    def __init__(self, n_concept: int, n_random: int, settings: FitSettings):
        self.seed = settings.seed
        self.concept_folds, self.random_folds = (folds(n, settings.seed) for n in (n_concept, n_random))
        self.concept_counts = bootstrap_counts(n_concept, settings.n_bootstrap, settings.seed)
        self.random_counts = bootstrap_counts(n_random, settings.n_bootstrap, settings.seed + 1)

    def full_vectors(self, concept_pooled: Tensor, random_pooled: Tensor) -> Tensor:
        """The concept's own vector and its replicates, (1 + n_bootstrap, C); pooled activations are (n, C)."""
        replicates = replicate_vectors((concept_pooled, random_pooled), (self.concept_counts, self.random_counts))
        return torch.cat([mean_difference(concept_pooled, random_pooled)[None], replicates])

    def vectors(self, concept_pooled: Tensor, random_pooled: Tensor) -> _Vectors:
        """All vectors, and the concept's held out, (1, C) per fold; pooled activations are (n, C)."""
        held_out = [self._without(fold, concept_pooled, random_pooled) for fold in range(N_FOLDS)]
        return _Vectors(self.full_vectors(concept_pooled, random_pooled), torch.stack(held_out))

    def _without(self, fold: int, concept_pooled: Tensor, random_pooled: Tensor) -> Tensor:
        """The vector (1, C) without one fold of images; zero where a single image leaves nothing to be fitted on."""
        concept = concept_pooled[torch.from_numpy(self.concept_folds != fold)]
        random = random_pooled[torch.from_numpy(self.random_folds != fold)]
        return mean_difference(concept, random)[None] if len(concept) else torch.zeros_like(random[:1])

    def fitted(self, name: str, vectors: _Vectors, concept: _Images, random: _Images) -> FittedConcept:
        """The concept at one depth: its CAV with emblems (``fit_cav``'s last step), and what it takes to believe it."""
        concept_responses, random_responses = concept.responses.full, random.responses.full
        cav = with_emblems(vectors.full[0], concept_responses[:, 0], random_responses[:, 0])
        replicates = Cavs(
            vectors.full[1:],
            weighted_emblems(concept_responses[:, 1:], self.concept_counts),
            weighted_emblems(random_responses[:, 1:], self.random_counts),
        )
        return FittedConcept(
            name=name,
            cav=cav,
            replicates=replicates,
            effect_size=effect_size(concept.responses.held_out[:, 0], random.responses.held_out[:, 0]),
            health=health_of(cav, concept.pooled, random.pooled, replicates.vectors, self.seed),
            concept_responses=concept_responses[:, 0].cpu().numpy().copy(),
            random_responses=random_responses[:, 0].cpu().numpy().copy(),
            pooled=(concept.pooled, random.pooled),
        )


# --- fits on disk: vectors are left out, for they are sums of pooled activations, and a thousand of them are large -------


def as_tensors(fit: FittedConcept) -> dict[str, Tensor]:
    """The fit for a safetensors file: pooled activations (n, C), emblems (1 + n_bootstrap,), responses (n,), and health with the
    effect size (4,)."""
    health, cavs = fit.health, Cavs.joined([Cavs.of(fit.cav), fit.replicates])
    return {
        "concept_pooled": fit.pooled[0],
        "random_pooled": fit.pooled[1],
        "concept_emblems": cavs.concept_emblems,
        "random_emblems": cavs.random_emblems,
        "concept_responses": torch.from_numpy(fit.concept_responses.copy()),
        "random_responses": torch.from_numpy(fit.random_responses.copy()),
        "health": torch.tensor([health.auc, health.emblem_gap, health.stability, fit.effect_size], dtype=torch.float64),
    }


def from_tensors(name: str, tensors: Mapping[str, Tensor], settings: FitSettings) -> FittedConcept | None:
    """The fit again from what ``as_tensors`` gave, made under these settings: pooled activations (n, C), emblems
    (1 + n_bootstrap,), responses (n,), health (4,). None if the file holds something else."""
    try:
        pair = tensors["concept_pooled"], tensors["random_pooled"]
        vectors = _Draws(len(pair[0]), len(pair[1]), settings).full_vectors(*pair)
        cavs = Cavs(vectors, tensors["concept_emblems"], tensors["random_emblems"])
        own, replicates = cavs.split([1, settings.n_bootstrap])
        auc, gap, stability, effect_size = tensors["health"].tolist()
        health = CavHealth(auc, gap, stability, len(pair[0]), len(pair[1]))
        concept_responses, random_responses = (tensors[key].numpy() for key in ("concept_responses", "random_responses"))
        return FittedConcept(name, own[0], replicates, effect_size, health, concept_responses, random_responses, pooled=pair)
    except (KeyError, ValueError, RuntimeError):
        return None


def pseudo_as_tensors(pseudo: PseudoConcepts) -> dict[str, Tensor]:
    """Pseudo-concepts for a safetensors file: pooled activations (n_random, C) they are drawn from, emblems
    (n_null * (1 + N_OF_EACH),), spreads (n_null,)."""
    cavs = Cavs.joined([pseudo.cavs, pseudo.replicates])
    emblems = {"concept_emblems": cavs.concept_emblems, "random_emblems": cavs.random_emblems}
    return {"random_pooled": pseudo.random_pooled, "spreads": pseudo.spreads, **emblems}


def pseudo_from_tensors(size: int, tensors: Mapping[str, Tensor], settings: FitSettings) -> PseudoConcepts | None:
    """Pseudo-concepts of ``size`` images again from what ``pseudo_as_tensors`` gave, made under these settings: pooled
    activations (n_random, C), emblems (n_null * (1 + N_OF_EACH),), spreads (n_null,). None if the file holds something else."""
    try:
        random = tensors["random_pooled"]
        vectors = _NullDraws(len(random), size, settings).full_vectors(random)
        cavs = Cavs(vectors, tensors["concept_emblems"], tensors["random_emblems"])
        own, replicates = cavs.split([settings.n_null, len(vectors) - settings.n_null])
        return PseudoConcepts(own, replicates, tensors["spreads"], random)
    except (KeyError, ValueError, RuntimeError):
        return None


# --- alike by chance ------------------------------------------------------------------------------------------------------

N_ALIKE = 200  # pseudo-concepts


def chance_cosines(fit: FittedConcept, seed: int) -> tuple[float, float]:
    """The middle 95 % of the cosines between a CAV and those of pseudo-concepts of its random counterpart; NaN without enough."""
    concept_pooled, random_pooled = fit.pooled
    if len(random_pooled) < MIN_RANDOM:
        return float("nan"), float("nan")
    size = null_size(len(concept_pooled), len(random_pooled))
    vectors = mean_differences(random_pooled, null_subsets(len(random_pooled), size, N_ALIKE, seed))
    cosines = torch.cosine_similarity(vectors, fit.cav.vector.to(vectors)[None], dim=1)
    return confidence_interval(cosines.cpu().numpy())
