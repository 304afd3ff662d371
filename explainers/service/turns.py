"""Whose turn it is: how urgent each kind of question is, and whose it is.

A question about one photo that is answered within a second or two goes before one that follows evidence through a network,
and that before one about many photos or concepts. A kind that is not named here is answered soon.
"""

from collections.abc import Hashable

from explainers.runtime.worker import Turn, Urgency
from explainers.service.questions import (
    AddEncoder,
    CheckConcepts,
    Classify,
    CompareDepths,
    EncoderQuestion,
    ExplainClass,
    FindComponents,
    InterveneOnClass,
    LookAlikes,
    MatchCheckpoint,
    MeasureCost,
    OpenEncoder,
    Question,
    Segment,
    SegmentEach,
    SegmentForComparison,
    SegmentTogether,
)

URGENCIES: dict[type[Question], Urgency] = {
    OpenEncoder: Urgency.NOW,  # others wait for it
    Segment: Urgency.NOW,
    Classify: Urgency.NOW,
    MatchCheckpoint: Urgency.NOW,
    AddEncoder: Urgency.NOW,
    SegmentForComparison: Urgency.LATER,
    CompareDepths: Urgency.LATER,
    MeasureCost: Urgency.LATER,
    ExplainClass: Urgency.LATER,
    InterveneOnClass: Urgency.LATER,
    CheckConcepts: Urgency.LATER,
    LookAlikes: Urgency.LATER,
}
FEW = 2  # photos, which are looked at as one is


def turn_of(question: Question, view: Hashable = None) -> Turn:
    """The turn of a question; a view that is a tuple begins with whose it is."""
    photos = question.photos_in_order if isinstance(question, EncoderQuestion) else ()
    urgency = URGENCIES.get(type(question), Urgency.SOON)
    if isinstance(question, FindComponents | SegmentTogether | SegmentEach):  # as long as there are photos
        urgency = Urgency.NOW if len(photos) <= FEW else Urgency.LATER
    kind = type(question), getattr(question, "encoder_name", ""), len(photos)
    return Turn(urgency, view[0] if isinstance(view, tuple) and view else view, kind)
