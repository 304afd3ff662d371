"""Boxes on maps small enough to count."""

import numpy as np
import pytest

from explainers.maps.boxes import Box, edge_connectivity, main_box, region_boxes


def framed(object_size: int = 4, side: int = 10) -> np.ndarray:
    """Cluster 0 all around, cluster 1 a square in the middle."""
    labels = np.zeros((side, side), np.uint8)
    start = (side - object_size) // 2
    labels[start : start + object_size, start : start + object_size] = 1
    return labels


def test_every_region_has_its_box_and_its_cluster():
    labels = np.array([[0, 0, 1], [2, 0, 1], [2, 2, 0]])
    found = [(region.box, region.cluster_idx, round(9 * region.area)) for region in region_boxes(labels)]
    assert found == [
        (Box(0, 0, 2, 2), 0, 3),
        (Box(0, 2, 2, 1), 1, 2),
        (Box(1, 0, 2, 2), 2, 3),
        (Box(2, 2, 1, 1), 0, 1),
    ]
    assert [region.cluster_idx for region in region_boxes(labels, min_share=0.3)] == [0, 2]


def test_the_iou_of_boxes_is_that_of_their_pixels():
    assert Box(0, 0, 2, 4).iou(Box(0, 2, 2, 4)) == pytest.approx(4 / 12)
    assert Box(0, 0, 2, 2).iou(Box(2, 2, 2, 2)) == 0
    assert Box(3, 1, 2, 5).iou(Box(3, 1, 2, 5)) == 1


def test_a_box_covers_the_same_share_of_the_photo_as_of_the_map():
    assert Box(1, 2, 3, 4).scaled((10, 10), (20, 50)) == Box(2, 10, 6, 20)
    assert Box(9, 9, 1, 1).scaled((10, 10), (3, 3)) == Box(2, 2, 1, 1)  # never less than a pixel, never outside


def test_connectivity_counts_pixels_on_the_edges_by_the_root_of_the_area():
    assert edge_connectivity(framed()) == pytest.approx([36 / np.sqrt(84), 0])
    assert edge_connectivity(np.array([[0, 2], [0, 2]])) == pytest.approx([2 / np.sqrt(2), np.inf, 2 / np.sqrt(2)])


def test_the_one_box_is_around_what_keeps_clear_of_the_edges():
    assert main_box(framed()).box == Box(3, 3, 4, 4)


def test_of_a_cluster_in_pieces_the_largest_counts():
    labels = framed()
    labels[1, 1] = 1
    assert main_box(labels).box == Box(3, 3, 4, 4)


def test_a_speck_is_not_what_a_photo_is_about_unless_there_is_nothing_else():
    labels = framed(side=20, object_size=6)
    labels[2, 2] = 2  # touches no edge either, and is a 400th of the photo
    assert main_box(labels).cluster_idx == 1
    assert main_box(np.arange(200 * 200).reshape(200, 200) // 2).cluster_idx >= 0  # nothing but specks


def test_of_clusters_that_touch_no_edge_the_largest_region_wins():
    labels = np.zeros((12, 12), np.uint8)
    labels[2:4, 2:4], labels[5:10, 5:9] = 1, 2
    assert main_box(labels).box == Box(5, 5, 5, 4)
