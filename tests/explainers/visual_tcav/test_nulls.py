"""Pseudo-concepts, on numbers one can count."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.cav import Cavs
from explainers.visual_tcav.nulls import (
    N_OF_EACH,
    PseudoConcepts,
    drawn_again,
    effect_size,
    mean_differences,
    null_size,
    null_subsets,
    raised_to_effect_size,
    redrawn,
)
from models.errors import TooFewExamples


def test_subsets_are_as_large_as_the_concept_but_leave_half():
    assert null_size(12, 40) == 12 and null_size(30, 40) == 20
    assert set(null_subsets(40, 12, 9, seed=0).sum(1)) == {12}
    assert (null_subsets(40, 12, 9, 0) == null_subsets(40, 12, 9, 0)).all()
    assert len({tuple(row) for row in null_subsets(40, 12, 50, 0)}) == 50
    with pytest.raises(TooFewExamples, match="has 9 images"):
        null_size(3, 9)


def test_pseudo_cavs_are_differences_of_means():
    pooled = torch.tensor([[1.0], [3.0], [8.0], [10.0]])
    chosen = np.array([[True, True, False, False], [False, True, False, True]])
    assert mean_differences(pooled, chosen).flatten().tolist() == [-7.0, 2.0]


def test_an_effect_size_is_in_standard_deviations_of_random_images():
    assert effect_size(torch.tensor([6.0, 7.0, 8.0]), torch.tensor([-1.0, 1.0, 3.0, 1.0])) == pytest.approx(6 / 2**0.5)
    assert effect_size(torch.tensor([0.0]), torch.tensor([1.0, 3.0])) < 0
    assert effect_size(torch.tensor([1.0]), torch.zeros(5)) == 0


def test_pseudo_concepts_stand_out_at_least_like_the_concept():
    nulls = Cavs(torch.ones(2, 1), torch.tensor([1.1, 9.0]), torch.tensor([1.0, 2.0]))
    assert raised_to_effect_size(nulls, torch.tensor([0.5, 1.0]), 3.0).concept_emblems.tolist() == [2.5, 9.0]
    assert torch.equal(raised_to_effect_size(nulls, torch.tensor([0.5, 1.0]), -1.0).concept_emblems, nulls.concept_emblems)
    below = Cavs(torch.ones(1, 1), torch.tensor([0.0]), torch.tensor([1.0]))
    assert raised_to_effect_size(below, torch.tensor([0.5]), -1.0).concept_emblems.tolist() == [1.0]  # empty, as before


def test_replicates_draw_as_many_images_as_a_pseudo_concept_has_and_only_its_own():
    chosen = null_subsets(20, 6, 5, seed=0)
    counts = redrawn(chosen, seed=0)
    assert (counts.sum(1) == 6).all() and counts.max() > 1
    assert not counts[np.repeat(~chosen, N_OF_EACH, axis=0)].any()
    assert len({tuple(row) for row in counts}) > len(chosen)  # each drawn on its own


def test_pseudo_concepts_drawn_again_differ_from_the_other_images_as_they_are_drawn():
    pooled = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    vectors, others = drawn_again(pooled, 6, 5, seed=0)
    chosen = null_subsets(20, 6, 5, seed=0)
    outside = torch.from_numpy(redrawn(~chosen, 1, 1)).float() @ pooled / 14
    torch.testing.assert_close(others, outside)
    inside = vectors + others  # means of images among its own, drawn with replacement
    for mean, own in zip(inside, chosen, strict=True):
        assert (mean >= pooled[own].amin(0)).all() and (mean <= pooled[own].amax(0)).all()
    assert not torch.allclose(vectors, mean_differences(pooled, chosen))
    again, _ = drawn_again(pooled, 6, 5, seed=0)
    assert torch.equal(vectors, again)


def test_replicates_of_pseudo_concepts_are_raised_by_the_spread_of_their_own_pseudo_concept():
    cavs = Cavs(torch.ones(2, 1), torch.zeros(2), torch.tensor([1.0, 2.0]))
    replicates = Cavs(torch.ones(2 * N_OF_EACH, 1), torch.zeros(2 * N_OF_EACH), torch.ones(2 * N_OF_EACH))
    raised = PseudoConcepts(cavs, replicates, torch.tensor([0.5, 1.0]), torch.ones(4, 1)).raised_to(3.0)
    assert raised.cavs.concept_emblems.tolist() == [2.5, 5.0]
    assert raised.replicates.concept_emblems.tolist() == [2.5] * N_OF_EACH + [4.0] * N_OF_EACH
