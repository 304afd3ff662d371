"""Normalisation folded into the convolution before it: the same answers and gradients."""

import pytest
import torch
from torch import nn

from models.encoder import heads
from models.encoder.encoder import Encoder
from models.encoder.folding import folded_norms

BATCH_NORMS = ("test_resnet", "test_efficientnet", "mobilenetv2_035", "regnetx_002")  # with activation functions inside or after


def opened(architecture: str) -> Encoder:
    """With random numbers in every parameter and statistic: no norm does nothing."""
    generator = torch.Generator().manual_seed(0)
    encoder = Encoder.from_timm(architecture, num_classes=5)
    for module in encoder.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                tensor += 0.5 * torch.rand(tensor.shape, generator=generator)
    return encoder


def gradients_from(encoder: Encoder, depth: int) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(1))
    head = encoder.head_from(depth)(image)
    activation = head.activation.clone().requires_grad_()
    logits = head.logits_of(activation)
    return logits.detach(), torch.autograd.grad(logits[:, :2].sum(), activation)[0]


@pytest.mark.parametrize("architecture", BATCH_NORMS)
def test_logits_and_gradients_are_those_of_the_network(architecture, monkeypatch):
    encoder = opened(architecture)
    folded = {depth: gradients_from(encoder, depth) for depth in encoder.cut_points()}
    assert any(encoder._taps[depth].short_cut for depth in folded)
    monkeypatch.setattr(heads, "folded_norms", lambda *_: {})
    for depth, (logits, gradient) in folded.items():
        plain_logits, plain_gradient = gradients_from(encoder, depth)
        torch.testing.assert_close(logits, plain_logits, rtol=1e-4, atol=1e-4 * float(plain_logits.abs().max()))
        off = (gradient - plain_gradient).abs().sum() / plain_gradient.abs().sum()
        assert off < 1e-3, depth  # a unit at the corner of its ReLU may fall to either side


def test_norms_do_not_run_where_they_are_folded(monkeypatch):
    encoder = opened("test_resnet")
    depth = min(encoder.cut_points())
    ran = []
    monkeypatch.setattr(torch.nn.functional, "batch_norm", lambda x, *args, **kwargs: ran.append(x) or x)
    head = encoder.head_from(depth)(torch.zeros(3, *encoder.sizes.trial))
    ran.clear()  # of the part before the depth
    head.logits_of(head.activation.clone().requires_grad_())
    assert not ran


def test_what_is_not_differentiated_runs_as_it_stands():
    encoder = opened("test_resnet")
    depth = min(encoder.cut_points())
    image = torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(1))
    head = encoder.head_from(depth)(image)
    assert torch.equal(head.logits_of(head.activation), encoder.logits(image[None]))


def test_a_network_is_left_as_it_was():
    encoder = opened("test_resnet")
    before = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    gradients_from(encoder, min(encoder.cut_points()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.model.state_dict().items())
    assert not any("forward" in vars(module) for module in encoder.model.modules())


class Backwards(nn.Module):
    """Holds its norm after a convolution that it runs after it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm.running_mean += 1


def test_what_learns_or_is_watched_or_does_not_fit_is_left_alone():
    assert not folded_norms(Backwards().train())
    watched = Backwards().eval()
    watched.conv.register_forward_hook(lambda *call: None)
    assert not folded_norms(watched)
    assert not folded_norms(Backwards().eval().half())
    assert not folded_norms(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(3)).eval())
    assert not folded_norms(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)).eval())
    assert len(folded_norms(Backwards().eval())) == 2  # order in which it runs is not looked at: that is tried


def test_a_guess_that_answers_otherwise_is_not_taken(monkeypatch):
    def wrong(model: nn.Module, _made: dict | None = None) -> dict:
        return dict.fromkeys((module for module in model.modules() if isinstance(module, nn.BatchNorm2d)), lambda x: x)

    monkeypatch.setattr(heads, "folded_norms", wrong)
    encoder = opened("test_resnet")
    assert not any(encoder._taps[depth].short_cut for depth in encoder.cut_points()[:-1])
