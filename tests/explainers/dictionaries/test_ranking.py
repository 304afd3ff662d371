"""Which parts carry the evidence, and where it fails, on photos made by hand."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from explainers.dictionaries.failures import rank_failures
from explainers.dictionaries.permutations import permutation_p_values, shuffle_first, sums_of_first
from explainers.dictionaries.ranking import classes_to_test, rank_parts
from explainers.visual_tcav.significance import holm
from models.errors import BadSettings

PREDICTED = np.repeat([0, 1, 2], 20)


def planted() -> np.ndarray:
    """Shares (60, 4): part 3 carries 60 % more of the evidence for class 1, all else is chance; others have what is left."""
    shares = np.random.default_rng(0).random((60, 4)) / 10
    shares[20:40, 3] += 0.6
    return shares


def test_the_planted_part_comes_first_for_its_class_and_for_no_other():
    ranked = rank_parts(planted(), planted() > 0.02, PREDICTED, [0, 1, 2], seed=0)
    assert [(row.class_idx, row.part) for row in ranked if row.significant] == [(1, 3)]
    first = next(row for row in ranked if row.class_idx == 1)
    assert first.part == 3 and first.n_photos == 20 and first.interval[0] < first.difference < first.interval[1]
    assert first.difference == pytest.approx(planted()[20:40, 3].mean() - np.delete(planted(), range(20, 40), 0)[:, 3].mean())
    assert first.superiority > 0.95 and first.presence == 1


def test_superiority_is_a_half_where_nothing_differs():
    ranked = rank_parts(np.ones((60, 1)), np.ones((60, 1), bool), PREDICTED, [0], seed=0)
    assert (ranked[0].superiority, ranked[0].difference, ranked[0].p_value) == (0.5, 0, 1)


def test_p_values_of_noise_are_uniform_enough():
    noise = np.random.default_rng(1).random((60, 200))
    p_values = permutation_p_values(noise, PREDICTED, [0], seed=0)
    assert p_values.shape == (1, 200) and 0.01 < (p_values <= 0.05).mean() < 0.1 and 0.45 < p_values.mean() < 0.55


def test_the_smallest_p_value_can_survive_holm():
    assert permutation_p_values(planted(), PREDICTED, [0, 1, 2], seed=0).min() * 12 <= 0.05


def test_p_values_are_those_of_all_draws_counted_one_by_one():
    shares, predicted = np.random.default_rng(2).random((9, 3)), np.array([0] * 3 + [1] * 6)
    draws = np.array([shares[list(three)].sum(0) for three in combinations(range(9), 3)])
    exact = (draws >= shares[:3].sum(0) - 1e-9).mean(0)
    of_others = (draws <= shares[:3].sum(0) + 1e-9).mean(0)  # class 1 has most photos: its sum is large where theirs is small
    p_values = permutation_p_values(np.tile(shares, (1, 100)), predicted, [0, 1], seed=0)  # of 24,000 permutations
    assert p_values[0, :3] == pytest.approx(exact, abs=0.05) and p_values[1, :3] == pytest.approx(of_others, abs=0.05)


def test_first_places_are_drawn_evenly_whether_few_or_many():
    for n_first in (2, 20):
        orders = np.tile(np.arange(24)[:, None], 20_000)
        shuffle_first(orders, n_first, np.random.default_rng(0))
        assert (np.sort(orders, 0) == np.arange(24)[:, None]).all()
        counts = np.bincount(orders[1], minlength=24)
        assert abs(counts / 20_000 - 1 / 24).max() < 0.006  # four standard errors
    sums = sums_of_first(np.eye(4), np.array([[2], [0], [1], [3]]), np.array([1, 3]))
    assert sums.tolist() == [[[0, 0, 1, 0], [1, 1, 1, 0]]]


def test_thousands_of_tests_find_what_is_planted_in_bounded_memory():
    generator = np.random.default_rng(0)
    predicted = np.arange(1500) % 150
    shares = generator.random((1500, 50), np.float32)
    shares[predicted == 7, 3] += 0.8
    tracemalloc.start()
    p_values = permutation_p_values(shares, predicted, list(range(150)), seed=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    corrected = np.array(holm(p_values.ravel().tolist())).reshape(p_values.shape)
    assert np.argwhere(corrected <= 0.05).tolist() == [[7, 3]]
    assert peak < 150e6  # 7,500 tests; 300,000 permutations at once would take 1.8 GB
    assert 0.035 < (p_values <= 0.05).mean() < 0.065


def test_classes_of_few_photos_are_left_out_and_too_many_tests_refused():
    assert classes_to_test(np.array([0] * 5 + [1] * 4 + [2] * 9)) == [0, 2]
    with pytest.raises(BadSettings, match="300000 tests"):
        rank_parts(np.zeros((60, 100_000)), np.zeros((60, 100_000), bool), PREDICTED, [0, 1, 2], seed=0)


def test_a_part_of_most_errors_comes_first():
    present, wrong = np.zeros((40, 3), bool), np.zeros(40, bool)
    wrong[:10] = True
    present[:9, 1] = present[20, 1] = True  # nine of ten errors have it, and one of thirty others
    present[::2, 2] = True
    first, *others = rank_failures(present, wrong)
    assert (first.part, first.n_with, first.n_errors_with, first.n_without, first.n_errors_without) == (1, 10, 9, 30, 1)
    assert first.significant and first.risk_ratio == pytest.approx((9.5 / 11) / (1.5 / 31))
    assert first.interval[0] < first.risk_ratio < first.interval[1]
    assert not any(row.significant for row in others)
    assert next(row for row in others if row.part == 0).p_value == 1  # a part that no photo has says nothing
