"""Truths about labels that are exact without scoring every pixel, checked by scoring every pixel."""

import pytest
import torch

from explainers.nave import assignment, corners
from explainers.nave.composite import composite_of
from explainers.nave.corners import Corners
from explainers.nave.label_maps import label_maps

STRIDES = {"a pyramid": ((8, 16, 32), 4), "a transformer of 16": ((16,), 8), "a transformer of 14": ((14,), 7)}


def maps_and_centroids(native_shapes, ks=(1, 2, 5, 9)):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(3, *shape, generator=generator, dtype=torch.float64) for shape in native_shapes]
    return maps, [torch.randn(k, 3 * len(maps), generator=generator, dtype=torch.float64) for k in ks]


def scored_everywhere(composite, centroids):
    activations = composite.at(torch.arange(composite.n_positions))
    return torch.stack([torch.cdist(activations, of_k).argmin(1).reshape(composite.shape) for of_k in centroids])


@pytest.mark.parametrize("strides, side", STRIDES.values(), ids=STRIDES)
def test_labels_are_those_of_scoring_every_pixel(strides, side):
    grid = (max(strides) * 3, max(strides) * 5)
    maps, centroids = maps_and_centroids([(grid[0] // stride, grid[1] // stride) for stride in strides])
    composite = composite_of(maps, grid)
    assert Corners.of(composite).side == side
    assert torch.equal(label_maps(composite, centroids), scored_everywhere(composite, centroids))


@pytest.mark.parametrize("native, grid", [((5, 7), (33, 40)), ((16, 16), (16, 16)), ((20, 20), (16, 16)), ((3, 3), (2, 2))])
def test_where_no_block_fits_every_pixel_is_scored(native, grid):
    maps, centroids = maps_and_centroids([native])
    composite = composite_of(maps, grid)
    assert Corners.of(composite) is None
    assert torch.equal(label_maps(composite, centroids), scored_everywhere(composite, centroids))


def test_a_border_lies_where_the_resized_activation_is_halfway():
    composite = composite_of([torch.tensor([[[0.0, 8.0]]])], (8, 16))  # columns rise 0 0 0 0 .5 1.5 ... 7.5 8 8 8 8
    centroids = torch.tensor([[0.0], [8.0]])
    assert label_maps(composite, [centroids])[0].tolist() == [[0] * 8 + [1] * 8] * 8


def test_of_two_centroids_equally_near_everywhere_the_first_has_all():
    maps, (pair,) = maps_and_centroids([(3, 3)], ks=(2,))
    assert not label_maps(composite_of(maps, (24, 24)), [pair[[0, 0]]]).any()


def test_groups_of_centroids_give_what_all_together_give(monkeypatch):
    maps, centroids = maps_and_centroids([(4, 4), (2, 2)])
    together = label_maps(composite_of(maps, (32, 32)), centroids)
    monkeypatch.setattr(assignment, "MAX_COSTS", 1)
    assert torch.equal(label_maps(composite_of(maps, (32, 32)), centroids), together)


def test_most_pixels_of_large_regions_are_never_scored(monkeypatch):
    scored = []
    lowest = corners.nearest_idx
    monkeypatch.setattr(corners, "nearest_idx", lambda costs: scored.append(costs[0].numel()) or lowest(costs))
    halves = torch.zeros(1, 8, 8)
    halves[:, :, 4:] = 1
    label_maps(composite_of([halves], (64, 64)), [torch.tensor([[0.0], [1.0]])])
    assert sum(scored) < 64 * 64 / 4
