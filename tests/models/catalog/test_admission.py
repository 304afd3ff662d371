"""From an upload to the catalog: what joins, what is refused, and that a refusal leaves nothing behind."""

import json

import pytest
import timm
import torch
from safetensors.torch import save

from models.catalog.admission import admit
from models.catalog.catalog import Catalog
from models.catalog.checkpoints import Upload
from models.catalog.configs import config_by_hand
from models.errors import BadCheckpoint, Cancelled
from models.photo import photo_from_array
from models.progress import IGNORED, Progress
from models.scenes.scenes import render, sample_scene

ARCHITECTURE = "test_resnet"


@pytest.fixture(scope="module")
def photo():
    return photo_from_array(render(sample_scene(7)).image, "scene-7")


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return Catalog(tmp_path / "operators", tmp_path / "own")


def weights_of(architecture: str = ARCHITECTURE, n_classes: int = 3) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm.create_model(architecture, num_classes=n_classes).state_dict()


def upload(weights: dict, name: str = "mine", n_classes: int = 3, architecture: str = ARCHITECTURE, **options) -> Upload:
    names = [f"thing {n}" for n in range(n_classes)]
    return Upload(name, json.dumps(config_by_hand(architecture, n_classes, names, input_size=64)), save(weights), **options)


def admitted(catalog: Catalog, given: Upload, photo, progress=IGNORED):
    return admit(catalog, given, photo, "cpu", progress)


def is_untouched(catalog: Catalog) -> bool:
    return catalog.own.names() == () and not [*catalog.own.folder.glob(".staging/*")]


def test_a_good_upload_joins_with_its_check(catalog, photo):
    said = []
    encoder, admission = admitted(catalog, upload(weights_of()), photo, Progress(lambda share, doing: said.append(share)))
    assert said == sorted(said) and said[-1] == 1.0
    check = admission.check
    assert check.class_name.startswith("thing") and 1 / 3 <= check.probability <= 1
    assert check.n_cut_points == len(check.depths) == len(encoder.info.depths)
    assert (admission.prefix, admission.replaced) == ("", None)
    assert catalog.entry("mine").training == "Your own"
    assert catalog.open("mine").info.fingerprint == encoder.info.fingerprint == check.encoder.fingerprint
    assert encoder.info.name == "mine"


def test_a_prefix_comes_off_in_the_file_that_is_kept(catalog, photo):
    wrapped = {f"module.{name}": tensor for name, tensor in weights_of().items()}
    _, admission = admitted(catalog, upload(wrapped), photo)
    assert admission.prefix == "module."
    torch.testing.assert_close(catalog.open("mine").model.state_dict()["fc.weight"], weights_of()["fc.weight"])


def test_an_encoder_without_classes_joins_without_a_prediction(catalog, photo):
    _, admission = admitted(catalog, upload(weights_of(n_classes=0), n_classes=0), photo)
    assert (admission.check.class_name, admission.check.n_cut_points) == ("", 0)
    assert all("no classifier" in depth.refusal for depth in admission.check.depths)


def test_weights_that_do_not_fit_are_refused_with_the_first_that_does_not(catalog, photo):
    with pytest.raises(BadCheckpoint, match=r"^fc.weight is \(3, \d+\) in the file, but \(5, \d+\) is needed, and 1 more"):
        admitted(catalog, upload(weights_of(), n_classes=5), photo)
    assert is_untouched(catalog)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_numbers_are_refused_by_what_they_do(catalog, photo, bad):
    weights = weights_of()
    name = next(name for name in weights if name.startswith("layer3") and name.endswith("weight") and weights[name].ndim == 4)
    weights[name] = torch.full_like(weights[name], bad)
    with pytest.raises(BadCheckpoint, match=r"depth 3 \(layer3\).*not finite numbers"):
        admitted(catalog, upload(weights), photo)
    assert is_untouched(catalog)


def test_a_classifier_that_answers_nonsense_is_refused(catalog, photo):
    weights = weights_of()
    weights["fc.bias"] = torch.tensor([0.0, float("nan"), 0.0])
    with pytest.raises(BadCheckpoint, match=r"its answer to a photo has 1 of 3"):
        admitted(catalog, upload(weights), photo)


@pytest.mark.parametrize("name", ["scenes-cnn", "../mine", ""])
def test_a_name_that_cannot_be_is_refused_before_anything_is_written(catalog, photo, name):
    with pytest.raises(BadCheckpoint):
        admitted(catalog, upload(weights_of(), name=name), photo)
    assert not catalog.own.folder.exists()


def test_a_taken_name_is_replaced_only_when_that_is_wanted(catalog, photo):
    admitted(catalog, upload(weights_of()), photo)
    other = {**weights_of(), "fc.bias": torch.ones(3)}
    with pytest.raises(BadCheckpoint, match="'mine' already"):
        admitted(catalog, upload(other), photo)
    _, admission = admitted(catalog, upload(other, replace=True), photo)
    assert admission.replaced.name == "mine"
    torch.testing.assert_close(catalog.open("mine").model.state_dict()["fc.bias"], torch.ones(3))


@pytest.mark.parametrize("when", ["Writing", "Reading", "Trying depth 1", "Joining"])
def test_whoever_cancels_leaves_nothing_behind(catalog, photo, when):
    def cancel(_share, doing):
        if doing.startswith(when):
            raise Cancelled("This work was cancelled.")

    with pytest.raises(Cancelled):
        admitted(catalog, upload(weights_of()), photo, Progress(cancel))
    assert is_untouched(catalog)


def test_no_pickle_gets_in_by_any_door(catalog, photo):
    with pytest.raises(BadCheckpoint, match="pickle"):
        admitted(catalog, Upload("mine", json.dumps(config_by_hand(ARCHITECTURE, 3)), b"PK\x03\x04" + b"\0" * 100), photo)
    assert is_untouched(catalog)
