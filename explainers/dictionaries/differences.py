"""Which parts carry more of the evidence for a class with one encoder than with another, beyond chance.

    s, t    share of the evidence for the class on a part, in a photo, with the first and the second encoder
    d       mean of t - s over the photos that both predict as the class: the rank of part and class. Shares compete: where the
            second encoder gains on one part it loses on others, so gains stand first and losses last

The null exchanges both encoders in photos at random: all parts of a photo change sign together. P-values are two-sided, Holm over
all parts and classes. Beside it each encoder alone is tested as in ranking.py: both carry evidence there, or only either.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from explainers.dictionaries.permutations import LEAST_NULL
from explainers.dictionaries.ranking import MIN_PHOTOS, N_BOOTSTRAP, PartEvidence, classes_to_test, rank_parts
from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, holm
from models.progress import IGNORED, Progress

Carried = Literal["both", "only first", "only second", "neither"]
_AT_A_TIME = 2**22  # signs that are drawn together
_ROUNDING = 1e-6  # of the mean share: sums that differ by less are tied


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one encoder makes of n photos and k joint parts."""

    predicted: np.ndarray  # (n,): class indices
    shares: np.ndarray  # (n, k): of the evidence for the class that is predicted


@dataclass(frozen=True)
class PartDifference:
    """One joint part for one class, with two encoders."""

    class_idx: int
    part: int
    first: float  # mean share of the evidence, in photos that both predict as the class
    second: float
    difference: float  # second less first
    interval: tuple[float, float]  # of the difference: the middle 95 % of bootstrap replicates over photos
    presence: float  # share of these photos that have the part
    n_photos: int  # that both predict as the class
    p_value: float
    corrected_p_value: float  # after Holm over all parts and classes
    carried: Carried  # by which encoder the part carries more for the class than for others, by more than chance

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over everything tested together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def classes_of_both(first: np.ndarray, second: np.ndarray) -> list[int]:
    """The classes that both encoders predict for enough of the same photos, and either not for enough others; (n,) class indices
    each."""
    agreed, counts = np.unique(first[first == second], return_counts=True)
    of_each = set(classes_to_test(first)) & set(classes_to_test(second))
    return [int(idx) for idx, n in zip(agreed, counts, strict=True) if n >= MIN_PHOTOS and int(idx) in of_each]


def rank_differences(
    first: Evidence, second: Evidence, present: np.ndarray, seed: int, progress: Progress = IGNORED
) -> list[PartDifference]:
    """Every part for every class that can be tested, where the second encoder gains most first; ``present`` (n, k) says which
    photos have which part."""
    classes = classes_of_both(first.predicted, second.predicted)
    carried = _carried(first, second, present, classes, seed, progress)
    n_tests, rows = len(classes) * present.shape[1], []
    for n, idx in enumerate(classes):
        progress.report(n / len(classes), f"Comparing {n_tests} pairs of part and class")
        within = (first.predicted == idx) & (second.predicted == idx)
        differences = second.shares[within] - first.shares[within]
        p_values = exchanged_p_values(differences, _n_null(n_tests), seed + n)
        replicates = bootstrap_counts(len(differences), N_BOOTSTRAP, seed) @ differences / len(differences)
        for part, p_value in enumerate(p_values):
            rows.append(
                PartDifference(
                    class_idx=idx,
                    part=part,
                    first=float(first.shares[within, part].mean()),
                    second=float(second.shares[within, part].mean()),
                    difference=float(differences[:, part].mean()),
                    interval=confidence_interval(replicates[:, part]),
                    presence=float(present[within, part].mean()),
                    n_photos=int(within.sum()),
                    p_value=float(p_value),
                    corrected_p_value=1.0,
                    carried=carried[idx, part],
                )
            )
    return _corrected(rows)


def _n_null(n_tests: int) -> int:
    """Exchanges to draw: the smallest possible p-value, after Holm, is an eighth of the significance level."""
    return max(LEAST_NULL, math.ceil(8 * n_tests / SIGNIFICANCE_LEVEL))


def exchanged_p_values(differences: np.ndarray, n_null: int, seed: int) -> np.ndarray:
    """Two-sided p-values (k,) of the sums of paired differences (n, k), whose rows change sign at random."""
    observed = np.abs(differences.sum(0)) - _ROUNDING * len(differences)
    at_least, generator = np.ones(differences.shape[1]), np.random.default_rng([seed, 3])
    at_a_time = max(1, _AT_A_TIME // max(differences.shape))
    for start in range(0, n_null, at_a_time):
        signs = generator.integers(0, 2, (min(at_a_time, n_null - start), len(differences)), dtype=np.int8) * 2.0 - 1
        at_least += (np.abs(signs @ differences) >= observed).sum(0)
    return at_least / (n_null + 1)


def _carried(
    first: Evidence, second: Evidence, present: np.ndarray, classes: Sequence[int], seed: int, progress: Progress
) -> dict[tuple[int, int], Carried]:
    """By class and part, which encoder's evidence is there more than chance gives."""
    ranked = [rank_parts(of.shares, present, of.predicted, classes, seed, progress) for of in (first, second)]
    by_first, by_second = ({_place(row) for row in rows if row.significant} for rows in ranked)
    who: dict[tuple[bool, bool], Carried] = {
        (True, True): "both",
        (True, False): "only first",
        (False, True): "only second",
        (False, False): "neither",
    }
    return {_place(row): who[_place(row) in by_first, _place(row) in by_second] for row in ranked[0]}


def _place(row: PartEvidence) -> tuple[int, int]:
    return row.class_idx, row.part


def _corrected(rows: Sequence[PartDifference]) -> list[PartDifference]:
    corrected = holm([row.p_value for row in rows])
    with_holm = [replace(row, corrected_p_value=value) for row, value in zip(rows, corrected, strict=True)]
    return sorted(with_holm, key=lambda row: (-row.difference, row.class_idx, row.part))
