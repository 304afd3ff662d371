"""Tokens that stand out by their norm."""

import numpy as np
import pytest
import torch

from explainers.nave.tokens import LIMIT, norm_limit, outliers, token_norms, without

RNG = np.random.default_rng(0)


def test_a_norm_is_the_length_of_an_activation():
    assert token_norms(torch.tensor([[[3.0, 0.0]], [[4.0, 1.0]]])).tolist() == [[5.0, 1.0]]


def test_the_limit_is_that_many_robust_deviations_above_the_median():
    norms = RNG.normal(10, 2, (100, 100))
    assert norm_limit([norms[:50], norms[50:]]) == pytest.approx(10 + LIMIT * 2, rel=0.03)
    assert not outliers(norms, norm_limit([norms])).any()
    norms[3, 4] = 60
    assert np.argwhere(outliers(norms, norm_limit([norms]))).tolist() == [[3, 4]]


def test_where_all_norms_are_equal_none_stands_out():
    same = np.ones((4, 4))
    assert not outliers(same, norm_limit([same])).any()


def test_an_outlier_takes_what_the_nearest_other_position_has_and_the_rest_stays():
    maps = torch.arange(12.0).view(1, 3, 4)
    outlier = np.zeros((3, 4), bool)
    outlier[0, :2] = True
    cleaned = without(maps, outlier)
    assert cleaned[0, 0].tolist() in ([4.0, 2.0, 2.0, 3.0], [4.0, 5.0, 2.0, 3.0]) and torch.equal(cleaned[0, 1:], maps[0, 1:])
    assert without(maps, np.zeros((3, 4), bool)) is maps and without(maps, np.ones((3, 4), bool)) is maps
