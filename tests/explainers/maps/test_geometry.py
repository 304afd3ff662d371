"""How maps lie in the image, on maps that can be worked out by hand."""

import numpy as np
import pytest

from explainers.maps.geometry import border_share, mean_region_area, position_dependence

CHESS = np.indices((8, 8)).sum(0) % 2
HALVES = np.repeat([[0, 1]], 4, axis=0).repeat(4, axis=1)  # (4, 8)


def test_a_region_of_an_average_pixel():
    assert mean_region_area(np.zeros((4, 4), int)) == 1
    assert mean_region_area(HALVES) == 0.5
    assert mean_region_area(CHESS) == pytest.approx(1 / 64)
    uneven = np.zeros((4, 4), int)
    uneven[0, 0] = 1
    assert mean_region_area(uneven) == pytest.approx((15**2 + 1) / 16**2)


def test_borders():
    assert border_share(np.zeros((4, 4), int)) == 0 and border_share(CHESS) == 1
    assert border_share(HALVES) == pytest.approx(4 / (4 * 7 + 3 * 8))


def test_position_tells_all_of_a_fixed_layout_and_nothing_of_a_moving_one():
    fixed = np.indices((32, 32))[1] // 8
    assert position_dependence([fixed] * 6) == 1
    rng = np.random.default_rng(0)
    moving = [np.roll(fixed, rng.integers(32), axis=1) for _ in range(80)]
    assert abs(position_dependence(moving)) < 0.15
    assert position_dependence([np.zeros((32, 32), int)] * 4) == 0


def test_maps_of_another_size_are_told_alike():
    fixed = np.indices((48, 64))[1] // 16
    assert position_dependence([fixed] * 4) == 1
