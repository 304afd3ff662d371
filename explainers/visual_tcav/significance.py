"""Is it more than chance? P-values against pseudo-concepts (nulls.py), and intervals from bootstrap replicates.

The permutation p-value counts the observed value among its null (Phipson and Smyth 2010). It is averaged over the concept's
bootstrap replicates, because a value that hangs on a few of the examples is no better than their choice: without that, up to
9 % of concepts made of noise came out significant at 0.05, those whose images happened to resemble the photo. Several estimates
shown together are corrected after Holm (1979).
"""

from collections.abc import Sequence

import numpy as np

SIGNIFICANCE_LEVEL = 0.05  # a p-value up to here, corrected for how many estimates are shown together, is significant


def p_value(observed: float, null: Sequence[float] | np.ndarray) -> float:
    """Share of values that are at least as large as the observed one, among it and the null (n_null,)."""
    null = np.asarray(null)
    return float((1 + (null >= observed).sum()) / (len(null) + 1))


def mean_p_value(observed: float, replicates: np.ndarray, null: np.ndarray) -> float:
    """The mean p-value of the observed value and of its bootstrap replicates (n_replicates,), against a null (n_null,)."""
    values = np.concatenate([[observed], replicates])
    n_at_least = len(null) - np.searchsorted(np.sort(null), values)  # of the null, (1 + n_replicates,)
    return float(((1 + n_at_least) / (len(null) + 1)).mean())


def two_sided_p_value(observed: float, null: Sequence[float] | np.ndarray, centre: float) -> float:
    """Share of values at least as far from ``centre`` as the observed one, among it and the null (n_null,)."""
    return p_value(abs(observed - centre), np.abs(np.asarray(null) - centre))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for being several, in the order given; never above 1."""
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) - np.arange(len(p_values))) * np.asarray(p_values, float)[order]
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return tuple(corrected.tolist())


def confidence_interval(replicates: Sequence[float] | np.ndarray, coverage: float = 0.95) -> tuple[float, float]:
    """The middle part of bootstrap replicates (n_replicates,) that holds the share ``coverage`` of them."""
    low, high = np.quantile(np.asarray(replicates, float), [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def intervals_apart(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two confidence intervals (low, high) have nothing in common."""
    return a[1] < b[0] or b[1] < a[0]
