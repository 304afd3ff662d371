"""Integrated gradients: how much does every activation contribute to a class, on the way from nothing to what it is?

Source: Sundararajan, Taly, Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, as Visual-TCAV uses them
(arXiv 2411.05698): zero baseline, straight path, trapezoidal rule over n_steps intervals, the logit as target.

    F      activation of a depth in the block's own layout, any shape
    G_t    gradient of the logit at (t / n_steps) F
    G      their trapezoidal mean; attribution = G * F
    completeness gap   how far the attributions' sum is from logit(F) - logit(0)

Only what comes after the tapped activation is run: ``logits_of`` finishes the network from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explainers.runtime.batches import in_batches
from models.errors import BadSettings
from models.progress import IGNORED, Progress

LogitsOf = Callable[[Tensor], Tensor]  # (n, *shape of F) -> (n, n_classes)

CHUNK_SIZE = 26  # points of the path that go through the head together; 51 points make two chunks


@dataclass(frozen=True, eq=False)
class PathGradients:
    """Gradients of some classes along the path, averaged and at its end, and the logits at both ends."""

    class_idx: tuple[int, ...]  # the classes, n_classes of them
    mean: Tensor  # (n_classes, *shape of F): the averaged gradients
    final: Tensor  # (n_classes, *shape of F): the gradients at F itself
    logits: Tensor  # (all classes,) at F
    baseline_logits: Tensor  # (all classes,) at zero
    completeness_gaps: tuple[float, ...]  # abs(sum of attributions - (logit - baseline logit))

    @property
    def logit_changes(self) -> tuple[float, ...]:
        """How much the logit of each of the classes rises from the baseline."""
        return tuple((self.logits - self.baseline_logits)[list(self.class_idx)].tolist())


def integrated_gradients(logits_of: LogitsOf, activation: Tensor, class_idx: int, n_steps: int = 50) -> Tensor:
    """Attribution of every activation to one class, of the same shape as ``activation``, which may be any."""
    return path_gradients(logits_of, activation, [class_idx], n_steps).mean[0] * activation


def path_gradients(
    logits_of: LogitsOf,
    activation: Tensor,
    class_idx: Sequence[int],
    n_steps: int = 50,
    progress: Progress = IGNORED,
    chunk_size: int = CHUNK_SIZE,
) -> PathGradients:
    """Averaged gradients of several classes, which share the forward pass, for an activation of any shape.

    Chunks that do not fit into memory are halved; between chunks, ``progress`` may end the work. Raises BadSettings for a path
    without steps.
    """
    if n_steps < 1:
        raise BadSettings(f"{n_steps} steps make no path. Choose at least 1; 50 is usual.")
    activation = activation.detach()
    shares = torch.linspace(0, 1, n_steps + 1, device=activation.device, dtype=activation.dtype)

    def gradients_at(chunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return chunk, *_gradients(logits_of, activation, chunk, class_idx)

    mean = activation.new_zeros(len(class_idx), *activation.shape)
    chunk_logits: list[Tensor] = []
    for chunk, gradients, logits in in_batches(gradients_at, shares, chunk_size, progress):
        weights = torch.where((chunk == 0) | (chunk == 1), 0.5, 1.0).to(activation.dtype) / n_steps
        mean += torch.einsum("n,cn...->c...", weights, gradients)
        chunk_logits.append(logits.detach())
        final = gradients[:, -1]
    baseline_logits, final_logits = chunk_logits[0][0], chunk_logits[-1][-1]
    changes = (final_logits - baseline_logits)[list(class_idx)]
    sums = (mean * activation).flatten(1).sum(1)
    gaps = tuple((sums - changes).abs().tolist())
    return PathGradients(tuple(class_idx), mean, final.clone(), final_logits, baseline_logits, gaps)


def _gradients(logits_of: LogitsOf, activation: Tensor, shares: Tensor, class_idx: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Gradients (n_classes, n, *shape of F) of the classes' logits at some points of the path, and the logits (n, all)."""
    points = (shares.view(-1, *[1] * activation.ndim) * activation).requires_grad_()
    with torch.enable_grad():
        logits = logits_of(points.clone())  # a clone: the head may begin with an operation in place
        one_by_one = [
            torch.autograd.grad(logits[:, idx].sum(), points, retain_graph=position < len(class_idx) - 1)[0]
            for position, idx in enumerate(class_idx)
        ]
    return torch.stack(one_by_one), logits
