"""The service is asked a second opinion on a rendered scene; and the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from explainers.commands.main import main
from explainers.integrated_gradients import path_gradients
from explainers.results.files import as_json
from explainers.results.records import saliency_record
from explainers.results.tables import saliency_rows
from explainers.saliency.settings import SaliencySettings
from explainers.service.photo_questions import AskSecondOpinion
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.progress import IGNORED
from tests.explainers.service.test_concepts import ENCODER, RED_DISC, scene

SETTINGS = SaliencySettings((3,), RED_DISC, n_shares=5, n_random=39)


@pytest.fixture(scope="module")
def service():
    service = ExplainerService()
    yield service
    service.close()


@pytest.fixture(scope="module")
def opinion(service):
    return service.ask(AskSecondOpinion(ENCODER, scene(1, class_idx=RED_DISC), SETTINGS)).result(240)


def test_every_map_has_its_curves_between_the_whole_photo_and_nothing(opinion):
    (of_depth,) = opinion.depths
    assert [m.name for m in of_depth.maps] == ["visual_tcav", "grad_cam", "integrated_gradients"]
    nothing = of_depth.maps[0].deletion.probabilities[-1]
    for m in (*of_depth.maps, of_depth.middle_first):
        assert m.values.shape == of_depth.maps[0].values.shape and 0 <= m.shown.min() <= m.shown.max() <= 1
        assert m.deletion.probabilities[[0, -1]].tolist() == pytest.approx([opinion.probability, nothing], abs=1e-5)
        assert m.insertion.probabilities[[0, -1]].tolist() == pytest.approx([nothing, opinion.probability], abs=1e-5)


def test_a_disc_that_decides_the_class_is_found_sooner_than_by_chance(opinion):
    (of_depth,) = opinion.depths
    assert of_depth.agreement("visual_tcav") == pytest.approx(1)
    for m in of_depth.maps:
        assert m.insertion.area > of_depth.insertion_chance.mean_area and m.insertion.p_value <= 0.05
        assert m.deletion.area < of_depth.deletion_chance.mean_area


def test_plain_integrated_gradients_are_ours_on_a_path_that_is_fine_enough(service, opinion):
    encoder = service.observatory.encoder(ENCODER, IGNORED)
    photo = scene(1, class_idx=RED_DISC)
    head = encoder.head_from(3)(encoder.prepare(photo, opinion.settings.input_size))
    path = path_gradients(head.logits_of, head.activation[0].float(), [RED_DISC], 200)
    ours = head.map_of(path.mean * head.activation)[0].sum(0).numpy()
    theirs = opinion.at(3).maps[2].values
    assert np.abs(theirs - ours).max() < 0.02 * np.abs(ours).max()


def test_several_depths_are_corrected_together(service):
    settings = SaliencySettings((3, 4), RED_DISC, n_shares=2, n_random=9)
    found = service.ask(AskSecondOpinion(ENCODER, scene(1, class_idx=RED_DISC), settings)).result(240)
    maps = [m for of_depth in found.depths for m in of_depth.maps]
    smallest = min(maps, key=lambda m: m.deletion.p_value).deletion
    assert smallest.corrected_p_value == pytest.approx(min(1, 6 * smallest.p_value))


def test_records_and_rows_hold_every_map_and_share(opinion):
    record = json.loads(as_json(saliency_record([("a.png", opinion)])))
    of_depth = record["images"][0]["depths"][0]
    assert record["schema"] == "encoderscope/saliency/1" and record["settings"]["n_random"] == 39
    assert of_depth["maps"][1]["deletion"]["area"] == opinion.depths[0].maps[1].deletion.area
    rows = saliency_rows(opinion)
    assert len(rows) == 4 * 6 and rows[0]["share"] == 0 and rows[0]["deletion"] == pytest.approx(opinion.probability, abs=1e-5)


def test_a_depth_or_a_class_that_is_not_there_is_refused(service):
    for settings, complaint in ((SaliencySettings((9,)), "no depth 9"), (SaliencySettings((4,), 999), "no class 999")):
        with pytest.raises(BadSettings, match=complaint):
            service.ask(AskSecondOpinion(ENCODER, scene(1), settings)).result(240)


def test_the_command_line_writes_the_record(tmp_path, capsys):
    photo, broken, out = tmp_path / "a.png", tmp_path / "broken.png", tmp_path / "out.json"
    Image.fromarray(scene(1, class_idx=RED_DISC).pixels).save(photo)
    broken.write_bytes(b"no picture")
    options = ["--encoder", ENCODER, "--depth", "4", "--steps", "5", "--shares", "2", "--orders", "9", "--out", str(out)]
    assert main(["saliency", str(photo), str(broken), *options]) == 1
    assert "broken.png" in capsys.readouterr().err
    record = json.loads(out.read_text())
    assert record["images"][0]["class_idx"] == RED_DISC and list(record["failed"]) == [str(broken)]
