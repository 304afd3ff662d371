"""How much every point of a path counts in the mean of what was measured at the points. Pure; points are shares in [0, 1].

trapezoids    straight between neighbouring points: the rule of the paper, on its uniform points
smooth_curve  a cubic spline through all points, over the logarithm of the share (ours): refined points lie about evenly there,
              and what LayerNorm makes of the path is smooth

Both say it interval by interval: the mean is the sum over the intervals, and one interval's part alone tells how well the points
describe what happens within it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

Rule = Callable[[Sequence[float]], np.ndarray]  # n points from 0 to 1, in order, to what each counts in each interval, (n - 1, n)

NEAR_ZERO = 1e-3  # shares far below it are spaced evenly as they are, those far above it by their logarithm
_N_NODES = 12  # of the Gauss-Legendre rule between two points: exact to rounding for a cubic over the logarithm


def trapezoids(shares: Sequence[float]) -> np.ndarray:
    """Weights (n - 1, n) of n points from 0 to 1, in order, in every interval between two of them; all sum to 1."""
    lengths = np.diff(shares)
    weights = np.zeros((len(lengths), len(shares)))
    intervals = np.arange(len(lengths))
    weights[intervals, intervals] = weights[intervals, intervals + 1] = lengths / 2
    return weights


def smooth_curve(shares: Sequence[float]) -> np.ndarray:
    """Weights (n - 1, n) of n >= 2 points from 0 to 1, in order, in every interval; all sum to 1, and some may be negative."""
    at = on_logarithm(np.array(shares))
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    halves = np.diff(at) / 2
    since = halves[:, None] * (1 + nodes)  # (n - 1, _N_NODES), from the beginning of each interval
    share_per_place = halves[:, None] * weights * NEAR_ZERO * np.exp(at[:-1, None] + since)
    powers = np.einsum("ij,pij->pi", share_per_place, since ** np.arange(3, -1, -1)[:, None, None])
    return np.einsum("pi,pin->in", powers, CubicSpline(at, np.eye(len(at))).c)  # c: (4, n - 1, n), the cube first


def evenly_between(low: float, high: float, n: int) -> list[float]:
    """n points inside the interval from ``low`` to ``high``, evenly where the smooth curve is drawn."""
    places = np.linspace(*on_logarithm(np.array([low, high])), n + 2)[1:-1]
    return (NEAR_ZERO * np.expm1(places)).tolist()


def on_logarithm(shares: np.ndarray) -> np.ndarray:
    """Where shares (n,) lie on the axis over which the smooth curve is drawn, (n,)."""
    return np.log1p(shares / NEAR_ZERO)
