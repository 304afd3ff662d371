"""Few labels: names and the division of photos by hand, and one run."""

import itertools

import numpy as np
import pytest

from explainers.maps.localization import iou
from explainers.studies import few_labels
from explainers.studies.few_labels import ALL, BEST, NAMED, PROBE, Counts, k_for_others, named, split_up
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.errors import BadSettings
from tests.pages.tiny_encoders import CNN


def test_those_clusters_are_named_whose_union_fits_the_object_best():
    maps = [np.array([[0, 0, 1, 2]]), np.array([[0, 1, 1, 2]])]
    masks = [np.array([[1, 1, 1, 0]], dtype=bool), np.array([[1, 0, 0, 0]], dtype=bool)]
    # 0: three positions of three; 1: one of three; so 3/4 with the first alone, 4/6 with both
    assert np.flatnonzero(named(Counts.of(maps, masks))).tolist() == [0]


@pytest.mark.parametrize("seed", range(5))
def test_no_other_union_of_clusters_fits_better(seed):
    rng = np.random.default_rng(seed)
    labels, mask = rng.integers(0, 6, (12, 12)), rng.random((12, 12)) < 0.15
    unions = [np.array(chosen, dtype=bool) for chosen in itertools.product([0, 1], repeat=6)]
    best = max(iou(chosen[labels], mask) for chosen in unions)
    assert iou(named(Counts.of([labels], [mask]))[labels], mask) == pytest.approx(best)


def test_without_an_object_nothing_is_named():
    assert not named(Counts.of([np.array([[0, 1]])], [np.zeros((1, 2), dtype=bool)])).any()


def test_the_number_of_clusters_is_what_serves_photos_left_out():
    # with two clusters the object is found in every photo by the names of the others; with three, each photo's object is a
    # cluster of its own, and the names of others find nothing
    two = Counts(np.array([[4, 0], [4, 0]]), np.array([[6, 10], [6, 10]]))
    three = Counts(np.array([[4, 0, 0], [0, 4, 0]]), np.array([[4, 0, 12], [0, 4, 12]]))
    assert k_for_others({2: two, 3: three}) == 2 and k_for_others({3: three, 2: two}) == 2
    assert k_for_others({2: two, 5: two}) == 2


def test_photos_are_judged_that_are_never_labelled():
    labelled, judged = split_up(8, 0)
    assert len(judged) == 2 and sorted(labelled + judged) == list(range(8)) and split_up(8, 1) != split_up(8, 0)
    assert [len(part) for part in split_up(2, 0)] == [1, 1]


def test_where_the_probe_is_better_comes_first():
    rows = [
        {"encoder": "e", "labelled": count, "method": method, "iou": value, "iou_sd": 0.01}
        for count, own, probe in ((1, 0.6, 0.3), (5, 0.5, 0.7))
        for method, value in ((NAMED, own), (PROBE, probe))
    ]
    said = few_labels._sentence(rows)
    assert said.startswith("Named clusters find the object clearly worse than a linear probe does: e, 5 labelled")
    assert "Clearly better: e, 1 labelled: 0.60 ± 0.01" in said


def test_a_run_names_clusters_and_carries_them_over(service):
    question = RunStudy("few-labels", StudySettings((CNN,), n_scenes=7, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    (table,), (curves,) = findings.tables, findings.figures
    assert [(row["labelled"], row["method"]) for row in table.rows] == [
        (count, method) for count in (1, 5) for method in (NAMED, PROBE, BEST, ALL)
    ]
    by_method = {(row["labelled"], row["method"]): row["iou"] for row in table.rows}
    assert all(0 <= value <= 1 for value in by_method.values())
    assert by_method[1, ALL] == by_method[5, ALL]  # the same photos are judged
    assert curves.series[0].xs == (1, 5)
    with pytest.raises(BadSettings, match="at least 2"):
        service.ask(RunStudy("few-labels", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))).result(240)
