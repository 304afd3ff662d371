"""TCAV on gradients one can check by hand."""

import torch

from explainers.visual_tcav.tcav import sensitivities, tcav_scores


def test_tcav_counts_images_whose_logit_rises():
    gradients = torch.tensor([[[[1.0, 1.0]], [[-1.0, 0.0]]]])  # one class, two channels, two positions
    assert sensitivities(gradients, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist() == [[2.0, -1.0]]
    assert tcav_scores(torch.tensor([[2.0, -1.0], [1.0, 0.0]])).tolist() == [1.0, 0.25]
