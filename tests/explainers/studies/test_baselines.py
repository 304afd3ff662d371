"""What one gets without an encoder, on pictures whose answer can be seen."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from explainers.maps.boxes import Box
from explainers.studies.baselines import Pictured, colour_and_position_map, lost_box, token_cut_box


def halves() -> np.ndarray:
    """Black on the left, white on the right."""
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:, 30:] = 255
    return pixels


def an_object() -> np.ndarray:
    """A map (2, 8, 8): one channel everywhere but in a square, the other there."""
    feature_map = np.zeros((2, 8, 8), dtype=np.float32)
    feature_map[0] = 1
    feature_map[:, 2:5, 3:6] = [[[0]], [[1]]]
    return feature_map


def test_halves_are_two_clusters_of_colour_and_position():
    labels = colour_and_position_map(halves(), 2, 0)
    left, right = labels[:, :28], labels[:, 32:]
    assert len(np.unique(left)) == len(np.unique(right)) == 1 and left[0, 0] != right[0, 0]


@pytest.mark.parametrize("method", [Pictured.slic, Pictured.felzenszwalb])
def test_regions_come_near_the_number_that_is_wanted(method):
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(80, 80)), 4)
    grey = np.uint8(255 * (noise - noise.min()) / np.ptp(noise))
    regions = method(Pictured(np.repeat(grey[:, :, None], 3, axis=2)), 12)
    assert 6 <= regions.max() + 1 <= 18 and len(np.unique(regions)) == regions.max() + 1


def test_one_colour_is_no_error():
    assert colour_and_position_map(np.zeros((20, 20, 3), np.uint8), 3, 0).shape == (20, 20)


def test_lost_and_token_cut_find_the_object_that_differs():
    assert lost_box(an_object(), (80, 80)) == token_cut_box(an_object(), (80, 80)) == Box(20, 30, 30, 30)
