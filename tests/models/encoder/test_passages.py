"""A network from one depth on, changed again at later ones: worked out by hand, in networks of every layout, without a trace."""

import pytest
import torch

from models.encoder.building import Depth
from models.encoder.encoder import Encoder, depths_in_one_pass

LAYOUTS = {"NCHW": "test_resnet", "tokens": "test_vit", "NHWC": "swin_tiny_patch4_window7_224"}


@pytest.fixture(scope="module", params=LAYOUTS, ids=str)
def encoder(request):
    arguments = {"img_size": 64, "window_size": 2} if request.param == "NHWC" else {}
    return Encoder.from_timm(LAYOUTS[request.param], seed=3, **arguments)


@pytest.fixture(scope="module")
def passage(encoder):
    image = torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(0))
    return encoder.passage_through([0, 1, len(encoder.info.depths) - 1])(image)


@torch.no_grad()
def test_what_is_left_as_it_is_changes_nothing(passage):
    tokens = passage.heads[0].tokens[None]
    as_it_was = passage.logits_of_tokens(tokens)
    torch.testing.assert_close(passage.logits_of_tokens(tokens, lambda arriving: arriving, lambda arriving: arriving), as_it_was)
    torch.testing.assert_close(passage.heads[1].logits_of_tokens(passage.heads[1].tokens[None]), as_it_was, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_later_depth_that_is_replaced_decides_alone(passage):
    """Whatever goes in at the first depth, and whatever arrives: the logits are those of what is put there."""
    head = passage.heads[1]
    put = head.tokens[None] * 0.5
    noise = torch.randn_like(passage.heads[0].tokens)[None]
    logits = passage.logits_of_tokens(noise, lambda arriving: put, lambda arriving: arriving)
    torch.testing.assert_close(logits, head.logits_of_tokens(put), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_every_token_arrives_and_no_hook_stays(encoder, passage):
    shapes = []

    def seen(arriving):
        shapes.append(arriving.shape[1:])
        return arriving

    passage.logits_of_tokens(passage.heads[0].tokens.expand(2, -1, -1), seen, seen)
    assert shapes == [head.tokens.shape for head in passage.heads[1:]]
    assert not any(module._forward_hooks for module in encoder.model.modules())


def test_the_depths_of_one_pass():
    pyramid = [Depth(idx, f"stage{idx}", 8, reduction) for idx, reduction in enumerate((2, 4, 8, 16, 32))]
    blocks = [Depth(idx, f"block{idx}", 8, 4) for idx in range(3)]
    assert depths_in_one_pass(pyramid) == (2, 3, 4) and depths_in_one_pass(blocks) == (1, 2)
    assert depths_in_one_pass(blocks[:1]) == (0,) and depths_in_one_pass(pyramid[:2]) == (1,)
