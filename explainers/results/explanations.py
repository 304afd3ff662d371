"""Visual-TCAV as pages and the command line ask for it: what was found, with its settings and provenance.

LocalExplanation   one photo: concept maps and attributions to some classes, per concept and depth
ClassExplanation   many photos and one class: the distribution of attributions, their mean, their tests
HealthReport       no class at all: what each concept's CAV is worth at every depth
ConceptMaps        no class at all: where each concept is seen in one photo
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from explainers.results.provenance import Result
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import holm

ALL_DEPTHS: Literal["all"] = "all"  # in the place of a depth: the mean over all that were asked for
ShownDepth = int | Literal["all"]


@dataclass(frozen=True)
class SetUsed:
    """An image set of the library that took part, as a concept or as the random counterpart."""

    name: str
    fingerprint: str
    n_images: int
    warnings: tuple[str, ...] = ()  # on images that repeat within it, or that its random counterpart has, too


@dataclass(frozen=True, eq=False)
class ConceptResult(Result[ExplainSettings]):
    """An answer about concepts against a random counterpart."""

    sets: tuple[SetUsed, ...]  # the concepts, in the order asked
    random: SetUsed

    @property
    def concept_names(self) -> tuple[str, ...]:
        return tuple(used.name for used in self.sets)

    def warnings_of(self, concept: str) -> tuple[str, ...]:
        """What is doubtful about the images behind a concept's verdicts: its own, and those of the random counterpart."""
        used = (*(used for used in self.sets if used.name == concept), self.random)
        return tuple(sentence for image_set in used for sentence in image_set.warnings)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """What is doubtful about the images of all sets that took part, each sentence once."""
        return tuple(dict.fromkeys(sentence for used in (*self.sets, self.random) for sentence in used.warnings))


@dataclass(frozen=True)
class DepthFacts:
    """What holds for one photo at one depth whatever the concept; one entry per class."""

    depth: int
    class_shares: tuple[float, ...]  # rise of the class's logit, relative to the class that rises most
    off_map_shares: tuple[float, ...]  # of the evidence for the class: what lies on prefix tokens, on no map
    logit_changes: tuple[float, ...]
    completeness_gaps: tuple[float, ...]  # in units of the logit

    def gap_share(self, row: int) -> float:
        """The completeness gap of one class as a share of its logit's change; infinite where the logit does not change but the
        sum does."""
        gap, change = self.completeness_gaps[row], abs(self.logit_changes[row])
        if change == 0:
            return 0.0 if gap == 0 else math.inf
        return gap / change


@dataclass(frozen=True, eq=False)
class ConceptAtDepth:
    """One concept in one photo at one depth."""

    concept: str
    depth: int
    concept_map: np.ndarray  # (h, w) float32 in [0, 1]; it covers the whole photo
    cav_norm: float
    emblems: tuple[float, float]  # of the concept, of the random counterpart
    health: CavHealth
    estimates: tuple[Estimate, ...]  # one per class


@dataclass(frozen=True, eq=False)
class ConceptOverDepths:
    """One concept in one photo, its attribution averaged over the depths, so that nobody has to guess one."""

    concept: str
    estimates: tuple[Estimate, ...]  # one per class


@dataclass(frozen=True, eq=False)
class LocalExplanation(ConceptResult):
    """One photo. Data on the CPU."""

    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    depths: tuple[DepthFacts, ...]
    concepts: tuple[ConceptAtDepth, ...]  # by concept, then by depth
    over_depths: tuple[ConceptOverDepths, ...]  # corrected for being several concepts, not for depths
    refused_depths: Mapping[int, str]  # why nothing can be attributed to these

    @property
    def telling_depth(self) -> int:
        """Where some concept stands out from chance most clearly, for the first class; the deepest of several."""
        return min(self.concepts, key=lambda c: (c.estimates[0].corrected_p_value, -c.depth)).depth

    def at(self, concept: str, depth: int) -> ConceptAtDepth:
        return next(c for c in self.concepts if (c.concept, c.depth) == (concept, depth))

    def estimates_at(self, concept: str, depth: ShownDepth) -> tuple[Estimate, ...]:
        """One per class, at a depth or over all."""
        if depth == ALL_DEPTHS:
            return next(c.estimates for c in self.over_depths if c.concept == concept)
        return self.at(concept, depth).estimates


@dataclass(frozen=True, eq=False)
class ClassConcept:
    """One concept's contribution to the class at one depth."""

    concept: str
    depth: int
    cav_norm: float
    emblems: tuple[float, float]  # of the concept, of the random counterpart
    health: CavHealth
    estimate: ClassEstimate


@dataclass(frozen=True, eq=False)
class ClassConceptOverDepths:
    """One concept's contribution to the class, averaged over the depths."""

    concept: str
    estimate: ClassEstimate


@dataclass(frozen=True, eq=False)
class ClassExplanation(ConceptResult):
    """Many photos and one class. Data on the CPU."""

    class_idx: int
    class_name: str
    concepts: tuple[ClassConcept, ...]  # by concept, then by depth
    over_depths: tuple[ClassConceptOverDepths, ...]  # corrected for being several concepts, not for depths
    largest_gaps: Mapping[int, float]  # by depth, of all images: the completeness gap as a share of the logit's change
    refused_depths: Mapping[int, str]

    def at(self, concept: str, depth: int) -> ClassConcept:
        return next(c for c in self.concepts if (c.concept, c.depth) == (concept, depth))

    def estimate_at(self, concept: str, depth: ShownDepth) -> ClassEstimate:
        """At a depth or over all."""
        if depth == ALL_DEPTHS:
            return next(c.estimate for c in self.over_depths if c.concept == concept)
        return self.at(concept, depth).estimate


OfPhoto = TypeVar("OfPhoto", ConceptAtDepth, ConceptOverDepths)
OfClass = TypeVar("OfClass", ClassConcept, ClassConceptOverDepths)


@dataclass(frozen=True, eq=False)
class ConceptHealth:
    """One concept's CAV at one depth."""

    concept: str
    depth: int
    health: CavHealth
    vector: np.ndarray  # (C,)
    responses: np.ndarray  # (n_concept,), in the order of the set's images
    random_responses: np.ndarray  # (n_random,)
    chance: tuple[float, float]  # the middle 95 % of its cosines with CAVs of pseudo-concepts


@dataclass(frozen=True, eq=False)
class HealthReport(ConceptResult):
    """What the CAVs of some concepts are worth. Data on the CPU."""

    depths: tuple[int, ...]
    concepts: tuple[ConceptHealth, ...]  # by concept, then by depth; while it is being worked out, those whose CAVs are at hand

    @property
    def at_hand(self) -> tuple[str, ...]:
        """The concepts that have CAVs, in their order."""
        return tuple(dict.fromkeys(check.concept for check in self.concepts))

    def at(self, concept: str, depth: int) -> ConceptHealth:
        return next(c for c in self.concepts if (c.concept, c.depth) == (concept, depth))

    def similarity(self, depth: int) -> np.ndarray:
        """Cosine between the concepts' CAVs at one depth, (n_concepts, n_concepts)."""
        vectors = np.stack([c.vector for c in self.concepts if c.depth == depth])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(lengths > 0, lengths, 1)
        return unit @ unit.T


@dataclass(frozen=True, eq=False)
class ConceptMaps(ConceptResult):
    """Where concepts are seen in one photo at several depths; no class is needed. Data on the CPU."""

    depths: tuple[int, ...]
    maps: Mapping[tuple[str, int], np.ndarray]  # by concept and depth: (h, w) float32 in [0, 1]


def holm_corrected(concepts: Sequence[OfPhoto], n_to_come: int = 0) -> tuple[OfPhoto, ...]:
    """With p-values corrected over everything given and over ``n_to_come`` more that are not known yet, class by class."""
    n_classes = len(concepts[0].estimates) if concepts else 0
    by_class = [holm([c.estimates[row].p_value for c in concepts], n_to_come) for row in range(n_classes)]
    return tuple(
        replace(c, estimates=tuple(replace(f, corrected_p_value=by_class[row][n]) for row, f in enumerate(c.estimates)))
        for n, c in enumerate(concepts)
    )


def holm_corrected_over_class(concepts: Sequence[OfClass]) -> tuple[OfClass, ...]:
    """The concepts with p-values corrected over everything given, for one class."""
    corrected = holm([c.estimate.p_value for c in concepts])
    pairs = zip(concepts, corrected, strict=True)
    return tuple(replace(c, estimate=replace(c.estimate, corrected_p_value=p)) for c, p in pairs)
