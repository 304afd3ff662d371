"""Parts that are found again: in their own images exactly, in others by their own scaling, and not beyond their reach."""

import numpy as np
import pytest
import torch

from explainers.nave.parts import FARTHEST, Parts, find, reaches_of
from explainers.nave.segmentation import segment, segment_together
from explainers.nave.settings import SCALINGS, NaveSettings

SHAPE = (64, 48)
SETTINGS = NaveSettings(depths=(1, 3), max_clusters=5)


def random_maps(seed: int):
    generator = torch.Generator().manual_seed(seed)
    return [3 + torch.randn(8, 16, 12, generator=generator), 5 * torch.randn(12, 8, 6, generator=generator)]


def half_and_half(left: float, right: float):
    """One channel, two values."""
    return [torch.cat([torch.full((1, 16, 8), left), torch.full((1, 16, 8), right)], dim=2)]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_in_their_own_images_parts_are_where_the_clusters_were(scaling):
    images = [random_maps(1), random_maps(2)]
    settings = NaveSettings(depths=(1, 3), max_clusters=5, scaling=scaling)
    segmentations = segment_together(images, settings, [SHAPE] * 2)
    parts = segmentations[0].parts(4)
    reaches = reaches_of(parts, images, [SHAPE] * 2)
    found = [find(parts, reaches, maps, SHAPE) for maps in images]
    for segmentation, of_image in zip(segmentations, found, strict=True):
        np.testing.assert_array_equal(of_image.nearest, segmentation.at(4))
    beyond = np.concatenate([of_image.reaches.ravel() > 1 for of_image in found]).mean()
    assert 0.03 < beyond < 0.07  # one in twenty


def test_other_images_are_scaled_as_the_parts_own_ones_were():
    one = NaveSettings(depths=(0,), max_clusters=2)
    parts = segment(half_and_half(0.0, 10.0), one, (32, 32)).parts(2)
    right = int(np.argmax(parts.centroids[:, 0]))
    only_right = find(parts, np.ones(2), half_and_half(10.0, 10.0), (32, 32))  # balanced by itself, it would be all zero
    assert (only_right.nearest == right).all()


def test_distances_count_in_reaches_of_the_nearest_part():
    parts = Parts(NaveSettings(depths=(0,), scaling="raw"), np.array([[0.0], [10.0]], np.float32), ())
    found = find(parts, np.array([2.0, 0.0]), half_and_half(3.0, 9.0), (64, 64))
    assert found.nearest[:, :20].max() == 0 and found.nearest[:, -20:].min() == 1
    assert found.reaches[8, 0] == pytest.approx(1.5)  # 3 away from a part that reaches 2
    assert found.reaches[8, -1] == FARTHEST  # away from a part that has no reach


def test_a_part_that_is_nowhere_has_no_reach():
    parts = Parts(NaveSettings(depths=(0,), scaling="raw"), np.array([[0.0], [100.0]], np.float32), ())
    reaches = reaches_of(parts, [half_and_half(1.0, 1.0)], [(32, 32)])
    assert reaches.tolist() == [pytest.approx(1.0), 0.0]


def test_parts_are_equal_where_their_content_is():
    parts = segment(random_maps(1), SETTINGS, SHAPE).parts(3)
    again = Parts(parts.settings, parts.centroids.copy(), parts.balances)
    assert parts == again and hash(parts) == hash(again)
    assert parts != Parts(parts.settings, parts.centroids + 1, parts.balances)
    assert parts != Parts(parts.settings, parts.centroids, tuple((means, 2 * length) for means, length in parts.balances))
