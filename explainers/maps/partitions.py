"""Two labellings of the same positions: how they overlap, how alike they are, which label of one is which of the other."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def contingency(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """How many positions carry label i in ``a`` and label j in ``b``, (n, n), for two labellings of one shape."""
    return np.bincount(a.ravel().astype(np.int64) * n + b.ravel(), minlength=n * n).reshape(n, n)


def adjusted_rand_index(a: np.ndarray, b: np.ndarray, n: int) -> float:
    """Agreement of two labellings of one shape with labels below ``n``: 1 for the same partition, about 0 for chance (Hubert,
    Arabie 1985)."""
    return float(adjusted_rand_of(contingency(a, b, n)))


def adjusted_rand_of(tables: np.ndarray) -> np.ndarray:
    """Adjusted Rand index from contingency tables of two labellings each, (..., n, n) counts: (...)."""
    tables = tables.astype(np.float64)
    both, in_a, in_b = _n_pairs(tables).sum((-2, -1)), _n_pairs(tables.sum(-1)).sum(-1), _n_pairs(tables.sum(-2)).sum(-1)
    expected = in_a * in_b / np.maximum(_n_pairs(tables.sum((-2, -1))), 1)
    above = (in_a + in_b) / 2 - expected
    same = above == 0  # both are one single cluster, or all singletons: the same partition
    return np.where(same, 1.0, (both - expected) / np.where(same, 1, above))


def _n_pairs(counts: np.ndarray) -> np.ndarray:
    """How many pairs can be drawn from groups of these sizes."""
    return counts * (counts - 1) / 2


def matched_to(reference: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """For every label below ``n`` the reference label it takes over, (n,): the permutation of range(n) with the largest total
    overlap, for two labellings of one shape."""
    return matching(contingency(reference, labels, n))


def matching(overlap: np.ndarray) -> np.ndarray:
    """For every column of a table of overlaps (n, n) the row it takes over, (n,): the permutation with the largest total."""
    rows, cols = linear_sum_assignment(overlap, maximize=True)
    permutation = np.empty(len(overlap), dtype=np.int64)
    permutation[cols] = rows
    return permutation
