"""Truths about regions, by hand and beside scipy's labelling of one cluster at a time."""

import numpy as np
import pytest
from scipy import ndimage

from explainers.maps.regions import count_regions, region_map, without_small_regions


def test_regions_are_connected_by_edges_not_corners():
    assert count_regions(np.array([[0, 1], [1, 0]])) == 4
    assert count_regions(np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])) == 2


def test_regions_are_numbered_in_reading_order():
    labels = np.array([[5, 5, 2], [2, 5, 2], [2, 2, 2]])
    assert region_map(labels).tolist() == [[0, 0, 1], [1, 0, 1], [1, 1, 1]] and count_regions(labels) == 2


def test_regions_split_clusters_that_fall_apart():
    assert region_map(np.array([[0, 1, 0]])).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (40, 60)])
@pytest.mark.parametrize("n_clusters", [1, 2, 7])
def test_regions_are_those_of_every_cluster_by_itself(shape, n_clusters):
    labels = np.random.default_rng(0).integers(0, n_clusters, shape, dtype=np.uint8)
    regions = region_map(labels)
    of_clusters = [ndimage.label(labels == cluster_idx) for cluster_idx in range(n_clusters)]
    assert len(np.unique(regions)) == count_regions(labels) == sum(n for _, n in of_clusters)
    for cluster_idx, (expected, n) in enumerate(of_clusters):
        pairs = np.unique(np.stack([regions[labels == cluster_idx], expected[labels == cluster_idx]]), axis=1)
        assert pairs.shape[1] == n  # one to one


def test_small_regions_go_to_what_lies_nearest_and_the_rest_stays():
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[:, 10:] = 1
    speckled = labels.copy()
    speckled[3, 3], speckled[15, 15] = 1, 2
    np.testing.assert_array_equal(without_small_regions(speckled, min_share=0.01), labels)
    np.testing.assert_array_equal(without_small_regions(speckled, min_share=0.001), speckled)
