"""Captum's maps of networks whose gradients are known by heart."""

import numpy as np
import pytest
import torch

from explainers.saliency.maps import Tail, grad_cam, plain_gradients

MAPS = torch.tensor([[[[1.0, 2.0], [0.0, 4.0]], [[3.0, 0.0], [1.0, 1.0]]]])  # (1, 2, 2, 2)
WEIGHTS = torch.tensor([[2.0, -1.0], [0.5, 1.0]])  # (classes, channels)
NO_PREFIX = torch.zeros(1, 0, 2)


def linear(maps, prefix):
    return maps.sum((2, 3)) @ WEIGHTS.T + 0 * prefix.sum((1, 2))[:, None]


def squares(maps, prefix):
    return maps.square().sum((2, 3)) + 0 * prefix.sum((1, 2))[:, None]


def of_a_linear_network(prefix=NO_PREFIX, logits_of=linear) -> Tail:
    return Tail(logits_of, MAPS, prefix)


def test_grad_cam_of_a_linear_network_is_its_weights_times_the_map():
    expected = 2 * MAPS[0, 0] - MAPS[0, 1]
    np.testing.assert_allclose(grad_cam(of_a_linear_network(), 0), expected)  # with its sign: the paper's is its positive part


def test_integrated_gradients_of_a_linear_network_are_exact():
    plain = plain_gradients(of_a_linear_network(), 1, 5)
    np.testing.assert_allclose(plain.values, 0.5 * MAPS[0, 0] + MAPS[0, 1], rtol=1e-5)
    assert plain.gap_share == pytest.approx(0, abs=1e-6)


def test_integrated_gradients_of_a_square_are_the_square():
    plain = plain_gradients(of_a_linear_network(logits_of=squares), 0, 3)
    np.testing.assert_allclose(plain.values, MAPS[0, 0] ** 2, rtol=1e-5)


def test_prefix_tokens_count_in_the_sum_and_not_on_the_map():
    prefix = torch.tensor([[[5.0, 0.0]]])
    tail = of_a_linear_network(prefix, lambda maps, tokens: linear(maps, tokens) + 3 * tokens.sum((1, 2))[:, None])
    plain = plain_gradients(tail, 0, 5)
    np.testing.assert_allclose(plain.values, 2 * MAPS[0, 0] - MAPS[0, 1], rtol=1e-5)
    assert plain.gap_share == pytest.approx(0, abs=1e-6)  # though the map's values alone are 15 short


def test_a_network_is_left_without_hooks():
    tail = of_a_linear_network()
    grad_cam(tail, 0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tail.modules())
