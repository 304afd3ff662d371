"""Tests against chance, on figures one can count."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.cav import Cav, Cavs, concept_map, emblem
from explainers.visual_tcav.significance import (
    CavHealth,
    bootstrap_counts,
    clearness,
    folds,
    held_out_auc,
    holm,
    interval,
    intervals_apart,
    mean_differences,
    mean_p_value,
    null_subsets,
    p_value,
    replicate_vectors,
    shown_as_clearly,
    two_sided_p_value,
    weighted_emblems,
)
from explainers.visual_tcav.tcav import sensitivities, tcav_scores
from models.errors import TooFewExamples


def test_the_observed_figure_counts_among_its_null():
    assert p_value(5, [1, 2, 3]) == 1 / 4
    assert p_value(2, [1, 2, 3]) == 3 / 4
    assert p_value(0, [1, 2, 3]) == 1
    assert two_sided_p_value(0.1, [0.4, 0.6, 0.5], centre=0.5) == 1 / 4


def test_a_figure_that_hangs_on_the_choice_of_examples_is_not_told_from_chance():
    null = np.array([1.0, 2.0, 3.0])
    assert mean_p_value(5, np.array([4.0, 6.0]), null) == 1 / 4
    assert mean_p_value(5, np.array([0.0, 2.0, 5.0]), null) == np.mean([1 / 4, 1, 3 / 4, 1 / 4])
    assert mean_p_value(2, np.array([]), null) == p_value(2, null)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.5, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


def test_subsets_are_as_large_as_the_concept_but_leave_half():
    assert set(null_subsets(40, 12, 9, seed=0).sum(1)) == {12}
    assert set(null_subsets(40, 30, 9, seed=0).sum(1)) == {20}
    assert (null_subsets(40, 12, 9, 0) == null_subsets(40, 12, 9, 0)).all()
    assert len({tuple(row) for row in null_subsets(40, 12, 50, 0)}) == 50
    with pytest.raises(TooFewExamples, match="has 9 images"):
        null_subsets(9, 3, 9, 0)


def test_pseudo_cavs_are_differences_of_means():
    pooled = torch.tensor([[1.0], [3.0], [8.0], [10.0]])
    chosen = np.array([[True, True, False, False], [False, True, False, True]])
    assert mean_differences(pooled, chosen).flatten().tolist() == [-7.0, 2.0]


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


def test_clearness_is_in_standard_deviations_of_random_images():
    assert clearness(torch.tensor([6.0, 7.0, 8.0]), torch.tensor([-1.0, 1.0, 3.0, 1.0])) == pytest.approx(6 / 2**0.5)
    assert clearness(torch.tensor([0.0]), torch.tensor([1.0, 3.0])) < 0
    assert clearness(torch.tensor([1.0]), torch.zeros(5)) == 0


def test_pseudo_concepts_stand_out_at_least_like_the_concept():
    nulls = Cavs(torch.ones(2, 1), torch.tensor([1.1, 9.0]), torch.tensor([1.0, 2.0]))
    assert shown_as_clearly(nulls, torch.tensor([0.5, 1.0]), 3.0).concept_emblems.tolist() == [2.5, 9.0]
    assert torch.equal(shown_as_clearly(nulls, torch.tensor([0.5, 1.0]), -1.0).concept_emblems, nulls.concept_emblems)


def test_folds_are_nearly_equal():
    assert sorted(np.bincount(folds(12, 0, 5))) == [2, 2, 2, 3, 3]
    assert (folds(12, 0) == folds(12, 0)).all() and folds(1, 0).tolist() == [0]


def test_held_out_auc_of_what_is_apart_and_of_what_is_not():
    near, far = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), torch.randn(20, 4) + 20
    assert held_out_auc(far, near) == 1.0
    noise = torch.randn(400, 4, generator=torch.Generator().manual_seed(1))
    assert 0.4 < held_out_auc(noise[:200], noise[200:]) < 0.6
    assert np.isnan(held_out_auc(near[:1], near))


def test_the_interval_leaves_out_the_tails():
    assert interval(range(101), level=0.9) == pytest.approx((5, 95))


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ((0.99, -0.1, 0.99, 40), "not seen"),
        ((0.6, 0.5, 0.99, 40), "weak"),
        ((0.99, 0.5, 0.99, 5), "few images"),
        ((0.99, 0.5, 0.5, 40), "unsteady"),
        ((0.99, 0.05, 0.99, 40), "narrow"),
        ((0.8, 0.5, 0.99, 40), "fair"),
        ((0.99, 0.5, 0.99, 40), "sound"),
    ],
)
def test_verdicts(figures, word):
    assert CavHealth(*figures, n_random=50).verdict.value == word


def test_a_concept_that_random_images_show_as_much_has_an_empty_map():
    assert concept_map(torch.ones(1, 2, 2), Cav(torch.ones(1), 0.5, 0.5)).sum() == 0
    assert concept_map(torch.full((1, 1, 1), 0.75), Cav(torch.ones(1), 1.0, 0.5)).item() == pytest.approx(0.5)


def test_tcav_counts_images_whose_logit_rises():
    gradients = torch.tensor([[[[1.0, 1.0]], [[-1.0, 0.0]]]])  # one class, two channels, two positions
    assert sensitivities(gradients, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist() == [[2.0, -1.0]]
    assert tcav_scores(torch.tensor([[2.0, -1.0], [1.0, 0.0]])).tolist() == [1.0, 0.25]


def test_intervals_that_do_not_touch_intervals_apart():
    assert intervals_apart((0.0, 0.1), (0.2, 0.3)) and intervals_apart((0.2, 0.3), (0.0, 0.1))
    assert not intervals_apart((0.0, 0.2), (0.1, 0.3))
