"""Is it more than chance? P-values against pseudo-concepts (nulls.py), and intervals from bootstrap replicates.

The permutation p-value counts the observed value among its null (Phipson and Smyth 2010). A value that hangs on a few of the
examples is no better than their choice, so it is averaged over the concept's bootstrap replicates. An average of p-values is not
a p-value: under noise it hardly ever comes near 0. So it is taken as a statistic, and the p-value is its rank among the same
statistic of pseudo-concepts, each with replicates of its own (prepivoting, Beran 1988). Several estimates shown together are
corrected after Holm (1979).
"""

from collections.abc import Sequence

import numpy as np

SIGNIFICANCE_LEVEL = 0.05  # a p-value up to here, corrected for how many estimates are shown together, is significant


def p_value(observed: float, null: Sequence[float] | np.ndarray) -> float:
    """Share of values that are at least as large as the observed one, among it and the null (n_null,)."""
    null = np.asarray(null)
    return float((1 + (null >= observed).sum()) / (len(null) + 1))


def calibrated_p_value(observed: float, replicates: np.ndarray, null: np.ndarray, null_replicates: np.ndarray) -> float:
    """The rank of a concept's mean p-value among those of its pseudo-concepts.

    ``replicates`` (n_replicates,) are the concept's; ``null`` (n_null,) and ``null_replicates`` (n_null, n_of_each) the
    pseudo-concepts' and theirs. However many replicates the concept has, they weigh as much beside its own value as those of a
    pseudo-concept: more of them measure the same mean more precisely.
    """
    ordered, n_of_each = np.sort(null), null_replicates.shape[1]
    of_concept = _mean_with(_shares_at_least(np.array(observed), ordered), _shares_at_least(replicates, ordered), n_of_each)
    among_others = (_shares_at_least(null, ordered) * (len(null) + 1) - 1) / len(null)  # a pseudo-concept is not its own null
    of_null = _mean_with(among_others, _shares_at_least(null_replicates, ordered), n_of_each)
    return p_value(-float(of_concept), -of_null)


def _mean_with(own: np.ndarray, replicates: np.ndarray, weight: int) -> np.ndarray:
    """The mean of a p-value (...) and of its replicates' (..., n), which weigh like so many; rounded, so that ties are ties."""
    return ((own + weight * replicates.mean(-1)) / (1 + weight)).round(12)


def _shares_at_least(values: np.ndarray, ordered_null: np.ndarray) -> np.ndarray:
    """The permutation p-value of each value, in the shape of ``values``, against a null in ascending order (n_null,)."""
    return (1 + len(ordered_null) - np.searchsorted(ordered_null, values)) / (len(ordered_null) + 1)


def two_sided_p_value(observed: float, null: Sequence[float] | np.ndarray, centre: float) -> float:
    """Share of values at least as far from ``centre`` as the observed one, among it and the null (n_null,)."""
    return p_value(abs(observed - centre), np.abs(np.asarray(null) - centre))


def holm(p_values: Sequence[float], n_to_come: int = 0) -> tuple[float, ...]:
    """P-values corrected for being several, in the order given; never above 1.

    ``n_to_come`` more are not known yet and count as 1: once they are, no corrected p-value is larger than it was before.
    """
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) + n_to_come - np.arange(len(p_values))) * np.asarray(p_values, float)[order]
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
