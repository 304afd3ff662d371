"""What was found in photos without any concept: segmentation maps and class predictions."""

from dataclasses import dataclass

from explainers.nave.segmentation import Segmentation
from models.encoder.encoder import EncoderInfo

N_PREDICTIONS = 10


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """Segmentation maps with their provenance."""

    segmentation: Segmentation  # its settings name the depths that were used
    encoder: EncoderInfo
    photo_name: str
    photo_sha256: str
    seconds: dict[str, float]  # "encoder", "clustering": what computing took, also when it comes from the cache
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class SegmentationsResult:
    """Segmentation maps of several photos, clustered together or each alone, with their provenance."""

    segmentations: tuple[Segmentation, ...]  # one per photo; clustered together, a cluster means one thing in all of them
    encoder: EncoderInfo
    photo_names: tuple[str, ...]
    photo_sha256s: tuple[str, ...]
    seconds: dict[str, float]  # of all photos; where each was clustered alone, per photo
    versions: dict[str, str]

    def of_photo(self, n: int) -> SegmentationResult:
        """One photo's part, as if it stood alone."""
        return SegmentationResult(
            self.segmentations[n], self.encoder, self.photo_names[n], self.photo_sha256s[n], self.seconds, self.versions
        )


@dataclass(frozen=True)
class Predictions:
    """The classes an encoder finds most probable, best first; empty where it has no classifier."""

    encoder: EncoderInfo
    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    logits: tuple[float, ...]
