"""Questions and results are plain data: they survive pickling, and a service in another process gives the same bytes."""

import json
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import cache
from types import ModuleType

import numpy as np
import pytest

from explainers.interventions.settings import InterventionSettings, RegionSettings
from explainers.library import ConceptLibrary
from explainers.library.regions import Region
from explainers.maps.part_maps import PartMap
from explainers.nave.parts import Parts
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.named_parts import NamedParts
from explainers.results.provenance import Provenance, Result
from explainers.saliency.settings import SaliencySettings
from explainers.service import ExplainerService
from explainers.service.answers import ANSWERS
from explainers.service.part_questions import FindParts, MeasureParts
from explainers.service.photo_questions import AskSecondOpinion, CompareDepths, MapWords, MeasureCost, ReplaceRegion
from explainers.service.questions import (
    AddEncoder,
    CheckConcepts,
    Classify,
    EncoderQuestion,
    ExplainClass,
    ExplainPhoto,
    FindComponents,
    InterveneOnClass,
    InterveneOnPhoto,
    LookAlikes,
    MapConcepts,
    MatchCheckpoint,
    OpenEncoder,
    Question,
    Segment,
    SegmentEach,
    SegmentForComparison,
    SegmentTogether,
)
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.text import TextSettings
from models.catalog.catalog import Catalog
from models.catalog.checkpoints import Checkpoint, StoredTensor, Upload
from models.catalog.configs import config_by_hand
from models.photo import photo_from_array
from models.scenes.scenes import render, sample_scene
from tests.models.text.test_towers import write_tiny_tower

ENCODER = "scenes-cnn"
NAVE = NaveSettings(input_size=96, max_clusters=3)
TCAV = ExplainSettings(depths=(4,), class_idx=(0,), n_steps=4, n_null=10, n_bootstrap=4, input_size=64)
CHANGES = InterventionSettings(depths=(4,), class_idx=(0,), n_null=10, n_fitted=10, n_bootstrap=4, input_size=64)
REGION = Region((2, 2), "1 2 1")
SMALL = tuple(photo_from_array(np.full((8, 8, 3), 10 * n, np.uint8), f"grey {n}") for n in range(20))
PHOTOS = tuple(photo_from_array(render(sample_scene(seed)).image, f"scene {seed}") for seed in range(2))


def questions(library: ConceptLibrary) -> list[Question]:
    """One of every kind that the table answers."""
    about = (library.open_set("striped"),), library.open_set("scenes", "random"), TCAV
    n_channels, fingerprint = deepest()
    parts = Parts(NaveSettings(depths=(4,), scaling="raw", input_size=64), np.eye(2, n_channels, dtype=np.float32), ())
    config, tower = config_by_hand("test_resnet", 3), library._source.folder / "tower"
    if not tower.is_dir():
        write_tiny_tower(tower)
    return [
        OpenEncoder(ENCODER),
        Segment(ENCODER, PHOTOS[0], NAVE),
        SegmentEach(ENCODER, PHOTOS, NAVE),
        SegmentTogether(ENCODER, PHOTOS, NAVE),
        SegmentForComparison(ENCODER, PHOTOS, NAVE),
        Classify(ENCODER, PHOTOS[0]),
        CompareDepths(ENCODER, PHOTOS, 64),
        MeasureCost(ENCODER, PHOTOS[0], 64),
        ExplainPhoto(ENCODER, PHOTOS[0], *about),
        ExplainClass(ENCODER, PHOTOS, *about),
        CheckConcepts(ENCODER, *about),
        MapConcepts(ENCODER, PHOTOS[0], *about),
        InterveneOnPhoto(ENCODER, PHOTOS[0], *about[:2], CHANGES),
        InterveneOnClass(ENCODER, PHOTOS, *about[:2], CHANGES),
        ReplaceRegion(ENCODER, PHOTOS[0], REGION, RegionSettings((4,), (0,), n_null=3, input_size=64)),
        AskSecondOpinion(ENCODER, PHOTOS[0], SaliencySettings((4,), 0, n_steps=4, n_shares=2, n_random=9, input_size=64)),
        FindComponents(ENCODER, PHOTOS, ComponentSettings(input_size=96)),
        LookAlikes(ENCODER, PHOTOS[:1], (PartMap.of(np.eye(4, dtype=np.uint8)),), 2, about[0], about[1:2], TCAV, fit=True),
        MeasureParts(ENCODER, PHOTOS, parts),
        FindParts(ENCODER, PHOTOS[:1], NamedParts(parts, ("sky", ""), (1.0, 2.0), ENCODER, fingerprint, (), "0")),
        MapWords(ENCODER, SMALL, ("grey",), TextSettings(str(tower), (4,), n_random=9, input_size=64)),
        MatchCheckpoint(Checkpoint("a.safetensors", (StoredTensor("fc.weight", "F32", (3, 8)),), 96, ""), json.dumps(config)),
        AddEncoder(Upload("mine", "{}", b""), PHOTOS[0]),
    ]


@cache
def deepest() -> tuple[int, str]:
    """Channels at the deepest depth, and the fingerprint of the encoder."""
    info = Catalog().open(ENCODER, "cpu").info
    return info.depths[4].n_channels, info.fingerprint


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ConceptLibrary:
    return ConceptLibrary(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def service(library):
    service = ExplainerService(library=library)
    yield service
    service.close()


def test_every_question_has_an_answer_and_is_plain_data(library):
    asked = questions(library)
    assert {type(question) for question in asked} == set(ANSWERS)
    for question in asked:
        again = pickle.loads(pickle.dumps(question))
        assert again == question and hash(again) == hash(question)
        assert str(again.activity) == str(question.activity)


def test_every_result_is_plain_data_with_its_provenance(service, library):
    for question in questions(library)[:-1]:
        result = service.ask(question).result(240)
        again = pickle.loads(pickle.dumps(result))
        assert_same(result, again)
        if isinstance(result, Result):
            assert isinstance(result.provenance, Provenance) and result.encoder.name == ENCODER
            assert isinstance(question, EncoderQuestion)
            assert result.photo_sha256s == tuple(photo.sha256 for photo in question.photos_in_order)


def test_a_service_in_another_process_gives_the_same_bytes(service, library, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # AppTest leaves a page there; spawn would run it
    asked = [questions(library)[1], questions(library)[8]]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        elsewhere = process.submit(answered, asked, tmp_path).result(240)
    segmentation, explanation = (service.ask(question).result(240) for question in asked)
    np.testing.assert_array_equal(segmentation.segmentation.labels, elsewhere[0].segmentation.labels)
    assert segmentation.segmentation.quality == elsewhere[0].segmentation.quality
    assert [c.estimates for c in explanation.concepts] == [c.estimates for c in elsewhere[1].concepts]
    for here, there in zip(explanation.concepts, elsewhere[1].concepts, strict=True):
        np.testing.assert_array_equal(here.concept_map, there.concept_map)


def answered(asked: list[Question], folder) -> list[Result]:
    """In another process, with a library of its own: the images travel with the question."""
    service = ExplainerService(library=ConceptLibrary(folder))
    try:
        return [service.ask(question).result(240) for question in asked]
    finally:
        service.close()


def assert_same(a, b) -> None:
    """The same content, through dataclasses, tuples and arrays."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    elif hasattr(a, "__dataclass_fields__"):
        for field in fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, tuple | list):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif hasattr(a, "numpy"):
        assert_same(a.numpy(), b.numpy())
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    else:
        assert a == b or a != a
