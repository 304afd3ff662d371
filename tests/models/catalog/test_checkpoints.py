"""What is read from a checkpoint that somebody brings, what is refused, and what does not fit."""

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

from models.catalog import checkpoints
from models.catalog.checkpoints import (
    CONVERT_COMMAND,
    Checkpoint,
    StoredTensor,
    match_checkpoint,
    read_checkpoint,
    write_without_prefix,
)
from models.catalog.configs import config_by_hand
from models.encoder.fitting import Mismatch, harmless_prefixes
from models.errors import BadCheckpoint, PickledCheckpoint

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


def test_a_header_says_names_types_and_shapes():
    data = save({"b": torch.zeros(2, 3), "a": torch.zeros(4, dtype=torch.float16)}, {"format": "pt"})
    checkpoint = read(data, "mine.safetensors")
    assert checkpoint.tensors == (StoredTensor("a", "F16", (4,)), StoredTensor("b", "F32", (2, 3)))
    assert (checkpoint.n_values, checkpoint.n_bytes, checkpoint.file_name) == (10, len(data), "mine.safetensors")
    assert checkpoint.header_sha256 != read(save({"b": torch.zeros(3, 2)})).header_sha256


def test_no_value_is_read():
    class Watched(io.BytesIO):
        furthest = 0

        def read(self, size=-1):
            data = super().read(size)
            self.furthest = max(self.furthest, self.tell())
            return data

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


def test_a_header_whose_length_begins_like_a_pickle_is_not_one():
    empty = file_of({"a": record([1], 0, 4), "__metadata__": {"pad": ""}}, b"\0" * 4)
    padding = "x" * (0x0280 - (len(empty) - 12))  # 640 bytes: the file begins with 80 02, as pickles of protocol 2 do
    data = file_of({"a": record([1], 0, 4), "__metadata__": {"pad": padding}}, b"\0" * 4)
    assert data.startswith(b"\x80\x02")
    assert read(data).shapes == {"a": (1,)} and load(data)["a"].shape == (1,)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"{", "not a safetensors file"),
        (b"hello, this is no model at all", "not a safetensors file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not a safetensors file"),
        (save({"a": torch.zeros(100)})[:-7], "cut short"),
        (save({"a": torch.zeros(100)})[:30], "cut short"),
        (save({"a": torch.zeros(100)}) + b"more", "goes on after its last tensor"),
        ((10**15).to_bytes(8, "little") + b"{}", "which no model has"),
        (file_of(b'{"a": '), "not readable JSON"),
        (file_of(b'{"a":' * 100_000), "not readable JSON"),
        (file_of(b'{"\xff": 1}'), "not readable JSON"),
        (file_of({}), "no tensor"),
        (file_of({"__metadata__": {"a": "b"}}), "no tensor"),
        (file_of({"a": 3}), "'a' properly"),
        (file_of({"a": record([1], 0, 8)}, b"\0" * 8), "'a' properly"),
        (file_of({"a": record([-1], 0, 4)}, b"\0" * 4), "'a' properly"),
        (file_of({"a": record([True], 0, 4)}, b"\0" * 4), "'a' properly"),
        (file_of({"a": record([9] * 3_000_000, 0, 4)}, b"\0" * 4), "'a' properly"),  # a product that takes hours
        (file_of({"a": record([10**4000, 0], 0, 0)}), "'a' properly"),
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


# --- the match ------------------------------------------------------------------------------------------------------------


def test_weights_fit_their_own_architecture():
    match = match_checkpoint(read(save(weights_of())), config_by_hand(TINY, 3))
    assert match.fits and match.prefix == "" and match.n_fitting == len(weights_of())


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
    match = match_checkpoint(read(save(weights)), config_by_hand(TINY, 3))
    assert match.fits and match.prefix == prefix


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
