"""Orders, removed photos and areas that can be checked by hand."""

import numpy as np
import pytest
import torch

from explainers.saliency.curves import (
    area_under,
    chance_of,
    corrected,
    curve_of,
    emptied,
    middle_first,
    order_of,
    random_maps,
    removed,
)
from explainers.saliency.settings import SaliencySettings, require_valid
from models.errors import BadSettings


def test_the_highest_positions_go_first():
    order = order_of(np.array([[1.0, 4.0], [3.0, 2.0]]), (2, 2), seed=0)
    assert order.tolist() == [[0.75, 0.0], [0.25, 0.5]]


def test_a_map_is_stretched_over_the_photo_before_pixels_are_ranked():
    order = order_of(np.array([[0.0, 1.0]]), (4, 8), seed=0)
    assert order[:, 6:].max() < 0.25 <= order[:, :6].min()


def test_equal_values_prefer_no_corner():
    orders = [order_of(np.zeros((2, 2)), (10, 10), seed) for seed in range(200)]
    assert np.mean(orders, axis=0).std() < 0.05 and np.array_equal(orders[3], order_of(np.zeros((2, 2)), (10, 10), 3))


def test_every_share_of_the_pixels_is_removed_exactly():
    image, filling = torch.ones(3, 10, 10), torch.zeros(3, 10, 10)
    order = torch.from_numpy(order_of(np.random.default_rng(0).random((10, 10)), (10, 10), 0))
    shares = torch.tensor([0.0, 0.25, 1.0])
    left = removed(image, filling, order.expand(3, 10, 10), shares)
    assert left.mean((1, 2, 3)).tolist() == pytest.approx([1.0, 0.75, 0.0])


def test_what_an_order_inserts_is_what_its_reverse_leaves():
    image, filling = torch.ones(3, 4, 4), torch.zeros(3, 4, 4)
    order = torch.from_numpy(order_of(np.arange(16.0).reshape(4, 4), (4, 4), 0))[None]
    reverse = torch.from_numpy(order_of(-np.arange(16.0).reshape(4, 4), (4, 4), 0))[None]
    inserted = removed(filling, image, order, torch.tensor([0.25]))
    torch.testing.assert_close(inserted, removed(image, filling, reverse, torch.tensor([0.75])))


def test_an_emptied_photo_has_its_mean_colour_everywhere():
    image = torch.arange(12.0).view(3, 2, 2)
    assert emptied(image)[:, 1, 0].tolist() == [1.5, 5.5, 9.5] and emptied(image).shape == image.shape


def test_the_middle_comes_first_and_the_corners_last():
    values = middle_first((3, 5))
    assert values.argmax() == 7 and values[0, 0] == values.min() == pytest.approx(-np.hypot(1 / 3, 0.4))


def test_the_area_under_a_straight_line_is_a_half():
    assert area_under(np.linspace(1, 0, 11)) == pytest.approx(0.5)
    assert area_under(np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])).tolist() == [0.25, 1.0]


def test_small_areas_are_good_for_deletion_and_large_ones_for_insertion():
    random = np.linspace(0.3, 0.7, 99)[:, None] * np.ones(5)
    low, high = np.full(5, 0.1), np.full(5, 0.9)
    assert curve_of(low, random, small_is_good=True).p_value == 0.01
    assert curve_of(high, random, small_is_good=True).p_value == 1.0
    assert curve_of(high, random, small_is_good=False).p_value == 0.01
    chance = chance_of(random)
    assert chance.mean_area == pytest.approx(0.5) and chance.area_interval == pytest.approx((0.31, 0.69))


def test_three_maps_are_corrected_as_holm_says():
    random = np.linspace(0.3, 0.7, 99)[:, None] * np.ones(5)
    curves = corrected([curve_of(np.full(5, area), random, small_is_good=True) for area in (0.1, 0.5, 0.31)])
    assert [curve.corrected_p_value for curve in curves] == pytest.approx([0.03, 0.5, 0.08], abs=0.02)
    assert [curve.significant for curve in curves] == [True, False, False]


def test_a_random_order_is_significant_no_oftener_than_it_says():
    areas = random_maps((8, 8), 2000, 0).mean((1, 2)).reshape(20, 100)
    p = [curve_of(np.full(3, a[0]), a[1:, None] * np.ones(3), small_is_good=True).p_value for a in areas]
    assert 0.3 < np.mean(p) < 0.7


def test_numbers_that_make_no_sense_are_refused():
    with pytest.raises(BadSettings, match="n_shares is 1"):
        require_valid(SaliencySettings(n_shares=1))
    with pytest.raises(BadSettings, match="n_random is 0"):
        require_valid(SaliencySettings(n_random=0))
