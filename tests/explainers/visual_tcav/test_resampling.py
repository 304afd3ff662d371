"""Folds and bootstrap replicates, on numbers one can count."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.cav import emblem
from explainers.visual_tcav.resampling import bootstrap_counts, folds, replicate_vectors, weighted_emblems


def test_replicates_resample_both_sides():
    counts = bootstrap_counts(5, 200, seed=1)
    assert (counts.sum(1) == 5).all() and counts.min() == 0 and counts.max() > 1
    pooled = (torch.tensor([[2.0], [4.0]]), torch.tensor([[1.0], [3.0]]))
    vectors = replicate_vectors(pooled, (np.array([[2, 0], [1, 1]]), np.array([[0, 2], [2, 0]])))
    assert vectors.flatten().tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("n", range(1, 13))
def test_emblems_are_nearest_rank_medians_half_to_even(n):
    values = torch.arange(n, dtype=torch.float32)[torch.randperm(n, generator=torch.Generator().manual_seed(n))]
    assert emblem(values) == round((n - 1) / 2)
    assert weighted_emblems(values[:, None], np.ones((1, n), int)).item() == round((n - 1) / 2)


def test_weighted_emblems_count_an_image_as_often_as_it_was_drawn():
    responses = torch.tensor([[1.0, 1.0], [5.0, 5.0], [9.0, 9.0]])
    assert weighted_emblems(responses, np.array([[3, 0, 0], [0, 1, 2]])).tolist() == [1.0, 9.0]


def test_folds_are_nearly_equal():
    assert sorted(np.bincount(folds(12, 0, 5))) == [2, 2, 2, 3, 3]
    assert (folds(12, 0) == folds(12, 0)).all() and folds(1, 0).tolist() == [0]
