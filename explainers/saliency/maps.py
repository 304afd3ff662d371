"""Saliency maps of a class at any depth, as Captum computes them.

Grad-CAM               Selvaraju et al., ICCV 2017: channels weighted by the mean gradient of the logit, and summed
integrated gradients   Sundararajan et al., ICML 2017: from zero along a straight path, summed over channels; at the points of the
                       Gauss-Legendre rule, without the refinement of explainers/integrated_gradients

    A   feature map of a depth (1, C, H, W)        P   its prefix tokens (1, n, C); most networks have none

Both are of the logit, and of the positions of the map: what lies on prefix tokens is left out of the picture, though integrated
gradients let them grow from zero as well, so that their sum can be checked. Grad-CAM is kept with its sign: negative values are
not drawn, as in the paper, but say which position goes last.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHUNK_SIZE = 26  # points of the path that go through the network together


class Tail(nn.Module):
    """The network after a depth, from feature map and prefix tokens; the map passes through a module of its own, because Captum
    looks for a module."""

    def __init__(self, logits_of: Callable[[Tensor, Tensor], Tensor], feature_map: Tensor, prefix: Tensor):
        """``logits_of`` takes maps (N, C, H, W) and prefix tokens (N, P, C) to logits (N, n_classes); those of the photo are
        ``feature_map`` (1, C, H, W) and ``prefix`` (1, P, C)."""
        super().__init__()
        self._logits_of = logits_of
        self.inputs = feature_map.detach().clone().requires_grad_(), prefix.detach().clone().requires_grad_()
        self.tap = nn.Identity()

    def forward(self, maps: Tensor, prefix: Tensor) -> Tensor:
        """Logits (N, n_classes) of feature maps (N, C, H, W) with prefix tokens (N, P, C)."""
        return self._logits_of(self.tap(maps), prefix)


@dataclass(frozen=True, eq=False)
class PlainGradients:
    """Plain integrated gradients, and by how much they miss what they should add up to."""

    values: np.ndarray  # (H, W)
    gap_share: float  # completeness gap as a share of the logit's change


def _methods() -> Any:
    """Captum's methods of attribution, imported when they are first used: they bring matplotlib along."""
    from captum import attr

    return attr


@torch.enable_grad()
def grad_cam(tail: Tail, class_idx: int) -> np.ndarray:
    """Grad-CAM of a class, (H, W), with its sign."""
    values = _methods().LayerGradCam(tail, tail.tap).attribute(tail.inputs, target=class_idx)
    return values[0, 0].detach().cpu().numpy()


@torch.enable_grad()
def plain_gradients(tail: Tail, class_idx: int, n_steps: int) -> PlainGradients:
    """Integrated gradients of a class at ``n_steps`` points, summed over channels to (H, W)."""
    path = {"baselines": (0, 0), "n_steps": n_steps, "internal_batch_size": CHUNK_SIZE, "return_convergence_delta": True}
    method = _methods().IntegratedGradients(tail)
    (on_map, on_prefix), missed = method.attribute(tail.inputs, target=class_idx, **path)
    on_map, on_prefix, gap = on_map.detach(), on_prefix.detach(), float(missed.detach()[0])
    change = float(on_map.sum() + on_prefix.sum()) - gap
    return PlainGradients(on_map[0].sum(0).float().cpu().numpy(), abs(gap / change) if change else float(gap != 0))
