"""P-values of sums over the photos of a class when photos change places at random: any number of tests in bounded memory.

    s_ip   share of photo i on part p        n_c   photos of class c        T_cp   sum of s_ip over these

A permutation gives class c the shares of n_c photos drawn without replacement, so only draws of the largest class are needed, and
the first n_c of them serve a class of n_c photos. Of a class with more than half of all photos, the others are drawn instead.

As many permutations are drawn as Holm needs to be able to find something at all. What is clearly chance needs fewer: a test that
STOP_AT permutations reach in the first quarter is left at that (a sequential Monte Carlo test, Besag and Clifford 1991); after
Holm its p-value is then above any significance level unless nearly everything is significant.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.progress import IGNORED, Progress

LEAST_NULL = 999
STOP_AT = 100  # permutations that reach the observed sum: the p-value is known to a tenth
MAX_VALUES = 2**22  # sums in memory at a time, and photos that are summed
MAX_PLACES = 2**24  # of photos in all permutations that are drawn at a time
_ROUNDING = 1e-6  # of the mean share over all photos: sums that differ by less are tied


def permutation_p_values(
    shares: np.ndarray, predicted: np.ndarray, classes: Sequence[int], seed: int, progress: Progress = IGNORED
) -> np.ndarray:
    """One-sided p-values (n_classes, k) of shares (n, k), predicted classes being (n,)."""
    n, k = shares.shape
    if not len(classes):
        return np.ones((0, k))
    n_null = max(LEAST_NULL, math.ceil(2 * len(classes) * k / SIGNIFICANCE_LEVEL))
    counts, observed, sign = _observed(shares, predicted, classes)
    at_least, n_drawn = np.ones(observed.shape, np.int64), np.zeros(observed.shape, np.int64)
    alive, done, generator = np.ones(observed.shape, bool), 0, np.random.default_rng(seed)
    orders = np.zeros((n, 0), np.int32)
    while done < n_null and alive.any():
        progress.report(done / n_null, f"Comparing with {n_null} permutations")
        rows, parts = np.nonzero(alive)
        columns, of_part = np.unique(parts, return_inverse=True)
        sizes, of_row = np.unique(counts[rows], return_inverse=True)
        n_at_a_time = _permutations_at_a_time(n, max(sizes[-1], len(sizes) * len(columns), len(rows)))
        if n_at_a_time >= 2 * orders.shape[1]:
            orders = np.tile(np.arange(n, dtype=np.int32)[:, None], n_at_a_time)
        shuffle_first(orders, int(sizes[-1]), generator)
        drawn = orders[:, : n_null - done]
        sums = sums_of_first(shares[:, columns].astype(np.float32), drawn, sizes)
        reached = sums[:, of_row, of_part] * sign[rows] >= observed[rows, parts]
        at_least[rows, parts] += reached.sum(0)
        done += drawn.shape[1]
        n_drawn[rows, parts] = done
        if LEAST_NULL <= done <= n_null / 4:
            alive &= at_least <= STOP_AT
    return at_least / (n_drawn + 1)


def _permutations_at_a_time(n: int, n_values: int) -> int:
    """How many permutations of n places there is memory for, when each gives so many numbers."""
    return max(1, min(LEAST_NULL, MAX_PLACES // n, MAX_VALUES // n_values))


def _observed(shares: np.ndarray, predicted: np.ndarray, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per class how many photos are drawn, (n_classes,); the sums to reach, (n_classes, k); and -1 where the others are drawn
    instead, (n_classes,)."""
    members = (predicted[None] == np.array(classes)[:, None]).astype(np.float32)  # (n_classes, n)
    counts = members.sum(1).astype(int)
    sign = np.where(counts > len(predicted) / 2, -1, 1)
    sums = members @ shares.astype(np.float32)
    drawn_sums = np.where(sign[:, None] > 0, sums, shares.astype(np.float32).sum(0) - sums)
    counts = np.where(sign > 0, counts, len(predicted) - counts)
    return counts, drawn_sums * sign[:, None] - _ROUNDING * len(predicted), sign


def shuffle_first(orders: np.ndarray, n_first: int, generator: np.random.Generator) -> None:
    """Makes the first ``n_first`` places of every column of permutations (n, m) a fresh draw without replacement, in place."""
    n, m = orders.shape
    if 8 * n_first > n:
        generator.permuted(orders, axis=0, out=orders)
        return
    flat, columns = orders.reshape(-1), np.arange(m)
    others = generator.integers(np.arange(n_first)[:, None], n, (n_first, m))
    for place, other in enumerate(others * m + columns):  # Fisher and Yates, all columns together
        drawn = flat[other]
        flat[other] = orders[place]
        orders[place] = drawn


def sums_of_first(shares: np.ndarray, orders: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sums (m, n_sizes, k) over the first photos of every order (n, m), as many as each of some ascending sizes says, of shares
    (n, k)."""
    m, n_first = orders.shape[1], int(sizes[-1])
    starts = np.concatenate([[0], sizes[:-1]])
    ends = np.append(np.add.outer(n_first * np.arange(m), starts), m * n_first)  # of one piece, and where the next begins
    drawn = orders[:n_first].T.ravel()
    pieces = csr_array((np.ones(len(drawn), shares.dtype), drawn, ends), (m * len(sizes), len(shares))) @ shares
    return np.cumsum(pieces.reshape(m, len(sizes), -1), axis=1)
