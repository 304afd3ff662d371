"""What was seen in photos without any concept: segmentation maps and class predictions."""

from dataclasses import dataclass

from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.provenance import InputSettings, Result

N_PREDICTIONS = 10  # classes that are kept


@dataclass(frozen=True, eq=False)
class SegmentationResult(Result[NaveSettings]):
    """The segmentation maps of one photo for every k."""

    segmentation: Segmentation


@dataclass(frozen=True, eq=False)
class SegmentationsResult(Result[NaveSettings]):
    """The segmentation maps of several photos, clustered together or each alone."""

    segmentations: tuple[Segmentation, ...]  # one per photo; clustered together, a cluster means one thing in all of them

    def of_photo(self, n: int) -> SegmentationResult:
        """One photo's part, as if it stood alone."""
        return SegmentationResult(self.provenance.of_photo(n), self.segmentations[n])


@dataclass(frozen=True, eq=False)
class Predictions(Result[InputSettings]):
    """The classes that an encoder finds most probable for a photo, best first; empty where it has no classifier."""

    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    logits: tuple[float, ...]
