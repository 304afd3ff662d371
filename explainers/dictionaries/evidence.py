"""What speaks for a class at every position: gradient times activation of the class's logit, summed over channels.

One backward pass from the depth tells it for any network. Integrated gradients would take tens of them for every photo of a data
set; what counts here is a mean over many photos. Where all that follows the depth is linear, both are the same. A transformer's
LayerNorm takes away the length of an activation, so there the sum over positions need not be the logit: only how it is divided
among positions is used, as shares.

    E   evidence (H, W)        for: max(E, 0)        against: max(-E, 0)        share of a region: its part of the sum of "for"
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def evidence_maps(
    logits_of: Callable[[Tensor], Tensor], activation: Tensor, class_idx: Tensor, map_of: Callable[[Tensor], Tensor]
) -> Tensor:
    """The evidence for one class of every image, (N, H, W).

    ``logits_of`` takes the activations (N, ...) of N images in the block's own layout to logits (N, n_classes), ``map_of`` takes
    such to maps (N, C, H, W); ``class_idx`` (N,) names an output for every image.
    """
    inputs = activation.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = logits_of(inputs.clone())  # a clone: the head may begin with an operation in place
        (gradient,) = torch.autograd.grad(logits.gather(1, class_idx[:, None]).sum(), inputs)
    return map_of(gradient * activation.detach()).sum(1)


def shares(evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What speaks for and what speaks against the class at every position of a map (H, W), as shares of all that speaks for it,
    (H, W) each; all zero where nothing does."""
    speaks_for, against = evidence.clip(0), (-evidence).clip(0)
    total = speaks_for.sum()
    return (speaks_for / total, against / total) if total > 0 else (np.zeros_like(evidence), np.zeros_like(evidence))
