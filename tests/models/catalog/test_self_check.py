"""What the self-check finds out about an encoder from one photo."""

import math

import pytest

from models.catalog import self_check as self_check_module
from models.catalog.self_check import self_check
from models.encoder.encoder import Encoder
from models.photo import photo_from_array
from models.scenes.scenes import render, sample_scene

ARCHITECTURE = "test_resnet"


@pytest.fixture(scope="module")
def photo():
    return photo_from_array(render(sample_scene(7)).image, "scene-7")


def test_the_check_looks_at_every_depth(photo, monkeypatch):
    looked_at = []
    monkeypatch.setattr(self_check_module, "_require_finite", lambda values, what: looked_at.append(what))
    encoder = Encoder.from_timm(ARCHITECTURE, num_classes=3)
    self_check(encoder, photo)
    assert len(looked_at) == len(encoder.info.depths) + 1


def test_depths_that_are_bypassed_are_named(photo):
    encoder = Encoder.from_timm("pit_ti_224", img_size=64, num_classes=4)
    check = self_check(encoder, photo)
    assert check.n_cut_points == 0 and all("bypasses" in depth.refusal for depth in check.depths)


@pytest.mark.parametrize(
    ("logit", "class_name", "probability"),
    [(math.log(3), "class 0", 0.75), (-math.log(3), "not class 0", 0.75), (0.0, "class 0", 0.5)],
)
def test_a_single_logit_is_read_as_for_or_against_its_class(photo, logit, class_name, probability):
    encoder = Encoder.from_timm(ARCHITECTURE, num_classes=1)
    encoder.model.fc.weight.data.zero_()
    encoder.model.fc.bias.data.fill_(logit)
    check = self_check(encoder, photo)
    assert check.class_name == class_name
    assert check.probability == pytest.approx(probability)
