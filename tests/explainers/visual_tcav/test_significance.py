"""P-values and intervals, on numbers one can count."""

import numpy as np
import pytest

from explainers.visual_tcav.significance import (
    calibrated_p_value,
    confidence_interval,
    holm,
    intervals_apart,
    p_value,
    two_sided_p_value,
)


def test_the_observed_value_counts_among_its_null():
    assert p_value(5, [1, 2, 3]) == 1 / 4
    assert p_value(2, [1, 2, 3]) == 3 / 4
    assert p_value(0, [1, 2, 3]) == 1
    assert two_sided_p_value(0.1, [0.4, 0.6, 0.5], centre=0.5) == 1 / 4


def test_a_value_that_hangs_on_the_choice_of_examples_is_not_distinguished_from_chance():
    null = np.array([1.0, 2.0, 3.0])
    steady, shaky = null[:, None].repeat(2, 1), np.zeros((3, 2))  # what pseudo-concepts' replicates give
    assert calibrated_p_value(5, np.array([4.0, 6.0]), null, steady) == 1 / 4
    assert calibrated_p_value(5, np.array([0.0, 0.0]), null, steady) == 3 / 4  # mean 3/4; of pseudo-concepts 1, 13/18, 4/9
    assert calibrated_p_value(5, np.array([0.0, 0.0]), null, shaky) == 1 / 4  # of pseudo-concepts 1, 8/9, 7/9
    assert calibrated_p_value(0, np.array([5.0, 5.0]), np.zeros(3), np.zeros((3, 2))) == 1 / 4
    assert calibrated_p_value(0, np.array([0.0]), null, steady) == 1


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.5, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


def test_a_p_value_corrected_before_all_are_known_can_only_fall():
    known, to_come = [0.01, 0.2, 0.004], [0.012, 0.9, 0.0001]
    before, after = holm(known, n_to_come=3), holm([*known, *to_come])[:3]
    assert before == pytest.approx((0.05, 0.8, 0.024))
    assert all(b >= a for b, a in zip(before, after, strict=True)) and before != after
    assert all(holm([*known, other], n_to_come=2)[:3] <= before for other in to_come)


def test_the_interval_leaves_out_the_tails():
    assert confidence_interval(range(101), coverage=0.9) == pytest.approx((5, 95))


def test_intervals_that_do_not_touch_are_apart():
    assert intervals_apart((0.0, 0.1), (0.2, 0.3)) and intervals_apart((0.2, 0.3), (0.0, 0.1))
    assert not intervals_apart((0.0, 0.2), (0.1, 0.3))
