"""What can be asked about a class in one photo without any concept (the other questions: explainers/service/questions.py)."""

from collections.abc import Hashable
from dataclasses import dataclass

from explainers.interventions.settings import RegionSettings
from explainers.library.regions import Region
from explainers.results.interventions import RegionIntervention
from explainers.results.saliency import SecondOpinion
from explainers.saliency.settings import SaliencySettings
from explainers.service.questions import PhotoQuestion
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
