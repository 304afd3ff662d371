"""Truths about two labellings of the same positions."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from explainers.maps.partitions import adjusted_rand_index, adjusted_rand_of, contingency, matched_to, matching


def test_rand_index_agrees_with_scikit_learn_and_knows_identity():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    assert adjusted_rand_index(a, b, 5) == pytest.approx(adjusted_rand_score(a, b))
    assert adjusted_rand_index(a, (a + 1) % 5, 5) == pytest.approx(1)
    assert adjusted_rand_index(np.zeros(9, int), np.zeros(9, int), 5) == 1


def test_matching_undoes_a_renaming_and_gives_a_new_cluster_the_free_colour():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    renamed = np.array([2, 0, 1])[labels]
    np.testing.assert_array_equal(matched_to(labels, renamed, 3)[renamed], labels)
    split = np.array([3, 3, 1, 0, 0, 2, 2, 2, 2])  # label 0 has split into 3 (two pixels) and 1 (one pixel)
    np.testing.assert_array_equal(matched_to(labels, split, 4)[split], [0, 0, 3, 1, 1, 2, 2, 2, 2])


def test_contingency_counts_pairs_of_labels():
    np.testing.assert_array_equal(contingency(np.array([0, 0, 1]), np.array([1, 1, 0]), 2), [[0, 2], [1, 0]])


def test_many_tables_are_judged_at_once():
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, 4, (3, 2, 200))
    tables = np.stack([contingency(a, b, 4) for a, b in pairs])
    np.testing.assert_allclose(adjusted_rand_of(tables), [adjusted_rand_score(a, b) for a, b in pairs])


def test_matching_overlaps_of_several_images_weighs_them_together():
    first, second = np.array([[0, 9], [9, 0]]), np.array([[5, 0], [0, 5]])
    np.testing.assert_array_equal(matching(first + second), [1, 0])  # the larger overlap decides for both
    np.testing.assert_array_equal(matching(second), [0, 1])
