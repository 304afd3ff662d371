"""Sets of two kinds are told apart too easily at every depth; sets of one kind are not."""

import pytest
import torch

from explainers.visual_tcav.domain import LEAST_ERROR, DomainCheck, expected_error, separation_error


def normal(n: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed)) + shift


def test_sets_far_apart_are_told_without_a_mistake_and_those_of_one_kind_are_not_told():
    assert separation_error(normal(30, 1, 10), normal(50, 2)) == 0
    assert 0.35 < separation_error(normal(200, 1), normal(200, 2)) < 0.65


def test_an_image_is_judged_without_having_been_learnt_from():
    """With more channels than images, whoever judges what was learnt is always right."""
    noise = torch.randn(40, 500, generator=torch.Generator().manual_seed(0))
    assert separation_error(noise[:20], noise[20:]) > 0.25


def test_neither_order_nor_scale_of_channels_matters():
    concept, random = normal(12, 3, 1), normal(30, 4)
    scales = torch.tensor([1, 10, 0.1, 5, 2, 100.0])
    expected = separation_error(concept, random)
    assert separation_error(concept.flip(0) * scales, random * scales) == pytest.approx(expected)


def test_a_channel_that_never_changes_tells_nothing():
    concept, random = normal(12, 3, 1), normal(30, 4)
    with_constant = [torch.cat([pooled, torch.full((len(pooled), 1), 7.0)], 1) for pooled in (concept, random)]
    assert separation_error(*with_constant) == pytest.approx(separation_error(concept, random), abs=0.02)


def test_what_is_expected_is_the_easiest_quarter_of_the_counterpart():
    """A counterpart of two heaps: the smaller one is told from the rest without a mistake. A single heap has no such quarter."""
    assert expected_error(torch.cat([normal(10, 1, 20), normal(30, 2)])) == 0
    assert expected_error(normal(80, 5)) > 0.005


def test_the_ratio_is_over_all_depths_so_one_easy_depth_says_little():
    check = DomainCheck((0, 1), (0.1, 0.0), (0.1, 0.1), one_is_rendered=False)
    assert check.ratio == pytest.approx((0.1 * LEAST_ERROR) ** 0.5 / 0.1)
    assert DomainCheck((0, 1), (0.2, 0.02), (0.1, 0.1), False).doubt == "none"
    assert DomainCheck((0, 1), (0.02, 0.02), (0.1, 0.1), False).doubt == "apart"
    assert DomainCheck((0, 1), (0.2, 0.02), (0.1, 0.1), True).doubt == "unproven"
