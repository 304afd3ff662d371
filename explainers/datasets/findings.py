"""What an index answers: parts with what they carry and where they lie, and where the network fails."""

from dataclasses import dataclass

import numpy as np

from explainers.dictionaries.failures import PartFailures
from explainers.dictionaries.ranking import PartEvidence
from explainers.interventions.replaced_parts import PartDrop
from explainers.visual_tcav.text import MapWorth

ON = 0.5  # of a part's positions: from here on it lies on objects


@dataclass(frozen=True)
class PartPlace:
    """Where a part lies, over all photos."""

    part: int
    n_photos: int  # that have it
    n_regions: int
    area: float  # mean share of a photo's positions, of the photos that have it
    on_object: float | None = None  # share of its positions on objects; None where nobody has said where objects are
    by_chance: float | None = None  # share of all positions on objects

    @property
    def place(self) -> str:
        """On the object; beside it, where it is there less than a part that lies anywhere; or everywhere. Empty where that is not
        known."""
        if self.on_object is None or self.by_chance is None:
            return ""
        return "on the object" if self.on_object >= ON else "beside it" if self.on_object < self.by_chance else "everywhere"


@dataclass(frozen=True, eq=False)
class Audit:
    """What an index answers at one k."""

    index_key: str
    k: int
    seed: int
    class_names: tuple[str, ...]
    n_photos: int
    tested: tuple[int, ...]  # the classes that enough photos are predicted as
    parts: tuple[PartPlace, ...]  # by number
    evidence: tuple[PartEvidence, ...]  # class by class, the largest difference first
    agreeing: dict[tuple[int, int], tuple[int, ...]]  # by class and part: other ks at which it is significant as well
    n_labelled: int  # photos whose label is the name of a class
    n_wrong: int  # of these
    failures: tuple[PartFailures, ...]  # empty without labels

    def of_class(self, class_idx: int) -> list[PartEvidence]:
        """The parts for one class, the largest difference first."""
        return [row for row in self.evidence if row.class_idx == class_idx]


@dataclass(frozen=True)
class NamedByConcept:
    """The parts that respond to a concept."""

    name: str
    parts: tuple[int, ...]  # that respond more than chance, the strongest first; often none
    responses: tuple[float, ...]  # of every part: cosine of its middle with the CAV
    corrected_p_values: tuple[float, ...]  # of every part, after Holm over parts


@dataclass(frozen=True)
class RankedConcepts:
    """Concepts beside parts: what the parts that respond to each carry together."""

    named: tuple[NamedByConcept, ...]
    evidence: tuple[
        PartEvidence, ...
    ]  # class by class, the largest difference first; ``part`` is the place of a concept in named
    failures: tuple[PartFailures, ...]  # the same; empty without errors

    def of_class(self, class_idx: int) -> list[PartEvidence]:
        """The concepts that any part responds to for one class, the largest difference first."""
        return [row for row in self.evidence if row.class_idx == class_idx]

    def responding(self, part: int) -> tuple[str, ...]:
        """The concepts that a part responds to more than chance, the strongest first."""
        strongest = sorted(self.named, key=lambda concept: -concept.responses[part])
        return tuple(concept.name for concept in strongest if part in concept.parts)


@dataclass(frozen=True)
class ReplacedPart:
    """What becomes of a class in its photos if a part is replaced by what surrounds it."""

    class_idx: int
    part: int
    drop: PartDrop
    changed: float  # share of the photos in which another class is the most probable one then


@dataclass(frozen=True, eq=False)
class RegionMap:
    """Some regions of an index on a plane."""

    photo_idx: np.ndarray  # (n,): the row of each one's photo
    parts: np.ndarray  # (n,)
    evidence: np.ndarray  # (n,)
    areas: np.ndarray  # (n,): shares of their photos
    places: np.ndarray  # (n, 2)
    sheet: bytes  # a WebP file: every region in its photo, square after square (explainers/drawing/sheets.py)


@dataclass(frozen=True)
class WordQuery:
    """A word in the space of an index, and what the map is worth that took it there."""

    coordinates: tuple[float, ...]
    worth: MapWorth
    n_photos: int  # on which the map was fitted


@dataclass(frozen=True, eq=False)
class Hit:
    """A region that is like what was searched for."""

    photo: str
    part: int
    similarity: float
    evidence: float
    mask: np.ndarray  # (h, w) bool: where it is on the map of its photo
