"""What can be read off activations by a straight line: ridge regression on some images, judged on others.

    numbers   R2 on the others: 1 is exact, 0 no better than the mean, negative worse than that
    choices   balanced accuracy on the others: the mean over the possible values of how often each is recognised

The strength of the ridge is the one with the smallest error of leaving one image out, in closed form.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 6))  # of the ridge, for activations of unit spread

Array = np.ndarray


@dataclass(frozen=True)
class Line:
    """A fitted read-out: predictions are ``offset + (activations - centre) / spread @ weights``."""

    centre: Array  # (C,)
    spread: Array  # (C,)
    weights: Array  # (C, T)
    offset: Array  # (T,)

    def __call__(self, activations: Array) -> Array:
        """What it reads off activations (N, C), (N, T)."""
        return self.offset + (activations - self.centre) / self.spread @ self.weights


def fit_line(activations: Array, targets: Array) -> Line:
    """The read-out of targets (N, T) from activations (N, C). A channel that never varies tells nothing."""
    centre, spread = activations.mean(0), activations.std(0)
    spread = np.where(spread > 0, spread, np.inf)
    offset = targets.mean(0)
    u, s, vt = np.linalg.svd((activations - centre) / spread, full_matrices=False)
    projected = u.T @ (targets - offset)
    kept = min(
        (s**2 / (s**2 + strength) for strength in STRENGTHS), key=lambda kept: _left_out(u, kept, projected, targets - offset)
    )
    inverse = np.divide(kept, s, out=np.zeros_like(s), where=s > 0)
    return Line(centre, spread, vt.T @ (inverse[:, None] * projected), offset)


def _left_out(u: Array, kept: Array, projected: Array, targets: Array) -> float:
    """Mean squared error of every row when it is left out of the fit; ``kept`` is the share (K,) kept of each column of ``u``."""
    leverage = 1 / len(u) + (u**2) @ kept
    residual = targets - u @ (kept[:, None] * projected)
    return float(
        np.mean((residual / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2)
    )  # an image that is fitted exactly says nothing


def read_number(activations: Array, truth: Array, n_fitted: int) -> float:
    """R2 of numbers (N,) or (N, T), a mean over T, on the images after the first ``n_fitted``; activations (N, C)."""
    truth = truth.reshape(len(truth), -1).astype(float)
    line = fit_line(activations[:n_fitted], truth[:n_fitted])
    rest = truth[n_fitted:]
    residual = ((rest - line(activations[n_fitted:])) ** 2).sum(0)
    total = ((rest - rest.mean(0)) ** 2).sum(0)
    return float(np.mean(1 - residual / total))


def read_choice(activations: Array, truth: Array, n_fitted: int) -> float:
    """Balanced accuracy of choices, integers (N,), on the images after the first ``n_fitted``; activations (N, C)."""
    values = np.unique(truth)
    line = fit_line(activations[:n_fitted], (truth[:n_fitted, None] == values).astype(float))
    rest, predicted = truth[n_fitted:], values[line(activations[n_fitted:]).argmax(1)]
    return float(np.mean([(predicted[rest == value] == value).mean() for value in np.unique(rest)]))


def mean_within(feature_maps: Tensor, inside: Tensor) -> Tensor:
    """Mean activation (N, C) of maps (N, C, h, w) over the pixels that are ``inside`` (N, H, W) bool: a position counts by how
    many of its pixels are."""
    weights = F.interpolate(inside[:, None].float(), size=feature_maps.shape[-2:], mode="area")
    total = weights.sum((2, 3)).clamp_min(torch.finfo(torch.float32).tiny)  # nothing inside gives zeros
    return (feature_maps * weights).sum((2, 3)) / total
