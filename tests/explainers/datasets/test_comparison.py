"""Two encoders over a data set: the fooled twin gains on the caption, an encoder beside itself on nothing."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from explainers.commands.main import main
from explainers.datasets.changes import ComparisonSettings, comparison_record, sentences
from explainers.datasets.comparison import Comparing, compare_encoders
from explainers.datasets.items import UnreadableData
from explainers.datasets.questions import PhotosAtDepth
from explainers.datasets.scene_photos import FIRST_SEED, write_scenes
from explainers.datasets.sources import list_items
from explainers.datasets.together import TOGETHER_ANSWERS, DescribeTogether, FitTogether, RankDifferences, SampleTogether
from explainers.datasets.truths import objects_in
from explainers.dictionaries.clustering import Space
from explainers.dictionaries.differences import Evidence
from explainers.dictionaries.joint import JointDictionary
from explainers.dictionaries.settings import DictionarySettings
from explainers.results.files import as_json
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.photo import photo_from_array
from models.scenes.scenes import CLASS_NAMES
from tests.explainers.datasets.test_audit import SHOWN
from tests.pages.tiny_encoders import CNN, VIT

TWINS = ("scenes-cnn", "scenes-cnn-watermark")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """Sixty scenes of three classes."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, [seed for seed in range(FIRST_SEED, FIRST_SEED + 320) if seed % len(CLASS_NAMES) in SHOWN])
    return folder


def ask_of(service: ExplainerService):
    return lambda question: service.ask(question).result(240)


def test_the_caption_is_what_the_fooled_twin_gains_most_on(scenes, index_service):
    settings = ComparisonSettings(TWINS, k=24, n_positions=2000)
    truths = objects_in(scenes / "objects")
    comparison = compare_encoders(Comparing(list_items(scenes / "photos"), settings, "scenes", ask_of(index_service), truths))
    first = comparison.differences[0]
    assert comparison.class_names[first.class_idx] == "woven star" and comparison.places[first.part].place == "beside it"
    assert first.significant and first.second > 0.15 > first.first and first.carried in ("only second", "both")
    assert comparison.n_photos == 60 and comparison.n_same + len(comparison.changes) == 60 and comparison.labelled.n == 60
    assert any("beside the object" in said and "'woven star'" in said for said in sentences(comparison))
    record = json.loads(as_json(comparison_record(comparison)))
    assert record["differences"][0]["place"] == "beside it" and len(record["differences"]) == 3 * 24
    (picture, *_) = record["differences"][0]["regions"]
    assert picture["photo"].startswith("woven star/") and "1" in "".join(picture["mask"])


def test_an_encoder_beside_itself_differs_nowhere_and_the_order_of_photos_changes_nothing(scenes, index_service):
    settings = ComparisonSettings(("scenes-cnn", "scenes-cnn"), k=8, n_positions=500)
    items = list_items(scenes / "photos")[:30]
    records = [
        as_json(comparison_record(compare_encoders(Comparing(some, settings, "scenes", ask_of(index_service)))))
        for some in (items, items[::-1])
    ]
    assert records[0] == records[1]
    differences = json.loads(records[0])["differences"]
    assert differences and all(row["difference"] == 0 and row["corrected_p_value"] == 1 for row in differences)


def test_encoders_of_other_classes_and_data_without_photos_are_refused(data, index_service):
    items = list_items(data)
    with pytest.raises(BadSettings, match="different classes"):
        compare_encoders(Comparing(items, ComparisonSettings((CNN, "scenes-cnn")), "data", ask_of(index_service)))
    broken = [item for item in items if "broken" in item.name]
    with pytest.raises(UnreadableData, match="Not one photo"):
        compare_encoders(Comparing(broken, ComparisonSettings((CNN, CNN), k=2), "data", ask_of(index_service)))


def test_maps_of_different_size_meet_on_the_coarser_grid_and_the_command_says_what_changed(data, index_service, tmp_path, capsys):
    folder = Path(index_service.catalog.encoder_folder)
    encoders = ["--encoder", str(folder / CNN), "--encoder", str(folder / VIT)]
    out = tmp_path / "changes.json"
    assert main(["changes", str(data), *encoders, "--parts", "4", "--out", str(out)]) == 1  # one file is no picture
    said = capsys.readouterr()
    assert "of 12 photos are predicted otherwise" in said.out and "broken.png" in said.err
    record = json.loads(out.read_text())
    assert record["n_photos"] == 12 and len(record["changes"]) == 12 - record["n_same"] and list(record["refused"])
    assert main(["changes", str(data), *encoders[:2], "--out", str(out)]) == 2


def test_every_question_of_a_comparison_is_plain_data():
    photo = photo_from_array(np.zeros((8, 8, 3), np.uint8), "black")
    seen, space = PhotosAtDepth("e", 3, 64, (photo,)), Space(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    dictionary, activations = JointDictionary((space, space), np.eye(4, dtype=np.float32), 1.0), np.ones((4, 2), np.float32)
    evidence = Evidence(np.zeros(4, int), np.ones((4, 2)))
    asked = [
        SampleTogether(seen, seen, 16, 0),
        FitTogether("key", 2, DictionarySettings(), (activations, activations)),
        DescribeTogether(seen, seen, "key", dictionary),
        RankDifferences("key", 0, (evidence, evidence), np.ones((4, 2), bool)),
    ]
    assert {type(question) for question in asked} == set(TOGETHER_ANSWERS)
    for question in asked:
        again = pickle.loads(pickle.dumps(question))
        assert again == question and hash(again) == hash(question)
        assert str(again.activity) == str(question.activity) and again.urgency == question.urgency
