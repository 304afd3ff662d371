"""What a CAV is worth, and the verdict on it."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.domain import DomainCheck
from explainers.visual_tcav.health import CavHealth, held_out_auc


def test_held_out_auc_of_what_is_apart_and_of_what_is_not():
    near, far = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)), torch.randn(20, 4) + 20
    assert held_out_auc(far, near) == 1.0
    noise = torch.randn(400, 4, generator=torch.Generator().manual_seed(1))
    assert 0.4 < held_out_auc(noise[:200], noise[200:]) < 0.6
    assert np.isnan(held_out_auc(near[:1], near))


@pytest.mark.parametrize(
    ("numbers", "word"),
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
def test_verdicts(numbers, word):
    assert CavHealth(*numbers, n_random=50).verdict.value == word


@pytest.mark.parametrize(
    ("error", "one_is_rendered", "numbers", "word"),
    [
        (0.01, True, (0.99, 0.5, 0.99, 40), "mismatched"),
        (0.01, False, (0.99, 0.5, 0.99, 40), "mismatched"),
        (0.1, True, (0.99, 0.5, 0.99, 40), "unproven"),
        (0.1, True, (0.8, 0.5, 0.99, 40), "unproven"),
        (0.1, False, (0.99, 0.5, 0.99, 40), "sound"),
        (0.01, True, (0.6, 0.5, 0.99, 40), "weak"),
    ],
)
def test_sets_of_two_kinds_are_never_sound(error, one_is_rendered, numbers, word):
    check = DomainCheck((0, 1), (error, error), (0.1, 0.1), one_is_rendered)
    assert CavHealth(*numbers, n_random=50, domain=check).verdict.value == word
