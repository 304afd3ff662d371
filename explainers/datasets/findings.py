"""What an index answers: parts with what they carry and where they lie, and where the network fails."""

from dataclasses import dataclass

from explainers.dictionaries.failures import PartFailures
from explainers.dictionaries.ranking import PartEvidence

ON, BESIDE = 0.5, 0.1  # of a part's positions that lie on objects, from which it lies on them, and up to which beside them


@dataclass(frozen=True)
class PartPlace:
    """Where a part lies, over all photos."""

    part: int
    n_photos: int  # that have it
    n_regions: int
    area: float  # mean share of a photo's positions, of the photos that have it
    on_object: float | None  # share of its positions on objects; None where nobody has said where objects are

    @property
    def place(self) -> str:
        """On the object, beside it, or everywhere; empty where that is not known."""
        if self.on_object is None:
            return ""
        return "on the object" if self.on_object >= ON else "beside it" if self.on_object <= BESIDE else "everywhere"


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
