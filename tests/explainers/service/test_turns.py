"""How urgent questions are, and whose."""

import numpy as np
import pytest

from explainers.library.sets import ImageSet, OpenSet, Photos
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.runtime.worker import Urgency
from explainers.service.photo_questions import MapWords
from explainers.service.questions import CheckConcepts, ExplainPhoto, FindComponents, OpenEncoder, Segment, SegmentTogether
from explainers.service.turns import turn_of
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.text import TextSettings
from models.photo import photo_from_array

PHOTO = photo_from_array(np.zeros((8, 8, 3), np.uint8), "black")
RANDOM = OpenSet(ImageSet("anything", "random", (), starter=False), Photos((), None))


def test_turning_to_a_photo_goes_before_an_explanation():
    assert turn_of(Segment("e", PHOTO, NaveSettings())).urgency == turn_of(OpenEncoder("e")).urgency == Urgency.NOW
    explained = ExplainPhoto("e", PHOTO, (), RANDOM, ExplainSettings())
    assert turn_of(explained).urgency == Urgency.SOON


def test_words_that_were_typed_go_before_fits_that_a_page_asks_for():
    fits = CheckConcepts("e", (), RANDOM, ExplainSettings())
    assert turn_of(MapWords("e", (PHOTO,) * 9, ("blue",), TextSettings("tower"))).urgency < turn_of(fits).urgency


@pytest.mark.parametrize(("n_photos", "urgency"), [(1, Urgency.NOW), (2, Urgency.NOW), (3, Urgency.LATER)])
def test_a_set_of_photos_comes_later_than_one_or_two(n_photos, urgency):
    photos = (PHOTO,) * n_photos
    for question in (FindComponents("e", photos, ComponentSettings()), SegmentTogether("e", photos, NaveSettings())):
        assert turn_of(question).urgency == urgency


def test_a_view_begins_with_whose_it_is():
    question = Segment("e", PHOTO, NaveSettings())
    assert turn_of(question, ("session", "picture")).owner == "session"
    assert turn_of(question, "notebook").owner == "notebook" and turn_of(question).owner is None
