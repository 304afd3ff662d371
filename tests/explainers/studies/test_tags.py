"""A tag that counts for one class: figures beside the truth by hand, and one run."""

import numpy as np
import pytest

from explainers.studies import tags
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from explainers.studies.tags import METHODS, OfSeed, informed, method_rows, tagged_scenes
from models.errors import BadSettings
from models.scenes.scenes import CLASS_NAMES
from tests.pages.tiny_encoders import CNN

N, OWN = len(CLASS_NAMES), CLASS_NAMES.index("woven star")
IS_OWN = np.arange(N) == OWN


def of_seed(attribution: np.ndarray, p_value: np.ndarray) -> OfSeed:
    """The tag gives its own class 3, and takes some of another; the others scatter round nothing."""
    drops = np.random.default_rng(0).normal(size=(N, 6)) * 0.1 + np.where(IS_OWN, 3, 0)[:, None]
    drops[(OWN + 1) % N] -= 2
    said = {"attribution": attribution, "p_value": p_value, "tcav": np.zeros(N), "tcav_p_value": np.ones(N)}
    return OfSeed(drops, said | {"intervention": -attribution})


def test_only_a_class_whose_logit_rises_with_the_tag_is_informed():
    assert np.flatnonzero(informed([of_seed(np.zeros(N), np.ones(N))])).tolist() == [OWN]


def test_credit_where_it_is_due_and_false_alarms():
    p_value = np.where(IS_OWN | (np.arange(N) < 3), 0.01, 0.5)
    attribution = np.where(np.arange(N) == 1, -1.0, IS_OWN * 2.0 + 0.1)  # one of three significant ones is against the class
    right, wrong, nothing = method_rows([of_seed(attribution, p_value)])
    assert right["noticed"] == 1 and right["false_alarms"] == pytest.approx(2 / (N - 1)) and right["first"] == 1
    assert wrong["first"] == 0 and wrong["ordered"] < 0 and wrong["noticed"] is None  # an intervention has no test here
    assert nothing["first"] == 0 and nothing["noticed"] == 0 and nothing["false_alarms"] == 0  # all alike: none is first


def test_where_no_class_is_informed_nothing_is_first():
    idle = OfSeed(np.zeros((N, 6)), of_seed(np.zeros(N), np.ones(N)).said)
    for row in method_rows([idle]):
        assert row["n_informed"] == 0 and row["first"] is None and row["noticed"] is None and row["ordered"] is None


def test_what_fails_is_said_first():
    rows = [
        {"encoder": "e", "method": title, "n_informed": 1, "first": first, "false_alarms": alarms}
        for title, first, alarms in zip(METHODS.values(), (1.0, 0.5, 1.0), (0.02, None, 0.4), strict=True)
    ]
    said = tags._sentence([*rows, {**rows[0], "encoder": "idle", "n_informed": 0, "first": None}])
    assert said.startswith("The class that the tag speaks for is not always put first by Visual-TCAV, intervention on e (50% of")
    assert "credited too often by TCAV on e (40%)." in said and said.endswith("The tag speaks for no class of idle.")


def test_every_scene_has_the_tag_and_other_seeds_other_scenes():
    scenes = tagged_scenes(OWN, 3, 0)
    assert all(scene.watermark for scene in scenes) and len({scene.seed for scene in (*scenes, *tagged_scenes(OWN, 3, 1))}) == 6


def test_an_encoder_without_the_classes_is_refused(service):
    with pytest.raises(BadSettings, match="does not have the classes of scenes"):
        service.ask(RunStudy("tags", StudySettings((CNN,), n_scenes=2, n_seeds=1, input_size=64))).result(240)


def test_one_scene_of_every_class_is_refused(service):
    with pytest.raises(BadSettings, match="has no scatter"):
        service.ask(RunStudy("tags", StudySettings(("scenes-cnn-watermark",), n_scenes=1, n_seeds=1, input_size=64))).result(240)


def test_a_run_stands_beside_the_truth(service, monkeypatch):
    said = {"attribution": 0.1, "p_value": 0.5, "intervention": 0.2, "tcav": 0.0, "tcav_p_value": 1.0}
    monkeypatch.setattr(tags, "_said", lambda *_: said)
    monkeypatch.setattr(tags, "CLASS_NAMES", CLASS_NAMES[:2])
    question = RunStudy("tags", StudySettings(("scenes-cnn-watermark",), n_scenes=2, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    methods, classes = findings.tables
    assert [row["method"] for row in methods.rows] == list(METHODS.values())
    assert [row["class"] for row in classes.rows] == list(CLASS_NAMES[:2])
    assert all(figure.series[0].labels == CLASS_NAMES[:2] for figure in findings.figures)
