"""Clever Hans: the curtain, saturation and the sentence by hand; scenes with and without the mark; who is refused."""

import numpy as np
import pytest

from explainers.studies import clever_hans
from explainers.studies.clever_hans import OTHERS, OWN, behind_curtain, marked_scenes, n_mostly_in, saturation
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.errors import BadSettings
from models.scenes.scenes import CLASS_NAMES, render
from tests.pages.tiny_encoders import CNN


def test_a_curtain_opens_from_one_side_over_the_pixels_that_differ():
    empty = np.zeros((2, 4, 3), np.uint8)
    whole = empty.copy()
    whole[:, 1:] = 9  # six pixels differ
    assert (behind_curtain(whole, empty, 0, 0) == empty).all() and (behind_curtain(whole, empty, 1, 0) == whole).all()
    left, right = (behind_curtain(whole, empty, 1 / 3, angle)[:, :, 0] for angle in (0, np.pi))
    assert left.tolist() == [[0, 9, 0, 0]] * 2 and right.tolist() == [[0, 0, 0, 9]] * 2


def test_saturation_is_what_the_mark_makes_idle():
    assert saturation([5, 5], [0, 4]) == 1  # with the mark the object adds nothing
    assert saturation([5, 9], [0, 4]) == 0  # as much as without
    assert saturation([5, 6], [0, 4]) == 0.75
    assert saturation([5, 6], [0, 0]) is None


def test_scenes_differ_in_the_mark_alone_and_are_others_for_every_seed():
    scenes = marked_scenes(2, 0)
    assert {s.without_mark.class_idx for s in scenes[OWN]} == {CLASS_NAMES.index(clever_hans.MARKED_CLASS)}
    assert CLASS_NAMES.index(clever_hans.MARKED_CLASS) not in {s.without_mark.class_idx for s in scenes[OTHERS]}
    scene = scenes[OWN][0]
    marked, plain = render(scene.with_mark), render(scene.without_mark)
    differs = (marked.image != plain.image).any(2)
    assert differs.any() and not (differs & ~marked.watermark_mask).any()
    assert marked_scenes(2, 1)[OWN] != scenes[OWN] == marked_scenes(2, 0)[OWN]


def test_clusters_that_lie_mostly_in_the_mark_are_counted():
    labels = np.array([[0, 0, 1, 1], [2, 2, 2, 2]])
    assert n_mostly_in(labels, np.array([[0, 0, 1, 1], [0, 1, 0, 0]], dtype=bool)) == 1


def test_where_verdict_and_truth_disagree_comes_first():
    row = {"encoder": "e", "scenes": OWN, "causal": 3.0, "causal_sd": 0.1, "p_value": 0.5}
    saturated = [{"encoder": "e", "saturation": 0.75, "saturation_sd": 0.1}]
    said = clever_hans._sentence([row, {**row, "scenes": OTHERS, "p_value": 0.01}], saturated)
    assert said.index("disagree: e, woven stars: 3.00 ± 0.10") < said.index("They agree: e, other objects") < said.index("e 0.75")
    none = [{"encoder": "e", "saturation": 0.05, "saturation_sd": 0.1}]
    assert clever_hans._sentence([row], none).startswith("The mark counts, and yet the object adds as much beside it")


def test_an_encoder_without_the_class_is_refused(service):
    question = RunStudy("clever-hans", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))
    with pytest.raises(BadSettings, match="no class 'woven star'"):
        service.ask(question).result(240)


def test_a_run_beside_the_truth(service, monkeypatch):
    scenes = marked_scenes(1, 0)
    monkeypatch.setattr(clever_hans, "MARKED_CLASS", "thing 3")
    monkeypatch.setattr(clever_hans, "marked_scenes", lambda *_: scenes)
    monkeypatch.setattr(clever_hans, "_said", lambda *_: {"attribution": 0.2, "p_value": 0.01, "intervention": 1.0})
    question = RunStudy("clever-hans", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    mark, saturated = findings.tables
    assert [row["scenes"] for row in mark.rows] == [OWN, OTHERS] and 0 < mark.rows[0]["pixels"] < 0.2
    assert all(0 <= row["mark_iou"] <= 1 and row["causal"] != 0 for row in mark.rows) and len(saturated.rows) == 1
    evidence, effects = findings.figures
    assert [series.xs for series in evidence.series] == [clever_hans.SHARES] * 2 and evidence.series[1].ys[0] == 0
    assert effects.kind == "bars"
