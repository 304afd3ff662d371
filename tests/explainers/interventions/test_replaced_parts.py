"""The mean drop of a replaced part, beside other places, by hand."""

import numpy as np
import pytest

from explainers.interventions.replaced_parts import part_drop


def test_a_part_that_takes_more_than_any_other_place_is_found():
    drops = [np.array([2.0 + n, 0.0, 1.0, 0.5]) for n in range(4)]
    found = part_drop(drops, 999, seed=0)
    assert found.drop == 3.5 and found.elsewhere == 0.5 and found.n_images == 4
    low, high = found.interval
    assert 2 <= low < 3.5 < high <= 5
    assert found.p_value == pytest.approx(1 / 4**4, abs=0.008)  # all four at the part's place: one draw of 256


def test_where_every_place_takes_the_same_nothing_is_found():
    assert part_drop([np.full(5, 1.0)] * 6, 199, seed=0).p_value == 1


def test_a_part_at_a_place_like_any_other_is_rarely_found():
    generator = np.random.default_rng(0)
    p_values = [part_drop([*generator.normal(size=(10, 8))], 199, seed).p_value for seed in range(200)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.1 and 0.4 < np.mean(p_values) < 0.6


def test_images_may_have_different_numbers_of_places():
    found = part_drop([np.array([1.0]), np.array([1.0, 0.0])], 199, seed=0)
    assert found.drop == 1 and found.elsewhere == 0 and 0.3 < found.p_value < 0.7
