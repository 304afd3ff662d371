"""Networks made ready to be looked into: what is refused, and what they are known by."""

import pytest
import timm
import torch
from torch import nn

from models.catalog import Catalog
from models.encoder.building import build_model, probe_model
from models.encoder.encoder import Encoder
from models.errors import UnsupportedEncoder


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("scenes-cnn", "1b4c838fdd2da2939bc2fecdf9f1b7c0f67290cb04bf06841f0da06741961230"),
        ("scenes-vit", "e52df3d36923d6e673c9c46522b88efe33b8e38574dcd8ed9e45a439cd154e8d"),
    ],
)
def test_fingerprints_stay_because_cavs_on_disk_are_kept_under_them(name, fingerprint):
    assert Catalog().open(name).info.fingerprint == fingerprint


def test_the_fingerprint_sees_one_changed_weight_and_the_preprocessing():
    model = build_model("test_vit", {})
    spec = Encoder.from_timm("test_vit").spec
    first = Encoder(model, spec, "a").info.fingerprint
    assert Encoder(model, spec, "another name").info.fingerprint == first
    model.pretrained_cfg["mean"] = (0.1, 0.2, 0.3)
    second = Encoder(model, spec, "a").info.fingerprint
    with torch.no_grad():
        model.head.bias[0] += 1
    third = Encoder(model, spec, "a").info.fingerprint
    assert len({first, second, third}) == 3


def test_a_network_that_hands_out_no_maps_is_refused():
    with pytest.raises(UnsupportedEncoder, match="no forward_intermediates"):
        probe_model(nn.Conv2d(3, 8, 3), "handmade")


def test_a_network_that_declares_other_maps_than_it_gives_is_refused():
    model = timm.create_model("test_resnet").eval()
    model.feature_info = [dict(entry) for entry in model.feature_info]
    model.feature_info[1]["num_chs"] += 1
    with pytest.raises(UnsupportedEncoder, match="depth 1, but its feature map is"):
        probe_model(model, "test_resnet")
    model.feature_info = model.feature_info[:2]
    with pytest.raises(UnsupportedEncoder, match="declares 2 depths but hands out"):
        probe_model(model, "test_resnet")


def test_only_colour_images_are_served():
    with pytest.raises(UnsupportedEncoder, match=r"1 channel\(s\)"):
        Encoder.from_timm("test_resnet", in_chans=1)
