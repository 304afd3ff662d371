"""What is read from a checkpoint that somebody brings, what is refused, and how a mismatch is told."""

import io
import json
import os
import shlex
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import load, save
from timm.models._hub import save_config_for_hf

from models.catalog import checkpoints
from models.catalog.catalog import Catalog
from models.catalog.checkpoints import (
    CONVERT_COMMAND,
    Checkpoint,
    Mismatch,
    StoredTensor,
    config_by_hand,
    harmless_prefixes,
    match_checkpoint,
    read_checkpoint,
    read_config,
    suggested_n_classes,
    usual,
    write_without_prefix,
)
from models.errors import BadCheckpoint, PickledCheckpoint, UnsupportedEncoder

TINY = "test_resnet"


def weights_of(architecture: str = TINY, **options) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(architecture, **{"num_classes": 3, **options}).state_dict()


def read(data: bytes, name: str = "model.safetensors") -> Checkpoint:
    return read_checkpoint(io.BytesIO(data), name)


def file_of(header: bytes | dict, values: bytes = b"") -> bytes:
    """A safetensors file made by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values


def record(shape: list, begin: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


# --- the file -------------------------------------------------------------------------------------------------------------


def test_a_header_tells_names_types_and_shapes():
    data = save({"b": torch.zeros(2, 3), "a": torch.zeros(4, dtype=torch.float16)}, {"format": "pt"})
    checkpoint = read(data, "mine.safetensors")
    assert checkpoint.tensors == (StoredTensor("a", "F16", (4,)), StoredTensor("b", "F32", (2, 3)))
    assert (checkpoint.n_values, checkpoint.n_bytes, checkpoint.file_name) == (10, len(data), "mine.safetensors")
    assert checkpoint.header_sha256 != read(save({"b": torch.zeros(3, 2)})).header_sha256


def test_no_value_is_read():
    class Watched(io.BytesIO):
        furthest = 0

        def read(self, size=-1):
            found = super().read(size)
            self.furthest = max(self.furthest, self.tell())
            return found

    data = save({"a": torch.zeros(100_000)})
    file = Watched(data)
    read_checkpoint(file, "model.safetensors")
    assert file.furthest == len(data) - 400_000


@pytest.mark.parametrize("name", ["model.pt", "MODEL.PTH", "pytorch_model.bin", "last.ckpt", "w.pkl"])
def test_the_name_of_a_pickle_is_refused_with_reason_and_way_out(name):
    with pytest.raises(PickledCheckpoint, match=r"can run code.*ENCODERSCOPE_ENCODERS.*weights_only") as refusal:
        read(save({"a": torch.zeros(1)}), name)
    assert f"'{name}'" in str(refusal.value) and "\n" not in str(refusal.value)


def pickled(**options) -> bytes:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, buffer, **options)
    return buffer.getvalue()


def tar() -> bytes:
    return b"\0" * 257 + b"ustar" + b"\0" * 300


@pytest.mark.parametrize("content", [pickled(), pickled(_use_new_zipfile_serialization=False), b"\x80\x04\x95\0", tar()])
def test_a_pickle_under_another_name_is_known_by_its_content(content):
    with pytest.raises(PickledCheckpoint, match=r"'model.safetensors' is a pickle file"):
        read(content)


def test_a_header_whose_length_begins_like_a_pickle_is_none():
    empty = file_of({"a": record([1], 0, 4), "__metadata__": {"pad": ""}}, b"\0" * 4)
    padding = "x" * (0x0280 - (len(empty) - 12))  # 640 bytes: the file begins with 80 02, as pickles of protocol 2 do
    data = file_of({"a": record([1], 0, 4), "__metadata__": {"pad": padding}}, b"\0" * 4)
    assert data.startswith(b"\x80\x02")
    assert read(data).shapes == {"a": (1,)} and load(data)["a"].shape == (1,)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"{", "no safetensors file"),
        (b"hello, this is no model at all", "no safetensors file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "no safetensors file"),
        (save({"a": torch.zeros(100)})[:-7], "cut short"),
        (save({"a": torch.zeros(100)})[:30], "cut short"),
        (save({"a": torch.zeros(100)}) + b"more", "goes on after its last tensor"),
        ((10**15).to_bytes(8, "little") + b"{}", "which no model has"),
        (file_of(b'{"a": '), "no readable JSON"),
        (file_of(b'{"a":' * 100_000), "no readable JSON"),
        (file_of(b'{"\xff": 1}'), "no readable JSON"),
        (file_of({}), "no tensor"),
        (file_of({"__metadata__": {"a": "b"}}), "no tensor"),
        (file_of({"a": 3}), "'a' properly"),
        (file_of({"a": record([1], 0, 8)}, b"\0" * 8), "'a' properly"),
        (file_of({"a": record([-1], 0, 4)}, b"\0" * 4), "'a' properly"),
        (file_of({"a": record([True], 0, 4)}, b"\0" * 4), "'a' properly"),
        (file_of({"a": {"dtype": "F32", "shape": [1]}}, b"\0" * 4), "'a' properly"),
        (file_of({"a": record([1], 0, 4, "Q4")}, b"\0" * 4), "type Q4"),
        (file_of({"a": record([1], 0, 4), "b": record([1], 0, 4)}, b"\0" * 4), "overlap"),
        (file_of({"a": record([1], 0, 4), "b": record([1], 8, 12)}, b"\0" * 12), "gaps"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(data, expected):
    with pytest.raises(BadCheckpoint, match=expected) as refusal:
        read(data)
    assert not isinstance(refusal.value, PickledCheckpoint) and len(str(refusal.value)) < 300


def test_a_file_that_is_too_large_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(checkpoints, "MAX_BYTES", 300)
    with pytest.raises(BadCheckpoint, match="at most 0 MB"):
        read(save({"a": torch.zeros(1000)}))


def test_a_prefix_is_taken_off_and_the_values_stay_as_they_are():
    weights = {f"module.{name}": torch.randn(3, 5) for name in ("fc.weight", "conv", "b")}
    target = io.BytesIO()
    write_without_prefix(save(weights, {"format": "pt"}), target, "module.")
    written = load(target.getvalue())
    assert read(target.getvalue()).shapes == {"fc.weight": (3, 5), "conv": (3, 5), "b": (3, 5)}
    for name, tensor in weights.items():
        torch.testing.assert_close(written[name.removeprefix("module.")], tensor, rtol=0, atol=0)


def test_without_a_prefix_the_file_stays_as_it_is():
    data, target = save({"a": torch.ones(2)}), io.BytesIO()
    write_without_prefix(data, target, "")
    assert target.getvalue() == data


def test_the_command_that_is_offered_makes_a_file_that_is_taken(tmp_path):
    torch.save({"epoch": 3, "state_dict": weights_of()}, tmp_path / "model.pth")
    arguments = shlex.split(CONVERT_COMMAND)
    subprocess.run([sys.executable, *arguments[1:]], cwd=tmp_path, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoint = read((tmp_path / "model.safetensors").read_bytes())
    assert match_checkpoint(checkpoint, config_by_hand(TINY, 3)).fits


# --- the configuration ----------------------------------------------------------------------------------------------------


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
def test_a_config_that_is_no_json_object_is_refused(data):
    with pytest.raises(BadCheckpoint, match="JSON"):
        read_config(data)


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
    assert "resnet50" in checkpoints.architectures()


@pytest.mark.parametrize(
    ("architecture", "n_classes", "prefix"),
    [(TINY, 3, ""), (TINY, 7, "module."), (TINY, 0, ""), ("test_vit", 4, "_orig_mod.module.")],
)
def test_the_number_of_classes_is_the_classifiers(architecture, n_classes, prefix):
    weights = weights_of(architecture, num_classes=n_classes)
    checkpoint = read(save({prefix + name: tensor for name, tensor in weights.items()}))
    assert suggested_n_classes(checkpoint, architecture) == n_classes


# --- the comparison -------------------------------------------------------------------------------------------------------


def test_weights_fit_their_own_architecture():
    comparison = match_checkpoint(read(save(weights_of())), config_by_hand(TINY, 3))
    assert comparison.fits and comparison.prefix == "" and comparison.n_fitting == len(weights_of())


@pytest.mark.parametrize("architecture", ["test_vit", "test_convnext", "test_efficientnet", "test_byobnet"])
def test_other_families_fit_too(architecture):
    assert match_checkpoint(read(save(weights_of(architecture))), config_by_hand(architecture, 3)).fits


def test_missing_unexpected_and_misshapen_tensors_are_listed_in_the_order_of_the_network():
    weights = weights_of()
    stem = next(iter(weights))
    del weights[stem]
    weights["fc.weight"], weights["extra"] = torch.zeros(9, weights["fc.weight"].shape[1]), torch.zeros(2)
    mismatches = match_checkpoint(read(save(weights)), config_by_hand(TINY, 3)).mismatches
    n_in = weights["fc.weight"].shape[1]
    first, second, third = mismatches
    assert (first.name, first.stored) == (stem, None)
    assert second == Mismatch("fc.weight", (9, n_in), (3, n_in))
    assert third == Mismatch("extra", (2,), None)
    assert str(second) == f"fc.weight is (9, {n_in}) in the file, but (3, {n_in}) is needed"
    assert "missing" in str(first) and "no place" in str(third)


def test_counters_of_batch_normalisation_may_be_missing():
    weights = {name: tensor for name, tensor in weights_of().items() if "num_batches" not in name}
    assert len(weights) < len(weights_of()) and match_checkpoint(read(save(weights)), config_by_hand(TINY, 3)).fits


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "_orig_mod."])
def test_what_wrappers_put_before_every_name_is_taken_off(prefix):
    weights = {prefix + name: tensor for name, tensor in weights_of().items()}
    comparison = match_checkpoint(read(save(weights)), config_by_hand(TINY, 3))
    assert comparison.fits and comparison.prefix == prefix


def test_a_prefix_of_some_names_only_stays():
    assert harmless_prefixes(["module.a", "b"]) == [""]
    assert harmless_prefixes(["module.model.a", "module.model.b"]) == ["", "module.", "module.model."]
    assert harmless_prefixes(["strange.a"]) == [""]


def test_hints_say_what_to_try():
    larger = match_checkpoint(read(save(weights_of("test_vit", img_size=192))), config_by_hand("test_vit", 3))
    assert [m.name for m in larger.mismatches] == ["pos_embed"] and "input size" in larger.hint
    assert match_checkpoint(read(save(weights_of("test_vit", img_size=192))), config_by_hand("test_vit", 3, input_size=192)).fits
    assert "another architecture" in match_checkpoint(read(save({"a": torch.zeros(1)})), config_by_hand(TINY, 3)).hint


def test_a_network_that_timm_cannot_build_is_refused_in_one_sentence():
    config = {**config_by_hand(TINY, 3), "model_args": {"wings": 2}}
    with pytest.raises(BadCheckpoint, match=r"timm cannot build.*wings"):
        match_checkpoint(read(save(weights_of())), config)


# --- the operator's pickles -----------------------------------------------------------------------------------------------


def pickled_folder(folder, state, config=None):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or config_by_hand(TINY, 3, input_size=64)))
    torch.save(state, folder / "pytorch_model.bin")
    return folder


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda weights: weights,
        lambda weights: {"epoch": 3, "state_dict": weights},
        lambda weights: {"model": {f"module.{name}": tensor for name, tensor in weights.items()}},
    ],
)
def test_a_pickle_in_the_operators_folder_opens_with_weights_only(tmp_path, wrapped):
    pickled_folder(tmp_path / "ops" / "old", wrapped(weights_of()))
    encoder = Catalog(tmp_path / "ops", tmp_path / "own").open("old")
    torch.testing.assert_close(encoder.model.state_dict()["fc.weight"], weights_of()["fc.weight"])
    assert "old" in [entry.name for entry in Catalog(tmp_path / "ops", tmp_path / "own").entries()]


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_that_wants_to_run_code_is_refused_and_does_not(tmp_path):
    trace = tmp_path / "trace"
    pickled_folder(tmp_path / "ops" / "evil", {"a": Hostile(str(trace))})
    with pytest.raises(UnsupportedEncoder, match=r"'evil'.*weights_only") as refusal:
        Catalog(tmp_path / "ops", tmp_path / "own").open("evil")
    assert not trace.exists() and "\n" not in str(refusal.value)


def test_a_pickle_without_weights_is_refused(tmp_path):
    pickled_folder(tmp_path / "ops" / "empty", {"epoch": 3})
    with pytest.raises(UnsupportedEncoder, match="without weights"):
        Catalog(tmp_path / "ops", tmp_path / "own").open("empty")


@pytest.mark.parametrize("where", ["own", "elsewhere"])
def test_a_pickle_anywhere_else_stays_refused(tmp_path, where):
    folder = pickled_folder(tmp_path / where / "old", weights_of())
    catalog = Catalog(tmp_path / "ops", tmp_path / "own")
    with pytest.raises(UnsupportedEncoder, match="can run code"):
        catalog.open("old" if where == "own" else str(folder))
