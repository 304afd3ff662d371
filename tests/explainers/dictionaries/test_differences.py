"""Parts with two encoders: what is planted comes first, and noise does not."""

import numpy as np
import pytest

from explainers.dictionaries.differences import Evidence, classes_of_both, exchanged_p_values, rank_differences
from explainers.dictionaries.joint import common_grid, fit_joint, on_grid
from explainers.dictionaries.settings import DictionarySettings
from models.errors import TooFewExamples


def noise(seed: int, n: int = 80, k: int = 6) -> np.ndarray:
    shares = np.random.default_rng(seed).random((n, k))
    return shares / shares.sum(1, keepdims=True)


PREDICTED = np.arange(80) % 4
PRESENT = np.ones((80, 6), bool)


def test_what_one_encoder_gains_comes_first_and_what_it_loses_last():
    planted = noise(1)
    planted[PREDICTED == 2] = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1]
    clean = noise(2)
    clean[PREDICTED == 2] = [0.1, 0.5, 0.1, 0.1, 0.1, 0.1]
    rows = rank_differences(Evidence(PREDICTED, clean), Evidence(PREDICTED, planted), PRESENT, 0)
    first, last = rows[0], rows[-1]
    assert (first.class_idx, first.part, last.class_idx, last.part) == (2, 0, 2, 1) and len(rows) == 24
    assert first.significant and first.difference == pytest.approx(0.4) and first.interval == pytest.approx((0.4, 0.4))
    assert first.carried == "only second" and last.carried == "only first" and last.difference == pytest.approx(-0.4)
    assert sum(row.significant for row in rows) == 2


def test_noise_is_rarely_significant():
    n_found = 0
    for seed in range(16):
        rows = rank_differences(Evidence(PREDICTED, noise(seed)), Evidence(PREDICTED, noise(1000 + seed)), PRESENT, seed)
        n_found += any(row.significant for row in rows)
    assert n_found <= 3  # of 16, 0.8 are expected at 5 %; more than 3 happen once in a hundred


def test_p_values_of_exchanged_pairs_are_those_counted_by_hand():
    p_values = exchanged_p_values(np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), 20_000, 0)
    assert p_values[0] == pytest.approx(2 / 8, abs=0.02) and p_values[1] == 1  # +++ and --- of eight; nothing differs


def test_a_class_needs_photos_that_both_predict_and_others():
    first = np.array([0] * 10 + [1] * 10 + [2] * 4)
    second = np.array([0] * 10 + [1] * 4 + [0] * 6 + [2] * 4)
    assert classes_of_both(first, second) == [0]
    assert classes_of_both(np.zeros(20, int), np.zeros(20, int)) == []


def test_joint_parts_tell_apart_what_either_encoder_tells_apart():
    generator = np.random.default_rng(0)
    of_first, of_second = generator.integers(0, 2, (2, 400))
    first, second = (np.eye(2)[of] * 5 + generator.normal(0, 0.1, (400, 2)) for of in (of_first, of_second))
    joint = fit_joint(first.astype(np.float32), second.astype(np.float32), 4, DictionarySettings((4,), n_components=2))
    parts = joint.parts(first, second)
    pairs = {(part, a, b) for part, a, b in zip(parts, of_first, of_second, strict=True)}
    assert len(pairs) == 4 and joint.stability == 1
    with pytest.raises(TooFewExamples):
        fit_joint(first[:3], second[:3], 4, DictionarySettings((4,)))


def test_maps_are_brought_to_the_coarser_grid_by_means():
    assert common_grid((4, 6), (8, 3)) == (4, 3)
    assert on_grid(np.array([[[0.0, 2.0], [4.0, 6.0]]], np.float32), (1, 1)).tolist() == [[[3.0]]]
