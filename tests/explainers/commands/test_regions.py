"""A region on the command line: a box or an image, and one sentence for anything else."""

import numpy as np
import pytest
from PIL import Image

from explainers.commands.intervene import region_from
from models.errors import BadConcept, BadSettings


def test_a_box_is_a_share_of_the_sides():
    region = region_from("0.25,0,0.75,0.5")
    assert region.area == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    "box", ["0,0,0,0", "0.2,0.2,0.2,0.8", "0.6,0.2,0.4,0.8", "nan,0,1,1", "-1,-1,2,2", "0,0,1,inf", "a,b,c,d", "1e400,0,1,1"]
)
def test_what_is_no_box_is_refused_in_one_sentence(box):
    with pytest.raises(BadSettings, match="is not a box like"):
        region_from(box)


def test_all_of_the_image_leaves_nothing():
    with pytest.raises(BadSettings, match="nothing would be left"):
        region_from("0,0,1,1")


def test_an_image_is_a_region_where_it_is_not_black(tmp_path):
    mask = np.zeros((8, 8), np.uint8)
    mask[:2] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert region_from(str(tmp_path / "mask.png")).area == pytest.approx(0.25)
    Image.fromarray(0 * mask).save(tmp_path / "black.png")
    with pytest.raises(BadConcept, match="empty"):
        region_from(str(tmp_path / "black.png"))
