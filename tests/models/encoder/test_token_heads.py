"""The last block for the tokens that are read alone: the same answers and gradients, for less work."""

import pytest
import timm
import torch
from torch import Tensor, nn

from models.encoder import heads
from models.encoder.encoder import Encoder
from models.encoder.folding import folded_norms
from models.encoder.token_heads import short_cuts

SMALL = {"embed_dim": 24, "depth": 3, "num_heads": 3, "num_classes": 5}
READ_FROM_PREFIX = {
    "class token": ("vit_tiny_patch16_224", {}),
    "no bias": ("vit_tiny_patch16_224", {"qkv_bias": False}),
    "normed queries and keys": ("vit_tiny_patch16_224", {"qk_norm": True}),
    "normed attention": ("vit_tiny_patch16_224", {"scale_attn_norm": True}),
    "layer scale": ("vit_tiny_patch16_224", {"init_values": 0.5}),
    "registers": ("vit_tiny_patch16_224", {"reg_tokens": 2}),
    "two class tokens": ("deit_tiny_distilled_patch16_224", {}),
}
READ_OTHERWISE = {
    "mean of the tokens": ("vit_tiny_patch16_224", {"global_pool": "avg"}),
    "mean with the class token": ("vit_tiny_patch16_224", {"global_pool": "avg", "pool_include_prefix": True}),
    "attention pool": ("vit_tiny_patch16_224", {"global_pool": "map", "class_token": False}),
    "differential attention": ("vit_tiny_patch16_224", {"attn_layer": "diff", "num_heads": 2}),
    "another block": ("beit_base_patch16_224", {"img_size": 64}),
    "no transformer": ("test_resnet", {}),
}


def opened(architecture: str, model_args: dict) -> Encoder:
    """With random numbers in every parameter: no bias, norm or scale does nothing."""
    size = SMALL if architecture != "test_resnet" else {}
    encoder = Encoder.from_timm(architecture, **{**size, **model_args})
    generator = torch.Generator().manual_seed(0)
    for parameter in encoder.model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return encoder


def images_for(encoder: Encoder) -> Tensor:
    return torch.randn(2, 3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(1))


def plain(encoder: Encoder, depth: int, images: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From the whole network: the depth's activation, the logits, and the gradient of the weighted logits."""
    kept = []
    module = encoder.model.get_submodule(encoder.info.depths[depth].module_name)
    handle = module.register_forward_hook(lambda *call: kept.append(call[-1].requires_grad_()))
    logits = encoder.model(images)
    handle.remove()
    return kept[0].detach(), logits.detach(), torch.autograd.grad((logits * weights).sum(), kept[0])[0]


def n_tokens_seen(module: nn.Module, work) -> list[tuple[int, ...]]:
    """(N, tokens) of every input of the module meanwhile."""
    seen = []
    handle = module.register_forward_pre_hook(lambda _module, inputs: seen.append(tuple(inputs[0].shape[:2])))
    work()
    handle.remove()
    return seen


@pytest.mark.parametrize(("architecture", "model_args"), READ_FROM_PREFIX.values(), ids=READ_FROM_PREFIX)
def test_logits_and_gradients_are_those_of_the_whole_network(architecture, model_args):
    encoder = opened(architecture, model_args)
    images, weights = images_for(encoder), torch.randn(2, 5, generator=torch.Generator().manual_seed(2))
    for depth in range(3):
        expected_activation, expected_logits, expected_gradient = plain(encoder, depth, images, weights)
        head = encoder.head_from(depth)(images[0])
        assert encoder._taps[depth].short_cut
        activation = expected_activation.requires_grad_()
        logits = head.logits_of(activation)
        gradient = torch.autograd.grad((logits * weights).sum(), activation)[0]
        torch.testing.assert_close(logits, expected_logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-5 * float(expected_gradient.abs().max()))


@pytest.mark.parametrize(("architecture", "model_args"), READ_FROM_PREFIX.values(), ids=READ_FROM_PREFIX)
def test_the_last_block_works_on_prefix_tokens_alone(architecture, model_args):
    encoder = opened(architecture, model_args)
    head = encoder.head_from(0)(images_for(encoder)[0])
    n_prefix_tokens = encoder.info.n_prefix_tokens
    before, last = encoder.model.blocks[1:]

    def finish() -> torch.Tensor:
        return head.logits_of(head.activation.repeat(4, 1, 1))

    for module in (last.mlp.fc1, last.mlp.fc2, last.norm2, last.attn.proj):
        assert n_tokens_seen(module, finish) == [(4, n_prefix_tokens)]
    assert n_tokens_seen(before.mlp.fc1, finish) == [(4, head.activation.shape[1])]


def test_from_the_last_block_itself_nothing_is_left_out():
    encoder = opened(*READ_FROM_PREFIX["class token"])
    head = encoder.head_from(2)(images_for(encoder)[0])
    assert n_tokens_seen(encoder.model.norm, lambda: head.logits_of(head.activation)) == [(1, head.activation.shape[1])]


@pytest.mark.parametrize(("architecture", "model_args"), READ_OTHERWISE.values(), ids=READ_OTHERWISE)
def test_networks_that_read_otherwise_are_finished_whole(architecture, model_args):
    encoder = opened(architecture, model_args)
    images = images_for(encoder)
    assert short_cuts(encoder.model) == {}
    for depth in encoder.cut_points():
        head = encoder.head_from(depth)(images[0])
        assert folded_norms(encoder.model) or not encoder._taps[depth].short_cut
        torch.testing.assert_close(head.logits_of(head.activation), encoder.logits(images[:1]), rtol=1e-4, atol=1e-4)


def test_who_watches_the_attention_sees_it_run():
    encoder = opened(*READ_FROM_PREFIX["class token"])
    head = encoder.head_from(0)(images_for(encoder)[0])
    last = encoder.model.blocks[-1]
    for module in (last, last.attn, last.attn.qkv):
        seen = n_tokens_seen(module, lambda: head.logits_of(head.activation))
        assert seen == [tuple(head.activation.shape[:2])]
    assert short_cuts(encoder.model)


def test_an_attention_of_another_kind_is_left_alone():
    model = timm.create_model("vit_tiny_patch16_224", **SMALL).eval()
    attention = model.blocks[-1].attn
    attention.__class__ = type("SubclassOfAttention", (type(attention),), {})
    assert short_cuts(model) == {}


def test_a_network_in_training_is_left_alone():
    model = timm.create_model("vit_tiny_patch16_224", **SMALL)
    assert short_cuts(model.eval()) and not short_cuts(model.train())


def _fails(_tokens: Tensor) -> Tensor:
    raise AttributeError("a timm that is not this one")


@pytest.mark.parametrize("wrong", [lambda tokens: 0.99 * tokens, lambda tokens: tokens[:, :0], lambda tokens: tokens / 0, _fails])
def test_a_short_cut_that_answers_otherwise_is_not_taken(wrong, monkeypatch):
    monkeypatch.setattr(heads, "short_cuts", lambda model: {model.blocks[-1]: wrong})
    encoder = opened(*READ_FROM_PREFIX["class token"])
    images = images_for(encoder)
    for depth in range(2):
        head = encoder.head_from(depth)(images[0])
        assert folded_norms(encoder.model) or not encoder._taps[depth].short_cut
        torch.testing.assert_close(head.logits_of(head.activation), encoder.logits(images[:1]), rtol=1e-4, atol=1e-5)
