"""The operator's pickles: read without running them, and nobody else's."""

import json

import pytest
import timm
import torch

from models.catalog.catalog import Catalog
from models.catalog.configs import config_by_hand
from models.errors import UnsupportedEncoder

TINY = "test_resnet"


def weights_of() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(TINY, num_classes=3).state_dict()


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
