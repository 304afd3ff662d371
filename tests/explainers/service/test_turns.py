"""How urgent questions are, and whose."""

import numpy as np
import pytest

from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.runtime.worker import Urgency
from explainers.service import turns
from explainers.service.answers import ANSWERS
from explainers.service.questions import ExplainPhoto, FindComponents, OpenEncoder, Segment, SegmentTogether
from explainers.service.turns import turn_of
from models.photo import photo_from_array

PHOTO = photo_from_array(np.zeros((8, 8, 3), np.uint8), "black")


def test_every_kind_that_is_named_is_one_that_is_answered():
    assert set(turns.URGENCIES) <= set(ANSWERS)


def test_turning_to_a_photo_goes_before_an_explanation():
    assert turn_of(Segment("e", PHOTO, NaveSettings())).urgency == turn_of(OpenEncoder("e")).urgency == Urgency.NOW
    assert ExplainPhoto not in turns.URGENCIES  # soon, as every kind that is not named


@pytest.mark.parametrize(("n_photos", "urgency"), [(1, Urgency.NOW), (2, Urgency.NOW), (3, Urgency.LATER)])
def test_a_set_of_photos_comes_later_than_one_or_two(n_photos, urgency):
    photos = (PHOTO,) * n_photos
    for question in (FindComponents("e", photos, ComponentSettings()), SegmentTogether("e", photos, NaveSettings())):
        assert turn_of(question).urgency == urgency


def test_a_view_begins_with_whose_it_is():
    question = Segment("e", PHOTO, NaveSettings())
    assert turn_of(question, ("session", "picture")).owner == "session"
    assert turn_of(question, "notebook").owner == "notebook" and turn_of(question).owner is None
