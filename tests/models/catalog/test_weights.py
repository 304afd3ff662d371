"""The weights of a folder: whole, in parts, under the names that wrappers give them, and what is not there."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from models.catalog.catalog import Catalog
from models.errors import EncoderUnavailable

TINY = "test_resnet"
INDEX = "model.safetensors.index.json"


def weights_of(n_classes=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(TINY, num_classes=n_classes).state_dict()


def folder_of(path, weights=None, **config):
    """An encoder folder, with these tensors in one file if any are given."""
    path.mkdir(parents=True)
    pretrained = {"input_size": [3, 96, 96]}
    whole = {"architecture": TINY, "num_classes": 3, "pretrained_cfg": pretrained} | config
    (path / "config.json").write_text(json.dumps(whole))
    if weights is not None:
        save_file(weights, path / "model.safetensors")
    return path


def in_parts(path, **places):
    """The same folder with its tensors in two files and an index; ``places`` changes where the index says they are."""
    folder, weights = folder_of(path), weights_of()
    where = {name: f"model-{1 + (n % 2)}-of-2.safetensors" for n, name in enumerate(weights)}
    for part in sorted(set(where.values())):
        save_file({name: tensor for name, tensor in weights.items() if where[name] == part}, folder / part)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": where | places}))
    return folder


def refusal_of(folder):
    with pytest.raises(EncoderUnavailable) as refusal:
        Catalog().open(str(folder))
    message = str(refusal.value)
    assert "\n" not in message and len(message) < 500
    return message


def test_weights_in_parts_are_put_together(tmp_path):
    encoder = Catalog().open(str(in_parts(tmp_path / "e")))
    whole = Catalog().open(str(folder_of(tmp_path / "w", weights_of())))
    assert encoder.info.fingerprint == whole.info.fingerprint
    assert Catalog(tmp_path).entry("e").n_parameters == encoder.info.n_parameters


NO_NAMES = ["../w/model.safetensors", "/etc/passwd.safetensors", "a\\b.safetensors", "weights.bin", "", 3]
ODD_NAMES = ["x" * 300 + ".safetensors", "nul\0.safetensors", "half\ud800.safetensors"]


@pytest.mark.parametrize("place", NO_NAMES + ODD_NAMES)
def test_an_index_cannot_lead_out_of_its_folder(tmp_path, place):
    folder_of(tmp_path / "w", weights_of())
    assert "not the name of a safetensors file beside it" in refusal_of(in_parts(tmp_path / "e", **{"fc.bias": place}))


def test_a_part_that_is_not_there_is_named(tmp_path):
    folder = in_parts(tmp_path / "e")
    (folder / "model-2-of-2.safetensors").unlink()
    assert "'model-2-of-2.safetensors' is missing" in refusal_of(folder)


@pytest.mark.parametrize(
    ("index", "expected"), [("{", "not readable JSON"), ("{}", "no weight_map"), ('{"weight_map": {}}', "weight_map")]
)
def test_a_damaged_index_is_refused(tmp_path, index, expected):
    folder = folder_of(tmp_path / "e")
    (folder / INDEX).write_text(index)
    assert expected in refusal_of(folder)


def test_a_tensor_in_two_parts_is_refused(tmp_path):
    folder = in_parts(tmp_path / "e")
    save_file(weights_of(), folder / "model-1-of-2.safetensors")
    assert "another part of the weights holds, too" in refusal_of(folder)


@pytest.mark.parametrize("prefix", ["module.", "module._orig_mod.", "model.backbone."])
def test_prefixes_of_wrappers_are_taken_off_in_folders(tmp_path, prefix):
    folder = folder_of(tmp_path / "e", {f"{prefix}{name}": tensor for name, tensor in weights_of().items()})
    assert torch.equal(Catalog().open(str(folder)).model.state_dict()["fc.bias"], weights_of()["fc.bias"])


def test_what_does_not_fit_is_named_with_its_shapes(tmp_path):
    assert "fc.bias is (7,) in the file, but (3,) is needed" in refusal_of(folder_of(tmp_path / "e", weights_of(7)))


def test_a_pointer_of_git_lfs_is_called_one(tmp_path):
    folder = folder_of(tmp_path / "e")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 46\n")
    assert "Git LFS" in refusal_of(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderUnavailable, match="Git LFS"):
        Catalog(tmp_path).open("e")


def test_a_file_that_ends_too_early_is_called_cut_short(tmp_path):
    file = folder_of(tmp_path / "e", weights_of()) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    assert "cut short" in refusal_of(file.parent)


# --- what config.json says ------------------------------------------------------------------------------------------------

NAMES = ("cat", "dog", "ant")


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"label_names": ["cat", "dog", "ant"]}, NAMES),
        ({"label_names": {"0": "cat", "1": "dog", "2": "ant"}}, NAMES),
        ({"id2label": {"2": "ant", "0": "cat", "1": "dog"}}, NAMES),
        ({"id2label": {"0": "cat", "2": "ant"}}, ("cat", "class 1", "ant")),
        ({"num_classes": None, "id2label": {"0": "cat", "1": "dog", "2": "ant"}}, NAMES),
    ],
)
def test_names_of_classes_are_read_from_lists_and_mappings(tmp_path, config, names):
    assert Catalog().open(str(folder_of(tmp_path / "e", weights_of(), **config))).info.class_names == names


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id2label": {"cat": 0}}, "a class name for 'cat'; the number of a class is needed"),
        ({"id2label": {"-1": "cat"}}, "a class name for '-1'"),
        ({"id2label": {"0": "cat", "3": "eel"}}, "names class 3 of 3 classes"),
        ({"label_names": ["cat", "dog"]}, "2 class names for 3 classes"),
    ],
)
def test_names_that_cannot_be_those_of_the_classes_are_refused(tmp_path, config, expected):
    assert expected in refusal_of(folder_of(tmp_path / "e", weights_of(), **config))


def test_mean_and_std_of_images_up_to_255_are_refused_with_the_remedy(tmp_path):
    seeing = {"input_size": [3, 96, 96], "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
    message = refusal_of(folder_of(tmp_path / "e", weights_of(), pretrained_cfg=seeing))
    assert "Divide by 255: mean 0.485, 0.456, 0.406 and std 0.229, 0.224, 0.225" in message
