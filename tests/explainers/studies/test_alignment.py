"""Alignment: its figures by hand, and one run."""

import pickle

import numpy as np
import pytest

from explainers.studies.alignment import COMPOSITE, LAST, LOST, RANDOM, SLIC
from explainers.studies.coverings import best_fixed_k, covering_of
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from explainers.studies.truths import LEFT_OUT, TruePhoto
from models.photo import photo_from_array
from tests.pages.tiny_encoders import VIT

HALVES = np.repeat([[0, 0, 1, 1]], 4, axis=0).astype(np.int16)
PHOTO = photo_from_array(np.zeros((4, 4, 3), np.uint8), "grey")


def test_covering_leaves_out_what_counts_for_nothing():
    left_out = np.where(np.arange(4) == 3, LEFT_OUT, HALVES).astype(np.int16)
    assert covering_of(HALVES.astype(np.uint8), TruePhoto(PHOTO, (HALVES,))) == 1
    wrong_at_the_end = np.where(np.arange(4) == 3, 0, HALVES).astype(np.uint8)
    assert covering_of(wrong_at_the_end, TruePhoto(PHOTO, (HALVES,))) < 1
    assert covering_of(wrong_at_the_end, TruePhoto(PHOTO, (left_out,))) == 1


def test_the_best_fixed_k_is_that_of_the_mean():
    assert best_fixed_k([{2: 0.5, 3: 0.4}, {}, {2: 0.1, 3: 0.4}]) == 3 and best_fixed_k([{}]) is None


@pytest.fixture(scope="module")
def question() -> RunStudy:
    return RunStudy("alignment", StudySettings((VIT,), n_scenes=2, n_seeds=2, input_size=64))


def test_a_run_has_every_method_and_says_where_it_comes_from(service, question):
    assert pickle.loads(pickle.dumps(question)) == question and hash(question)
    result = service.ask(question).result(240)
    (table,), (curves,) = result.findings.tables, result.findings.figures
    rows = {row["method"]: row for row in table.rows}
    assert {COMPOSITE, LAST, RANDOM, SLIC, LOST} <= set(rows) and len(rows) == len(table.rows)
    own = rows[COMPOSITE]
    assert own["covering_best"] >= own["covering_best_fixed"] >= own["covering_fixed"] > 0
    assert own["covering_suggested"] <= own["covering_best"] and own["covering_suggested_sd"] is not None
    assert rows[LOST]["covering_suggested"] is None and rows[LOST]["corloc"] is not None
    assert VIT in result.findings.sentence and curves.series[0].xs == tuple(range(2, 21))
    assert result.encoder.name == VIT and len(result.provenance.photos) == 2 and result.seconds["study"] > 0
    assert pickle.loads(pickle.dumps(result)).findings == result.findings
