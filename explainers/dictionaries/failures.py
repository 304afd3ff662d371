"""Where a network fails: parts whose photos are predicted wrongly more often than photos without them.

risk ratio   share of errors among photos with the part, over the share among photos without it
interval     of its logarithm, after Katz et al. 1978, with half a photo added to every cell so that it exists
p-value      Fisher's exact test, one-sided; Holm over all parts
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, holm

_WIDTH = 1.959964  # standard errors of a 95 % interval


@dataclass(frozen=True)
class PartFailures:
    """How one part goes with errors."""

    part: int
    n_with: int  # photos that have it
    n_errors_with: int
    n_without: int
    n_errors_without: int
    risk_ratio: float  # with half a photo added to every cell
    interval: tuple[float, float]
    p_value: float
    corrected_p_value: float

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over all parts."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def rank_failures(present: np.ndarray, wrong: np.ndarray) -> list[PartFailures]:
    """Every part of ``present`` (n, k), by the lower end of its risk ratio; ``wrong`` (n,) says which photos are errors."""
    n_with, n_wrong = present.sum(0), int(wrong.sum())
    errors_with = present[wrong].sum(0)
    p_values = hypergeom.sf(errors_with - 1, len(wrong), n_wrong, n_with)
    p_values = np.where((n_with == 0) | (n_with == len(wrong)), 1.0, p_values)
    corrected = holm(p_values.tolist())
    rows = []
    for part in range(present.shape[1]):
        counts = int(n_with[part]), int(errors_with[part]), len(wrong) - int(n_with[part]), n_wrong - int(errors_with[part])
        rows.append(PartFailures(part, *counts, *_risk_ratio(*counts), float(p_values[part]), corrected[part]))
    return sorted(rows, key=lambda row: (-row.interval[0], row.part))


def _risk_ratio(n_with: int, errors_with: int, n_without: int, errors_without: int) -> tuple[float, tuple[float, float]]:
    a, b, c, d = errors_with + 0.5, n_with + 1.0, errors_without + 0.5, n_without + 1.0
    ratio = (a / b) / (c / d)
    spread = float(np.exp(_WIDTH * (1 / a - 1 / b + 1 / c - 1 / d) ** 0.5))
    return ratio, (ratio / spread, ratio * spread)
