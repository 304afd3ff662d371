"""Finishing a network from one depth, by hand: layouts, gradients, what runs and what is refused."""

import pytest
import torch
from torch import nn

from models.encoder.encoder import Encoder
from models.encoder.heads import Layout
from models.errors import NotACutPoint


def test_layouts_take_a_map_apart():
    tokens = torch.arange(2 * 7 * 3.0).reshape(2, 7, 3)  # one prefix token, a grid of 2 x 3, three channels
    feature_map = Layout("tokens", 1).map_of(tokens, (2, 3))
    assert feature_map.shape == (2, 3, 2, 3)
    assert feature_map[0, :, 0, 0].tolist() == tokens[0, 1].tolist()
    assert feature_map[1, :, 1, 2].tolist() == tokens[1, 6].tolist()
    nhwc = tokens[:, 1:].reshape(2, 2, 3, 3)
    assert torch.equal(Layout("NHWC").map_of(nhwc, (2, 3)), feature_map)


def test_the_gradient_of_a_head_is_that_of_the_whole_network():
    encoder = Encoder.from_timm("test_resnet", seed=4)
    image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    block, kept = encoder.model.layer2, []
    handle = block.register_forward_hook(lambda *call: kept.append(call[-1].requires_grad_()))
    logits = encoder.model(image)
    handle.remove()
    expected = torch.autograd.grad(logits[0, 7], kept[0])[0]
    depth = next(depth.idx for depth in encoder.info.depths if depth.module_name == "layer2")
    head = encoder.head_from(depth)(image)
    activation = head.activation.clone().requires_grad_()
    gradient = torch.autograd.grad(head.logits_of(activation)[0, 7], activation)[0]
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_a_head_of_several_images_gives_each_its_own_logits(architecture):
    encoder = Encoder.from_timm(architecture, seed=4)
    images = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for depth in encoder.cut_points():
        head = encoder.head_from(depth)(images)
        torch.testing.assert_close(head.logits_of(head.activation), encoder.logits(images), rtol=1e-4, atol=1e-5)
        assert head.map_of(head.activation).shape[0] == 3


def test_a_head_does_not_run_what_comes_before_its_depth():
    encoder = Encoder.from_timm("test_vit")
    calls = []
    blocks = encoder.model.blocks
    handles = [module.register_forward_hook(lambda module, *_: calls.append(module)) for module in blocks[0].modules()]
    last = len(blocks) - 1
    encoder.head_from(last)
    calls.clear()
    head = encoder.head_from(last)(torch.zeros(3, 96, 96))
    n_inner_calls = sum(module is blocks[0].attn for module in calls)
    for _ in range(5):
        head.logits_of(head.activation.repeat(4, 1, 1))
    for handle in handles:
        handle.remove()
    assert n_inner_calls == 1 and sum(module is blocks[0].attn for module in calls) == 1


def test_a_bypassed_depth_is_refused_with_the_reason():
    encoder = Encoder.from_timm("hrnet_w18_small")
    with pytest.raises(NotACutPoint, match=r"Depth 2 .*bypasses it"):
        encoder.head_from(2)
    encoder.head_from(0)


def test_one_activation_shared_by_several_calls_of_one_module():
    """A ReLU that serves before and after the tap: its early calls are answered, its late ones compute."""
    encoder = Encoder.from_timm("test_resnet", seed=4)
    shared = nn.ReLU()
    for name, module in list(encoder.model.named_modules()):
        if isinstance(module, nn.ReLU):
            parent = encoder.model.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], shared)
    image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    for depth in encoder.cut_points():
        head = encoder.head_from(depth)(image)
        torch.testing.assert_close(head.logits_of(head.activation), encoder.logits(image))
