"""K-means in the classifier's place: parts, evidence and what decides by hand, and one run."""

import numpy as np
import pytest

from explainers.studies import part_classifier
from explainers.studies.part_classifier import (
    RIDGE,
    deciding_part,
    fit_parts,
    inside_of,
    labelled_scenes,
    positions_of,
)
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.scenes.scenes import CLASSES
from tests.pages.tiny_encoders import CNN

# Two scenes of classes 0 and 1: one position looks alike in both, the other is each class's own.
SCENES = [np.array([[0.0, 0.0], [5.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 5.0]])]


def test_parts_that_only_one_class_has_decide():
    fitted = fit_parts(SCENES * 10, np.array([0, 1] * 10), 3, 0)
    for idx, scene in enumerate(SCENES):
        contributions = fitted.contributions(scene)
        assert contributions.shape == (3, len(CLASSES)) and int(contributions.sum(0).argmax()) == idx
        assert deciding_part(contributions) == fitted.parts.predict(scene[1:])[0]  # not the one that both have


def test_how_much_of_the_deciding_part_lies_in_the_object():
    fitted = fit_parts(SCENES * 10, np.array([0, 1] * 10), 3, 0)
    feature_map = SCENES[0].T.reshape(2, 1, 2)
    assert positions_of(feature_map).tolist() == SCENES[0].tolist()
    mask = np.array([[0, 0, 1, 1], [0, 0, 1, 0]], dtype=bool)  # three quarters of the right position
    part = int(fitted.parts.predict(SCENES[0][1:])[0])
    assert inside_of(fitted, feature_map, mask, part) == (0.75, 0.375)


def test_scenes_take_turns_in_class_and_are_others_for_every_seed():
    scenes = labelled_scenes(1, 0)
    assert scenes.classes.tolist() == list(range(len(CLASSES))) and all(mask.any() for mask in scenes.masks)
    assert scenes.photos[0].sha256 != labelled_scenes(1, 1).photos[0].sha256


def test_what_falls_short_is_said_first():
    row = {"encoder": "e", "accuracy_sd": 0.01, "in_object": 0.2, "in_object_sd": 0.0, "everywhere": 0.3, "everywhere_sd": 0.0}
    rows = [{**row, "method": "k", "n_parts": 64, "accuracy": 0.5}, {**row, "method": RIDGE, "n_parts": None, "accuracy": 0.9}]
    said = part_classifier._sentence(rows)
    assert said.startswith("K-means is clearly worse than a straight line on the embedding: e 0.50 ± 0.01 with 64 parts")
    assert "no more in the object than chance would have it: e 0.20" in said


def test_a_run_has_every_number_of_parts_and_ridge_regression_beside(service, monkeypatch):
    monkeypatch.setattr(part_classifier, "N_PARTS", (4, 8))
    question = RunStudy("k-means-classifier", StudySettings((CNN,), n_scenes=2, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    (table,) = findings.tables
    assert [row["method"] for row in table.rows] == ["k-means, 4 parts", "k-means, 8 parts", RIDGE]
    assert all(0 <= row["accuracy"] <= 1 for row in table.rows) and table.rows[-1]["in_object"] is None
    assert findings.figures[0].series[0].xs == (4, 8) and findings.figures[0].guide == pytest.approx(1 / 16)
