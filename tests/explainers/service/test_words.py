"""The service is asked about words, by a tower with random weights; and the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.service.photo_questions import MapWords
from explainers.service.service import ExplainerService
from explainers.visual_tcav.text import TextSettings
from models.errors import BadSettings, TooFewExamples
from tests.explainers.service.test_concepts import ENCODER
from tests.models.text.test_towers import scenes, write_tiny_tower


@pytest.fixture(scope="module")
def tower(tmp_path_factory) -> str:
    return str(write_tiny_tower(tmp_path_factory.mktemp("towers") / "tiny"))


@pytest.fixture(scope="module")
def service():
    service = ExplainerService()
    yield service
    service.close()


def test_words_are_mapped_judged_and_corrected_for_being_several(service, tower):
    settings = TextSettings(tower, (2, 4), n_random=19, input_size=64)
    photos = scenes(24)
    found = service.ask(MapWords(ENCODER, photos, ("red", " star ", "red"), settings)).result(240)
    assert found.words == ("red", "star") and found.similarities.shape == (2, 24) and set(found.maps) == {2, 4}
    assert [(at.word, at.depth) for at in found.judged] == [("red", 2), ("red", 4), ("star", 2), ("star", 4)]
    for at_depth in found.judged:
        assert at_depth.health.n_concept == 6 and at_depth.health.n_random == 18 and at_depth.responses.shape == (24,)
        near = np.argsort(-found.similarities[found.words.index(at_depth.word)])[:6]
        others = np.setdiff1d(np.arange(24), near)
        assert at_depth.emblems[0] in at_depth.responses[near] and at_depth.emblems[1] in at_depth.responses[others]
        assert at_depth.p_value <= at_depth.corrected_p_value
    assert all(-1 < worth.r2 < 1 and 1 / 20 <= worth.p_value <= 1 for worth in found.maps.values())


def test_too_few_photos_and_no_words_are_refused_before_any_work(service, tower):
    with pytest.raises(TooFewExamples, match="There are 3 different photos; at least 20"):
        service.ask(MapWords(ENCODER, scenes(3), ("red",), TextSettings(tower))).result(240)
    with pytest.raises(BadSettings, match="0 words were given"):
        service.ask(MapWords(ENCODER, scenes(3), (" ",), TextSettings(tower))).result(240)


def test_the_command_line_writes_what_was_found(tower, tmp_path):
    for photo in scenes(20):
        Image.fromarray(photo.pixels).save(tmp_path / f"{photo.name}.png")
    out = tmp_path / "words.json"
    options = ["--tower", tower, "--depths", "4", "--pairings", "19", "--size", "64", "--out", str(out)]
    assert main(["words", str(tmp_path), "--encoder", ENCODER, "--word", "red", "blue sky", *options]) == 0
    record = json.loads(out.read_text())
    assert record["schema"] == "encoderscope/words/1" and record["words"] == ["red", "blue sky"]
    assert [at_depth["depth"] for at_depth in record["judged"]] == [4, 4] and len(record["judged"][0]["responses"]) == 20
    assert record["maps"][0]["r2"] < 1 and record["failed"] == {}
