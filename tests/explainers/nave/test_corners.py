"""Truths about the corners of blocks, on a ramp that one can work out by hand."""

import pytest
import torch

from explainers.nave.assignment import assignment_costs
from explainers.nave.composite import Block, Composite, composite_of
from explainers.nave.corners import Corners


def ramp(direction):
    """Activations 0.5, 1.5, ... 15.5 down or across 16 x 16 pixels: 0 at the first border, 16 at the last one.

    A resize of feature maps ends flat, which hides what lies beyond the last pixel's centre; this one rises to the very border.
    """
    share = (torch.arange(16) + 0.5) / 16
    linear = torch.stack([1 - share, share], dim=1)  # (grid, native)
    native = {"down": [0.0, 0.0, 16.0, 16.0], "across": [0.0, 16.0, 0.0, 16.0]}[direction]
    return Composite((Block(torch.tensor([native]), (1,), linear, linear),))


def along(direction, maps):
    """Maps (..., rows, columns) with the ramp's direction as their last axis."""
    return maps if direction == "across" else maps.mT


@pytest.mark.parametrize("direction", ["down", "across"])
def test_corners_lie_on_the_borders_of_blocks_the_last_one_beyond_the_last_pixel(direction):
    corners = Corners.of(ramp(direction))
    assert (corners.side, corners.n_blocks) == (8, (2, 2))
    activations = corners.at.at(torch.arange(9)).reshape(3, 3)
    assert along(direction, activations).tolist() == [[0, 8, 16]] * 3


@pytest.mark.parametrize("direction", ["down", "across"])
def test_a_border_between_clusters_in_the_last_block_lies_where_both_are_equally_near(direction):
    corners = Corners.of(ramp(direction))
    labels = corners.labels(assignment_costs(corners.at, torch.tensor([[0.0], [28.0]])))  # 14 is halfway
    assert along(direction, labels).tolist() == [[0] * 14 + [1] * 2] * 16


@pytest.mark.parametrize("direction", ["down", "across"])
def test_weights_of_corners_count_and_sum_the_pixels_of_the_last_block(direction):
    corners = Corners.of(ramp(direction))
    weights = corners.weights(assignment_costs(corners.at, torch.tensor([[0.0], [28.0]])))
    assert weights.sum((1, 2)).tolist() == [14 * 16, 2 * 16]
    assert corners.at.weighted_sums(weights).tolist() == [[98 * 16], [30 * 16]]  # 0.5 + ... + 13.5 and 14.5 + 15.5, 16 times


def test_a_block_ends_where_the_slope_changes_however_little():
    composite = composite_of([torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])], (24, 24))  # by 1 / 24 at pixels 6 and 18
    assert Corners.of(composite).side == 6
