"""What is taken over into a config.json, from a file or by hand, and what is refused."""

import io
import json

import pytest
import timm
from safetensors.torch import save
from timm.models._hub import save_config_for_hf

from models.catalog.checkpoints import read_checkpoint
from models.catalog.configs import architectures, config_by_hand, read_config, suggested_n_classes, usual
from models.errors import BadCheckpoint, UnsupportedEncoder

TINY = "test_resnet"


def test_a_config_that_timm_wrote_is_taken_over(tmp_path):
    model = timm.create_model(TINY, num_classes=2)
    save_config_for_hf(model, tmp_path / "config.json", {"num_classes": 2, "label_names": ["cat", "dog"]})
    config = read_config((tmp_path / "config.json").read_bytes())
    assert (config["architecture"], config["num_classes"]) == (TINY, 2)
    assert config["pretrained_cfg"]["label_names"] == ["cat", "dog"]
    assert config["pretrained_cfg"]["classifier"] == model.default_cfg["classifier"]


def test_nothing_that_says_where_weights_come_from_is_taken_over():
    pretrained = {"url": "http://x", "file": "/etc/passwd", "hf_hub_id": "a/b", "custom_load": True, "std": [1, 1, 1]}
    sources = {"source": "hf-hub", "state_dict": {}, "architecture": "resnet50"}
    config = read_config(json.dumps({"architecture": TINY, "pretrained_cfg": {**pretrained, **sources}}).encode())
    assert config["pretrained_cfg"] == {"std": [1, 1, 1], "num_classes": 1000}
    assert config["architecture"] == TINY


def test_what_was_read_once_reads_the_same_again():
    config = config_by_hand(TINY, 2, ["cat", "dog"], input_size=96)
    assert read_config(json.dumps(config).encode()) == config


@pytest.mark.parametrize(
    ("changes", "error", "expected"),
    [
        ({"architecture": None}, UnsupportedEncoder, "names no timm architecture"),
        ({"architecture": "resnet999"}, UnsupportedEncoder, "no architecture 'resnet999'"),
        ({"num_classes": -1}, BadCheckpoint, "number of classes"),
        ({"num_classes": "2"}, BadCheckpoint, "number of classes"),
        ({"label_names": ["a", "b"]}, BadCheckpoint, "2 class names for 3 classes"),
        ({"label_names": "abc"}, BadCheckpoint, "no list of class names"),
        ({"pretrained_cfg": {"mean": [0.5]}}, BadCheckpoint, "as mean"),
        ({"pretrained_cfg": {"std": [0.1, 0.0, 0.1]}}, BadCheckpoint, "as std"),
        ({"pretrained_cfg": {"std": [0.1, float("nan"), 0.1]}}, BadCheckpoint, "as std"),
        ({"pretrained_cfg": {"input_size": [3, 10**9, 224]}}, BadCheckpoint, "input size"),
        ({"model_args": {"depth": 10**7}}, BadCheckpoint, "model arguments"),
        ({"model_args": {"depth": 10_000}}, BadCheckpoint, "model arguments"),
        ({"model_args": {"layers": [400, 400]}}, BadCheckpoint, "model arguments"),
        ({"model_args": {"block_args": {"num_layers": 9_000}}}, BadCheckpoint, "model arguments"),
        ({"pretrained_cfg": {"interpolation": ["bicubic"]}}, BadCheckpoint, "as interpolation"),
        ({"pretrained_cfg": {"interpolation": "sinc"}}, BadCheckpoint, "as interpolation"),
        ({"model_args": ["depth"]}, BadCheckpoint, "model arguments"),
        ({"model_args": {"checkpoint_path": "/tmp/evil.pth"}}, BadCheckpoint, "model arguments"),
        ({"model_args": {"pretrained_cfg_overlay": {"file": "/tmp/evil.pth"}}}, BadCheckpoint, "model arguments"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_with_the_reason(changes, error, expected):
    config = {"architecture": TINY, "num_classes": 3, "pretrained_cfg": {}, **changes}
    with pytest.raises(error, match=expected):
        read_config(json.dumps(config).encode())


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff\xfe"])
def test_a_config_that_is_not_a_json_object_is_refused(data):
    with pytest.raises(BadCheckpoint, match="JSON"):
        read_config(data)


def test_names_of_classes_are_taken_from_a_mapping():
    config = read_config(json.dumps({"architecture": TINY, "id2label": {"1": "dog", "0": "cat"}}).encode())
    assert (config["num_classes"], config["pretrained_cfg"]["label_names"]) == (2, ["cat", "dog"])


def test_mean_and_std_of_images_up_to_255_are_refused_with_the_remedy():
    with pytest.raises(
        BadCheckpoint, match=r"What was entered gives .* Divide by 255: mean 0.5, 0.5, 0.5 and std 0.25, 0.25, 0.25"
    ):
        config_by_hand(TINY, 3, mean=(127.5,) * 3, std=(63.75,) * 3)


def test_arguments_of_a_network_are_taken_over():
    arguments = {"img_size": 96, "pretrained_window_sizes": [0, 0, 0, 0]}
    assert read_config(json.dumps({"architecture": TINY, "model_args": arguments}).encode())["model_args"] == arguments


def test_by_hand_means_what_was_chosen_and_the_rest_as_timm_has_it():
    config = config_by_hand("vit_tiny_patch16_224", 5, "abcde", (0.1, 0.2, 0.3), (1, 1, 1), 96)
    pretrained = config["pretrained_cfg"]
    assert (config["num_classes"], pretrained["label_names"], pretrained["input_size"]) == (5, list("abcde"), [3, 96, 96])
    assert (pretrained["mean"], pretrained["std"], pretrained["classifier"]) == ([0.1, 0.2, 0.3], [1, 1, 1], "head")
    assert "url" not in pretrained and "hf_hub_id" not in pretrained and "license" not in pretrained


def test_what_is_usual_comes_from_timm():
    assert usual("vit_tiny_patch16_224").mean == (0.5, 0.5, 0.5)
    assert usual("resnet50").std == (0.229, 0.224, 0.225) and usual("resnet50").input_size == 224
    assert "resnet50" in architectures()


@pytest.mark.parametrize(
    ("architecture", "n_classes", "prefix"),
    [(TINY, 3, ""), (TINY, 7, "module."), (TINY, 0, ""), ("test_vit", 4, "_orig_mod.module.")],
)
def test_the_number_of_classes_is_the_classifiers(architecture, n_classes, prefix):
    weights = timm.create_model(architecture, num_classes=n_classes).state_dict()
    data = save({prefix + name: tensor for name, tensor in weights.items()})
    checkpoint = read_checkpoint(io.BytesIO(data), "model.safetensors")
    assert suggested_n_classes(checkpoint, architecture) == n_classes
