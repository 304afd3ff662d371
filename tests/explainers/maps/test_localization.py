"""Agreement with human ground truth, on maps small enough to count."""

import numpy as np
import pytest
from sklearn.metrics import rand_score

from explainers.maps.localization import (
    best_match_iou,
    covering,
    iou,
    majority_vote_iou,
    mean_covering,
    probabilistic_rand_index,
)

HALVES = np.array([[0, 0, 1, 1]] * 2)
QUARTERS = np.array([[0, 1, 2, 3]] * 2)


def test_iou_counts_pixels():
    assert iou(HALVES == 0, QUARTERS == 0) == 0.5
    assert iou(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) == 1


def test_majority_vote_takes_every_cluster_that_lies_mostly_inside():
    mask = np.array([[True, True, True, False], [True, True, False, False]])
    assert majority_vote_iou(QUARTERS, mask) == pytest.approx(4 / 5)  # clusters 0 and 1; 2 is a tie, hence outside
    assert majority_vote_iou(QUARTERS, HALVES == 0) == 1


def test_best_match_is_one_cluster_alone():
    assert best_match_iou(QUARTERS, HALVES == 0) == 0.5


def test_covering_weighs_true_regions_by_area():
    assert covering(HALVES, HALVES) == 1
    assert covering(QUARTERS, HALVES) == 0.5
    truth = np.array([[0, 0, 0, 1]] * 2)
    assert covering(HALVES, truth) == pytest.approx(0.75 * 2 / 3 + 0.25 * 0.5)
    assert mean_covering(HALVES, [HALVES, truth]) == pytest.approx((1 + covering(HALVES, truth)) / 2)


def test_rand_index_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (9, 9)), rng.integers(0, 3, (9, 9))
    assert probabilistic_rand_index(a, [b]) == pytest.approx(rand_score(a.ravel(), b.ravel()))
    assert probabilistic_rand_index(a, [a, a]) == 1
