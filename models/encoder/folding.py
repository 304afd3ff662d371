"""Convolutions that do the normalisation after them as well, for the frozen rest of a network.

Batch normalisation that learns no more is an affine map per channel. Folded into the convolution before it, it costs nothing,
forward and backward, while gradients are taken from a depth on:

    norm(conv(x)) = s * (W x + b - mean) + beta,   s = gamma / sqrt(variance + eps)   per channel
                  = (s W) x + (s (b - mean) + beta)

Which convolution comes before which normalisation is guessed from the order in which a module holds them;
models/encoder/heads.py tries whether the logits stay the same. The folded weights lie channels last, so that torch runs what
follows in that layout, which is the quicker one on processors.
"""

from collections.abc import Callable
from copy import copy
from functools import partial
from itertools import pairwise

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.encoder.watching import is_watched

Forward = Callable[[Tensor], Tensor]
Folded = dict[nn.Module, nn.Module]  # by the convolution


def folded_norms(model: nn.Module, made: Folded | None = None) -> dict[nn.Module, Forward]:
    """What convolutions and the normalisations after them compute instead, (N, C, H, W) each; empty where there are none.

    A convolution is folded when it first runs, and kept in ``made`` for the next call.
    """
    made = {} if made is None else made
    forwards: dict[nn.Module, Forward] = {}
    for parent in model.modules():
        for conv, norm in pairwise(parent.children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and _are_meant(conv, norm):
                forwards |= {conv: partial(_both, made, copy(conv), conv, norm), norm: partial(_activated, norm)}
    return forwards


def _are_meant(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    """Whether the normalisation learns no more and fits the convolution, in full precision, and nobody watches the two."""
    frozen = type(norm) in (nn.BatchNorm2d, BatchNormAct2d) and not norm.training and norm.running_mean is not None
    fits = conv.out_channels == norm.num_features and conv.weight.dtype == torch.float32
    return frozen and fits and not is_watched(conv) and not is_watched(norm)


def _both(made: Folded, untouched: nn.Conv2d, conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """The convolution with the normalisation in it; ``untouched`` is it as it was before it got this forward."""
    if conv not in made:
        folded = fuse_conv_bn_eval(untouched, norm).requires_grad_(requires_grad=False)
        made[conv] = folded.to(memory_format=torch.channels_last)
    return made[conv](x)


def _activated(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """What is left of a normalisation, of any shape: its activation function, if it has one."""
    return norm.act(norm.drop(x)) if isinstance(norm, BatchNormAct2d) else x
