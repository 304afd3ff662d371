"""What can be asked about a class in one photo without any concept (the other questions: explainers/service/questions.py)."""

from collections.abc import Hashable
from dataclasses import dataclass

from explainers.results.saliency import SecondOpinion
from explainers.saliency.settings import SaliencySettings
from explainers.service.questions import PhotoQuestion
from models.encoder import EncoderInfo


@dataclass(frozen=True)
class AskSecondOpinion(PhotoQuestion[SecondOpinion]):
    """Saliency maps of a class that people know, and how the answer follows them when the photo is removed bit by bit."""

    settings: SaliencySettings

    verb = "asking a second opinion on"

    def content(self, info: EncoderInfo) -> Hashable:
        return self.photo.sha256, self.settings
