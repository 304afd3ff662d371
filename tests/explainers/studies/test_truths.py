"""Photos with their truth: from scenes, and from files."""

import pickle

import numpy as np
import pytest

from explainers.maps.boxes import Box
from explainers.studies.truths import LEFT_OUT, TruePhoto, box_of, counted_from_0, of_truth, require, true_scenes, without_names
from explainers.truth.objects import TrueObject, Truth
from models.errors import BadSettings
from models.photo import photo_from_array

PHOTO = photo_from_array(np.zeros((4, 6, 3), np.uint8), "mine.jpg")
LEFT = np.zeros((4, 6), dtype=bool)
LEFT[:, :3] = True


def test_a_scene_has_regions_a_mask_and_a_box_that_belong_together():
    true, again = (true_scenes(1)[0] for _ in range(2))
    assert true == again and hash(true) == hash(again) and true == pickle.loads(pickle.dumps(true))
    (regions,), mask = true.regions, true.mask
    assert mask is not None and len(np.unique(regions[mask])) == 1  # the main object is one region
    assert regions.shape == mask.shape == true.photo.shape
    assert true.boxes == (box_of(mask),)


def test_photos_differ_where_their_truths_do():
    assert TruePhoto(PHOTO, mask=LEFT) != TruePhoto(PHOTO, mask=~LEFT) != TruePhoto(PHOTO)


def test_masks_give_regions_and_the_smaller_object_lies_on_top():
    small = np.zeros((4, 6), dtype=bool)
    small[:2, :2] = True
    border = np.zeros((4, 6), dtype=bool)
    border[3, 5] = True
    true = of_truth(PHOTO, Truth((TrueObject("a", small), TrueObject("b", LEFT)), border))
    (regions,) = true.regions
    assert regions[0, 0] == 1 and regions[3, 0] == 2 and regions[0, 5] == 0 and regions[3, 5] == LEFT_OUT
    assert true.boxes == (Box(0, 0, 2, 2), Box(0, 0, 4, 3))
    np.testing.assert_array_equal(true.mask, LEFT)


def test_boxes_alone_give_no_regions():
    true = of_truth(PHOTO, Truth((TrueObject("a", box=Box(1, 1, 2, 2)),), np.zeros((4, 6), dtype=bool)))
    assert true.boxes == (Box(1, 1, 2, 2),) and not true.has("regions") and not true.has("mask") and true.has("box")
    with pytest.raises(BadSettings, match=r"mine\.jpg"):
        require([true], "regions")


def test_regions_are_counted_from_0_and_names_can_be_left_out():
    assert counted_from_0(np.array([[7, 300], [7, 9]])).tolist() == [[0, 2], [0, 1]]
    (numbered,) = without_names([TruePhoto(PHOTO)])
    assert numbered.photo.name == "photo 1" and numbered == TruePhoto(PHOTO)


@pytest.mark.parametrize(
    "given", [{"regions": (np.zeros((4, 6), np.int16),)}, {"mask": np.ones((4, 6), bool)}, {"boxes": (Box(0, 0, 2, 2),)}]
)
def test_any_truth_will_do_where_one_is_needed_but_not_none(given):
    photo = photo_from_array(np.zeros((4, 6, 3), np.uint8), "plain")
    assert TruePhoto(photo, **given).has("truth")
    with pytest.raises(BadSettings, match="'plain' has no truth that could be compared"):
        require([TruePhoto(photo)], "truth")
