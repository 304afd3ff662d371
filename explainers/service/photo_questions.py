"""What can be asked about photos without any example images (the other questions: explainers/service/questions.py)."""

from collections.abc import Hashable
from dataclasses import dataclass

from explainers.interventions.settings import RegionSettings
from explainers.library.regions import Region
from explainers.results.comparisons import Cost, DepthGrams
from explainers.results.interventions import RegionIntervention
from explainers.results.saliency import SecondOpinion
from explainers.results.words import WordsResult
from explainers.runtime.worker import Urgency
from explainers.saliency.settings import SaliencySettings
from explainers.service.questions import PhotoQuestion, PhotosQuestion
from explainers.visual_tcav.text import TextSettings
from models.encoder import EncoderInfo
from models.photo import Photo


@dataclass(frozen=True)
class ReplaceRegion(PhotoQuestion[RegionIntervention]):
    """What changes for some classes of a photo if a region of it is replaced, at several depths."""

    region: Region
    settings: RegionSettings
    other: Photo | None = None  # whose region takes its place, where the filling is "other"

    verb = "replacing a region of"

    def content(self, info: EncoderInfo) -> Hashable:
        return self.photo.sha256, self.region, self.settings, None if self.other is None else self.other.sha256


@dataclass(frozen=True)
class AskSecondOpinion(PhotoQuestion[SecondOpinion]):
    """Saliency maps of a class that people know, and how the answer follows them when the photo is removed bit by bit."""

    settings: SaliencySettings

    verb = "asking a second opinion on"

    def content(self, info: EncoderInfo) -> Hashable:
        return self.photo.sha256, self.settings


@dataclass(frozen=True)
class MapWords(PhotosQuestion[WordsResult]):
    """What an encoder makes of some words, by way of a text tower and photos that both have seen."""

    words: tuple[str, ...]
    settings: TextSettings

    urgency = Urgency.SOON  # somebody has just typed them; fits that nobody asked for by hand can wait
    verb = "mapping"

    @property
    def subject(self) -> str:
        return f"{len(self.words)} {'word' if len(self.words) == 1 else 'words'} by {len(self.photos)} photos"

    def content(self, info: EncoderInfo) -> Hashable:
        return tuple(photo.sha256 for photo in self.photos), self.words, self.settings


@dataclass(frozen=True)
class CompareDepths(PhotosQuestion[DepthGrams]):
    """How alike the positions of several photos are at every depth: one side of a linear CKA."""

    input_size: int

    verb = "comparing"

    @property
    def subject(self) -> str:
        return f"the depths over {len(self.photos)} photos"

    def content(self, info: EncoderInfo) -> Hashable:
        return tuple(photo.sha256 for photo in self.photos), self.input_size


@dataclass(frozen=True)
class MeasureCost(PhotoQuestion[Cost]):
    """What a forward pass of a photo through every depth takes on this machine."""

    input_size: int

    urgency = Urgency.LATER
    verb = "measuring"

    @property
    def subject(self) -> str:
        return "a forward pass"

    def content(self, info: EncoderInfo) -> Hashable:
        return self.photo.shape, self.input_size
