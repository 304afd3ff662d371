"""The suggested k beside other rules: by hand, and one run."""

import dataclasses

import pytest

from explainers.nave.quality import Quality
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from explainers.studies.suggestion import BEST, BEST_FIXED, SUGGESTED, elbow, rows_of
from tests.pages.tiny_encoders import VIT


def quality(k, stability, explained):
    return Quality(k, 0.0, explained, 0.0, stability, k)


def test_the_elbow_is_looked_for_among_the_stable():
    explained = {2: 0.2, 3: 0.4, 4: 0.6, 5: 0.65, 6: 0.7}
    elbow_at_four = [quality(k, 0.9, share) for k, share in explained.items()]
    assert elbow(elbow_at_four) == 4
    shaky_elbow = [dataclasses.replace(q, stability=0.5) if q.k == 4 else q for q in elbow_at_four]
    assert elbow(shaky_elbow) in (3, 5)
    assert elbow([quality(7, 0.1, 0.3)]) == 7


def test_the_truth_chooses_one_k_for_all_photos_or_one_for_each():
    of_k = tuple(Quality(k, 0.0, 0.0, 0.1 * (k == 3), 0.9 - 0.1 * k, k) for k in (2, 3, 4))
    rows = rows_of([(0, {2: 0.2, 3: 0.5, 4: 0.4}, of_k), (0, {2: 0.6, 3: 0.1, 4: 0.5}, of_k)])
    covering = {rule: [row["covering"] for row in rows if row["rule"] == rule] for rule in (SUGGESTED, BEST_FIXED, BEST)}
    assert covering == {SUGGESTED: [0.5, 0.1], BEST_FIXED: [0.4, 0.5], BEST: [0.5, 0.6]}


def test_a_run_keeps_what_the_truth_chose_apart(service):
    settings = StudySettings((VIT,), n_scenes=2, n_seeds=2, input_size=64)
    findings = service.ask(RunStudy("suggested-k", settings)).result(240).findings
    rows = {row["rule"]: row for row in findings.tables[0].rows}
    assert rows[BEST]["chosen"] >= rows[BEST_FIXED]["chosen"] >= rows["k = 4"]["covering"] > 0
    assert rows[BEST]["covering"] is None and rows[SUGGESTED]["chosen"] is None and rows[SUGGESTED]["covering_sd"] is not None
    assert rows["k = 4"]["k"] == pytest.approx(4) and VIT in findings.sentence
