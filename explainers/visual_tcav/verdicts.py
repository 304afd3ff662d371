"""What a CAV is worth in a word and in a sentence: the gravest reason to doubt it, or that there is none."""

from enum import Enum
from typing import Literal

from explainers.visual_tcav.domain import DomainDoubt

Doubt = Literal["none", "some", "serious"]


class Verdict(Enum):
    """From the gravest doubt to none; the value is the word for it."""

    NOT_SEEN = "not seen"
    WEAK = "weak"
    MISMATCHED = "mismatched"
    FEW_IMAGES = "few images"
    UNSTEADY = "unsteady"
    NARROW = "narrow"
    UNPROVEN = "unproven"
    FAIR = "fair"
    SOUND = "sound"

    @property
    def sentence(self) -> str:
        """What the word means, as one sentence."""
        return SENTENCES[self]

    @property
    def doubt(self) -> Doubt:
        """How much there is to doubt."""
        return DOUBTS[self]

    @property
    def rank(self) -> int:
        """0 for the gravest doubt; the higher, the better."""
        return list(Verdict).index(self)


SENTENCES = {
    Verdict.NOT_SEEN: "Random images respond to this CAV as strongly, so its map is empty at this depth.",
    Verdict.WEAK: "Held-out images of the concept are barely distinguished from random ones.",
    Verdict.MISMATCHED: "Concept and random images are of different kinds: they are distinguished far more easily than matched "
    "ones would be, at every depth, so the CAV may stand for that. Choose a random counterpart of the same kind of images.",
    Verdict.FEW_IMAGES: "These numbers rest on fewer than 10 images.",
    Verdict.UNSTEADY: "Other images of the same concept would give another CAV.",
    Verdict.NARROW: "Concept and random images respond nearly alike, so little moves the map a lot.",
    Verdict.UNPROVEN: "One of the two sets is rendered and the other is not, so the CAV may stand for that difference. Choose a "
    "random counterpart of the same kind of images.",
    Verdict.FAIR: "Most held-out images of the concept are distinguished from random ones.",
    Verdict.SOUND: "Held-out images are distinguished from random ones, and the CAV hardly depends on which images were taken.",
}
DOUBTS: dict[Verdict, Doubt] = {
    Verdict.NOT_SEEN: "serious",
    Verdict.WEAK: "serious",
    Verdict.MISMATCHED: "serious",
    Verdict.FEW_IMAGES: "some",
    Verdict.UNSTEADY: "serious",
    Verdict.NARROW: "some",
    Verdict.UNPROVEN: "some",
    Verdict.FAIR: "some",
    Verdict.SOUND: "none",
}


def verdict_on(auc: float, emblem_gap: float, stability: float, n_concept: int, domain: DomainDoubt = "none") -> Verdict:
    """The verdict on a CAV; of several doubts, the gravest is reported."""
    doubts = {
        Verdict.NOT_SEEN: emblem_gap <= 0,
        Verdict.WEAK: auc < 0.7,
        Verdict.MISMATCHED: domain == "apart",
        Verdict.FEW_IMAGES: n_concept < 10,
        Verdict.UNSTEADY: stability < 0.8,
        Verdict.NARROW: emblem_gap < 0.1,
        Verdict.UNPROVEN: domain != "none",
        Verdict.FAIR: auc < 0.85,
    }
    return next((verdict for verdict, holds in doubts.items() if holds), Verdict.SOUND)
