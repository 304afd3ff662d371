"""What the service does with a checkpoint that somebody brings: compare, admit, delete, and say how much it holds."""

import json
import threading

import pytest
import timm
import torch
from safetensors.torch import save

from explainers.library.library import ConceptLibrary
from explainers.nave.settings import NaveSettings
from explainers.service.service import ExplainerService
from models.catalog import admission
from models.catalog.catalog import Catalog
from models.catalog.checkpoints import Upload, read_checkpoint
from models.catalog.configs import config_by_hand
from models.errors import BadCheckpoint, Cancelled
from models.photo import photo_from_array
from models.scenes.scenes import render, sample_scene

ARCHITECTURE, PATIENCE = "test_resnet", 120
FAST = NaveSettings(input_size=96, max_clusters=3)


@pytest.fixture(scope="module")
def photo():
    return photo_from_array(render(sample_scene(7)).image, "scene-7")


@pytest.fixture
def service(tmp_path):
    service = ExplainerService(Catalog(tmp_path / "ops", tmp_path / "own"), "cpu", library=ConceptLibrary(tmp_path / "library"))
    yield service
    service.close()


def weights_of(seed: int = 0) -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return save(timm.create_model(ARCHITECTURE, num_classes=3).state_dict())


def upload(name: str = "mine", seed: int = 0, n_classes: int = 3, **options) -> Upload:
    return Upload(name, json.dumps(config_by_hand(ARCHITECTURE, n_classes, input_size=96)), weights_of(seed), **options)


def test_a_comparison_is_a_job(service, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(weights_of())
    with path.open("rb") as file:
        checkpoint = read_checkpoint(file, path.name)
    assert service.match_checkpoint(checkpoint, json.dumps(config_by_hand(ARCHITECTURE, 3))).result(PATIENCE).fits
    assert not service.match_checkpoint(checkpoint, json.dumps(config_by_hand(ARCHITECTURE, 4))).result(PATIENCE).fits


def test_what_was_admitted_is_loaded_listed_and_serves(service, photo):
    admitted = service.add_encoder(upload(), photo).result(PATIENCE)
    assert [loaded.name for loaded in service.status().encoders] == ["mine"]
    assert service.open_encoder("mine").done
    assert service.segment("mine", photo, settings=FAST).result(PATIENCE).encoder == admitted.check.encoder
    assert "mine" in service.catalog.openable()


def test_a_refusal_leaves_nothing_loaded_and_nothing_listed(service, photo):
    with pytest.raises(BadCheckpoint, match=r"fc\.weight"):
        service.add_encoder(upload(n_classes=5), photo).result(PATIENCE)
    assert service.status().encoders == () and "mine" not in service.catalog.openable()


def test_a_replaced_encoder_answers_anew(service, photo):
    before = service.add_encoder(upload(), photo).result(PATIENCE).check.encoder
    service.segment("mine", photo, settings=FAST).result(PATIENCE)
    service.add_encoder(upload(seed=1, replace=True), photo).result(PATIENCE)
    after = service.segment("mine", photo, settings=FAST).result(PATIENCE).encoder
    assert after.fingerprint != before.fingerprint
    assert len(service.status().encoders) == 1


def test_a_check_can_be_cancelled(service, photo, monkeypatch):
    begun, cancelled = threading.Event(), threading.Event()

    def wait_then_check(encoder, photo, progress):
        begun.set()
        cancelled.wait(PATIENCE)
        progress.report(0.5, "Trying depth 0")

    monkeypatch.setattr(admission, "self_check", wait_then_check)
    job = service.add_encoder(upload(), photo)
    begun.wait(PATIENCE)
    job.cancel()
    cancelled.set()
    with pytest.raises(Cancelled):
        job.result(PATIENCE)
    service.open_encoder("scenes-cnn").result(PATIENCE)  # the lane goes on, and is past the cancelled work
    assert "mine" not in service.catalog.openable() and not [*service.catalog.own.folder.glob(".staging/*")]


def test_what_is_deleted_is_unloaded_and_comes_back(service, photo):
    service.add_encoder(upload(), photo).result(PATIENCE)
    removed = service.delete_encoder("mine")
    assert service.status().encoders == () and "mine" not in service.catalog.openable()
    service.catalog.own.restore(removed)
    assert service.open_encoder("mine").result(PATIENCE).name == "mine"


def test_status_tells_the_feature_maps_of_each_encoder(service, photo):
    for name, seed in (("one", 1), ("two", 2)):
        service.add_encoder(upload(name, seed), photo).result(PATIENCE)
    service.segment("one", photo, settings=FAST).result(PATIENCE)
    status = service.status()
    found = {loaded.name: loaded.n_map_bytes for loaded in status.encoders}
    assert found == {"one": status.feature_map_cache.n_bytes, "two": 0} and found["one"] > 0
    assert {loaded.architecture for loaded in status.encoders} == {ARCHITECTURE}
