"""A region is replaced in the activations of a rendered scene, beside the same shape elsewhere; and the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.interventions.settings import RegionSettings
from explainers.library.regions import box_region, region_of
from explainers.results.files import as_json
from explainers.results.records import replaced_region_record
from explainers.results.tables import region_rows
from explainers.service.photo_questions import ReplaceRegion
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.photo import photo_from_array
from models.scenes.scenes import SceneOptions, render, sample_scene
from tests.explainers.service.test_concepts import ENCODER, RED_DISC

SETTINGS = RegionSettings((3,), (RED_DISC,), (0.5,))
SCENE = sample_scene(30_000_001, SceneOptions(class_idx=RED_DISC))
RENDERED = render(SCENE)
PHOTO = photo_from_array(RENDERED.image, "a red disc")
DISC = region_of(RENDERED.object_map == SCENE.main_idx + 1)
ELSEWHERE = region_of(np.roll(DISC.pixels, tuple(side // 2 for side in DISC.shape), (0, 1)))
BOX = (0.1, 0.2, 0.45, 0.5)


@pytest.fixture(scope="module")
def service():
    service = ExplainerService()
    yield service
    service.close()


def replaced(service, settings=SETTINGS, region=DISC, other=None):
    return service.ask(ReplaceRegion(ENCODER, PHOTO, region, settings, other)).result(240)


@pytest.fixture(scope="module")
def found(service):
    return replaced(service)


def test_the_class_needs_the_region_of_its_object_more_than_others(found):
    (region,) = found.regions
    response = region.effects[0].logit
    assert region.n_places == 63 and region.share == pytest.approx(DISC.area, abs=0.01)
    assert response.drop > response.null_interval[1] and response.p_value <= 0.05
    assert response.curve[2] == pytest.approx(found.logits[0], abs=1e-4)  # unchanged
    assert response.curve[0] < response.curve[1] < response.curve[2]


def test_a_region_of_nothing_is_needed_no_more_than_others(service):
    assert replaced(service, region=ELSEWHERE).regions[0].effects[0].logit.p_value > 0.2


def test_what_takes_its_place_may_be_the_photo_or_another_one(service, found):
    drops = [found.regions[0].effects[0].logit.drop]
    for filling, other in (("photo", None), ("other", PHOTO)):
        settings = RegionSettings((3,), (RED_DISC,), (0.5,), filling, n_null=1)
        drops.append(replaced(service, settings, other=other).regions[0].effects[0].logit.drop)
    assert min(drops[:2]) > 2 * drops[2]  # in the last, the mean of the disc takes the place of the disc


def test_several_depths_are_corrected_together(service):
    settings = RegionSettings((3, 4), (RED_DISC,), (0.0,), n_null=9)
    both = replaced(service, settings)
    assert [region.n_places for region in both.regions] == [9, 9]
    smallest = min((region.effects[0].logit for region in both.regions), key=lambda response: response.p_value)
    assert smallest.corrected_p_value == pytest.approx(2 * smallest.p_value)


def test_records_and_rows_hold_every_strength(found):
    record = json.loads(as_json(replaced_region_record([("a.png", found)])))
    image = record["images"][0]
    assert record["schema"] == "encoderscope/region/1" and image["area"] == pytest.approx(DISC.area)
    assert image["regions"][0]["effects"][0]["logit"]["drop"] == pytest.approx(found.regions[0].effects[0].logit.drop)
    assert [row["strength"] for row in region_rows(found)] == [0.0, 0.5, 1.0]


def test_what_makes_no_sense_is_refused_in_a_sentence(service):
    with pytest.raises(BadSettings, match="no other photo was given"):
        replaced(service, RegionSettings((4,), filling="other"))
    with pytest.raises(BadSettings, match="filling is 'paint'"):
        replaced(service, RegionSettings((4,), filling="paint"))


def test_the_command_line_takes_a_box_or_a_picture_of_it(tmp_path, capsys):
    photo, drawn, out = tmp_path / "a.png", tmp_path / "drawn.png", tmp_path / "out.json"
    Image.fromarray(PHOTO.pixels).save(photo)
    Image.fromarray((box_region(BOX, (96, 96)).pixels * 255).astype(np.uint8)).save(drawn)
    options = [
        "intervene",
        str(photo),
        "--encoder",
        ENCODER,
        "--depth",
        "4",
        "--null",
        "3",
        "--class",
        str(RED_DISC),
        "--out",
        str(out),
    ]
    drops = []
    for region in (",".join(map(str, BOX)), str(drawn)):
        assert main([*options, "--region", region, "--strengths", "0.5"]) == 0
        drops.append(json.loads(out.read_text())["images"][0]["regions"][0]["effects"][0]["logit"]["drop"])
    assert drops[0] == pytest.approx(drops[1], abs=0.05)
    assert main([*options, "--region", "0,0,1,1"]) == 2 and "nothing would be left" in capsys.readouterr().err
    assert main(options) == 2 and "either concepts" in capsys.readouterr().err
    assert main([*options, "--region", "a,b,c,d"]) == 2 and "is not a box" in capsys.readouterr().err
