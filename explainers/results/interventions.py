"""Interventions as pages and the command line ask for them: what was measured, with its settings and provenance.

PhotoIntervention   one photo: per concept, depth and class the dose-response curve beside that of pseudo-concepts
ClassIntervention   many photos and one class: the mean drop with its interval
RegionIntervention  one photo, no concept: the curves of a region that is replaced, beside the same shape elsewhere
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from explainers.interventions.effects import ClassEffect, Effect, Response
from explainers.interventions.settings import InterventionSettings, RegionSettings
from explainers.results.explanations import ALL_DEPTHS, SetUsed, ShownDepth
from explainers.results.provenance import Result
from explainers.visual_tcav.significance import holm


@dataclass(frozen=True, eq=False)
class ConceptIntervention:
    """One concept scaled at one depth of one photo, or at all depths in one pass."""

    concept: str
    depth: ShownDepth
    map_peak: float  # of the concept map, 0 where the concept is not seen; over all depths the largest
    effects: tuple[Effect, ...]  # one per class


@dataclass(frozen=True, eq=False)
class ClassConceptIntervention:
    """One concept scaled at one depth of many photos, or at all depths in one pass."""

    concept: str
    depth: ShownDepth
    effect: ClassEffect


@dataclass(frozen=True, eq=False)
class InterventionResult(Result[InterventionSettings]):
    """An answer about what changes if concepts are scaled."""

    sets: tuple[SetUsed, ...]  # the concepts, in the order asked
    random: SetUsed
    refused_depths: Mapping[int, str]  # why nothing can be changed at these

    @property
    def strengths(self) -> tuple[float, ...]:
        """From removed, 0, over unchanged, 1."""
        return self.settings.strengths

    @property
    def concept_names(self) -> tuple[str, ...]:
        return tuple(used.name for used in self.sets)


@dataclass(frozen=True, eq=False)
class PhotoIntervention(InterventionResult):
    """One photo. Data on the CPU."""

    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]  # unchanged
    logits: tuple[float, ...]  # unchanged
    concepts: tuple[ConceptIntervention, ...]  # by concept, then by depth
    over_depths: tuple[ConceptIntervention, ...]  # corrected for being several concepts, not for depths

    def at(self, concept: str, depth: ShownDepth) -> ConceptIntervention:
        """One concept at a depth or over all."""
        among = self.over_depths if depth == ALL_DEPTHS else self.concepts
        return next(c for c in among if (c.concept, c.depth) == (concept, depth))


@dataclass(frozen=True, eq=False)
class ClassIntervention(InterventionResult):
    """Many photos and one class. Data on the CPU."""

    class_idx: int
    class_name: str
    concepts: tuple[ClassConceptIntervention, ...]  # by concept, then by depth
    over_depths: tuple[ClassConceptIntervention, ...]  # corrected for being several concepts, not for depths

    def at(self, concept: str, depth: ShownDepth) -> ClassConceptIntervention:
        """One concept at a depth or over all."""
        among = self.over_depths if depth == ALL_DEPTHS else self.concepts
        return next(c for c in among if (c.concept, c.depth) == (concept, depth))


@dataclass(frozen=True, eq=False)
class RegionAtDepth:
    """A region of a photo replaced at one depth."""

    depth: int
    share: float  # of the positions of that depth
    n_places: int  # others, at which the same shape was replaced
    effects: tuple[Effect, ...]  # one per class


@dataclass(frozen=True, eq=False)
class RegionIntervention(Result[RegionSettings]):
    """A region of one photo replaced at several depths. Data on the CPU."""

    area: float  # of the region, as a share of the photo
    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]  # unchanged
    logits: tuple[float, ...]  # unchanged
    regions: tuple[RegionAtDepth, ...]  # by depth
    refused_depths: Mapping[int, str]  # why nothing can be changed at these

    @property
    def strengths(self) -> tuple[float, ...]:
        """From replaced, 0, over unchanged, 1."""
        return self.settings.strengths

    def at(self, depth: int) -> RegionAtDepth:
        """The region at a depth."""
        return next(region for region in self.regions if region.depth == depth)


Scaled = TypeVar("Scaled", ConceptIntervention, RegionAtDepth)


def corrected(concepts: Sequence[Scaled], n_to_come: int = 0) -> tuple[Scaled, ...]:
    """With p-values corrected over everything given and over ``n_to_come`` more that are not known yet, class by class; logits
    and probabilities each for themselves."""
    by_class = zip(*(c.effects for c in concepts), strict=True)
    columns = []
    for of_class in by_class:
        logits, probabilities = (
            _corrected_responses(c, n_to_come) for c in zip(*((e.logit, e.probability) for e in of_class), strict=True)
        )
        columns.append([Effect(*pair) for pair in zip(logits, probabilities, strict=True)])
    return tuple(replace(c, effects=effects) for c, effects in zip(concepts, zip(*columns, strict=True), strict=True))


def corrected_over_class(concepts: Sequence[ClassConceptIntervention]) -> tuple[ClassConceptIntervention, ...]:
    """With p-values corrected over everything given, for one class."""
    changes = _corrected_responses([c.effect.change for c in concepts])
    return tuple(replace(c, effect=replace(c.effect, change=change)) for c, change in zip(concepts, changes, strict=True))


def with_correction_of(scaled: ConceptIntervention, tested: ConceptIntervention) -> ConceptIntervention:
    """What was measured at many strengths, with the corrected p-values of the same test among others."""
    pairs = zip(scaled.effects, tested.effects, strict=True)
    return replace(
        scaled,
        effects=tuple(
            Effect(
                replace(own.logit, corrected_p_value=test.logit.corrected_p_value),
                replace(own.probability, corrected_p_value=test.probability.corrected_p_value),
            )
            for own, test in pairs
        ),
    )


def _corrected_responses(responses: Sequence[Response], n_to_come: int = 0) -> list[Response]:
    p_values = holm([response.p_value for response in responses], n_to_come)
    return [replace(response, corrected_p_value=p) for response, p in zip(responses, p_values, strict=True)]
