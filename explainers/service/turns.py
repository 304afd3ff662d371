"""Whose turn it is. How urgent a question is stands beside the question (questions.py)."""

from collections.abc import Hashable

from explainers.runtime.worker import Turn
from explainers.service.questions import EncoderQuestion, Question


def turn_of(question: Question, view: Hashable = None) -> Turn:
    """The turn of a question; a view that is a tuple begins with whose it is."""
    about = (question.encoder_name, len(question.photos_in_order)) if isinstance(question, EncoderQuestion) else ()
    return Turn(question.urgency, view[0] if isinstance(view, tuple) and view else view, (type(question), *about))
