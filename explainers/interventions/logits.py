"""The logits under every intervention at every strength, in batches that fit into memory."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from explainers.interventions.settings import UNCHANGED
from explainers.runtime.batches import in_batches
from models.progress import IGNORED, Progress

MAX_NUMBERS = 2**21  # activations that are changed together: 8 MiB, beyond which a CPU's cache no longer helps
MAX_TOGETHER = 64


Change = Callable[[Tensor, Tensor], Tensor]  # indices (B,), tokens (T, C) or (B, T, C): what strength 0 takes away, (B, T, C)


@torch.no_grad()
def logits_under(
    finish: Callable[..., Tensor],
    tokens: Tensor,
    changes: Sequence[Change],
    n_changes: int,
    strengths: Sequence[float],
    progress: Progress = IGNORED,
) -> Tensor:
    """Logits (n_changes, n_strengths, n_classes) of one image's tokens (T, C) under each change at each strength.

    ``changes`` has one for every depth that is changed, shallow first. ``finish`` takes tokens (N, T, C) of the first and, for
    every later depth, what makes tokens (N, T, C) of those that arrive there; it gives logits (N, n_classes). Unchanged tokens
    are finished once, for all. Raises OutOfMemory if not even a single one fits.
    """
    unchanged = finish(tokens[None])[0]
    logits = unchanged.repeat(n_changes, len(strengths), 1)
    places = [n for n, strength in enumerate(strengths) if strength != UNCHANGED]
    pairs = torch.cartesian_prod(torch.arange(n_changes), torch.tensor(places)).view(-1, 2)
    factors = torch.tensor(strengths, dtype=tokens.dtype, device=tokens.device) - UNCHANGED

    def finished(batch: Tensor) -> tuple[Tensor, Tensor]:
        which, place = batch.unbind(1)
        first, *later = (partial(_changed, change, which, factors[place]) for change in changes)
        return batch, finish(first(tokens), *later)

    for batch, of_batch in in_batches(finished, pairs, together(tokens), progress):
        logits[batch[:, 0], batch[:, 1]] = of_batch
        progress.report(float(batch[-1, 0] + 1) / n_changes)
    return logits


def _changed(change: Change, which: Tensor, factors: Tensor, tokens: Tensor) -> Tensor:
    """Tokens, (T, C) or (B, T, C), under the changes of indices (B,), each times its factor (B,): (B, T, C)."""
    return tokens + factors[:, None, None] * change(which, tokens)


def together(tokens: Tensor) -> int:
    """How many images of these tokens (T, C) are finished in one batch."""
    return max(1, min(MAX_TOGETHER, MAX_NUMBERS // tokens.numel()))
