"""What can be asked about named parts (the other questions: explainers/service/questions.py)."""

from collections.abc import Hashable
from dataclasses import dataclass

from explainers.nave.parts import Parts
from explainers.results.found_parts import FoundPartsResult
from explainers.results.named_parts import NamedParts, PartsResult
from explainers.runtime.worker import Urgency
from explainers.service.questions import PhotosQuestion, as_one_photo
from models.encoder import EncoderInfo


@dataclass(frozen=True)
class MeasureParts(PhotosQuestion[PartsResult]):
    """How far the clusters of some photos reach: it takes that to find them in other photos."""

    parts: Parts

    verb = "measuring"

    @property
    def subject(self) -> str:
        return f"how far {len(self.parts.centroids)} clusters reach"

    def content(self, info: EncoderInfo) -> Hashable:
        return tuple(photo.sha256 for photo in self.photos), self.parts


@dataclass(frozen=True)
class FindParts(PhotosQuestion[FoundPartsResult]):
    """Where named parts are in other photos than those they come from."""

    named: NamedParts

    verb = "finding"

    @property
    def urgency(self) -> Urgency:
        return as_one_photo(self.photos)

    @property
    def subject(self) -> str:
        return f"{len(self.named.names)} named parts in {len(self.photos)} photos"

    def content(self, info: EncoderInfo) -> Hashable:
        return tuple(photo.sha256 for photo in self.photos), self.named
