"""How much every point of a path counts in the mean of what was measured at the points. Pure; points are shares in [0, 1].

trapezoidal   straight between neighbouring points: the rule of the paper, on its uniform points
smooth        a cubic spline through all points, over the logarithm of the share (ours): refined points lie about evenly there,
              and what LayerNorm makes of the path is smooth
"""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

NEAR_ZERO = 1e-3  # shares far below it are spaced evenly as they are, those far above it by their logarithm
_N_NODES = 12  # of the Gauss-Legendre rule between two points: exact to rounding for a cubic over the logarithm


def trapezoidal(shares: Sequence[float]) -> np.ndarray:
    """Weights (n,) of n points from 0 to 1, in order; they sum to 1."""
    ends = np.array([shares[0], *shares, shares[-1]])
    return (ends[2:] - ends[:-2]) / 2


def smooth(shares: Sequence[float]) -> np.ndarray:
    """Weights (n,) of n >= 2 points from 0 to 1, in order; they sum to 1, and some may be negative."""
    at = np.log1p(np.array(shares) / NEAR_ZERO)
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    halves, middles = np.diff(at) / 2, (at[1:] + at[:-1]) / 2
    places = middles[:, None] + halves[:, None] * nodes  # (n - 1, _N_NODES)
    share_per_place = halves[:, None] * weights * NEAR_ZERO * np.exp(places)
    return np.einsum("ij,ijn->n", share_per_place, CubicSpline(at, np.eye(len(at)))(places))
