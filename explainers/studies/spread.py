"""Means over photos, and how far they scatter between seeds."""

from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

Row = Mapping[str, Any]
CLEAR = 2.0  # a difference of more spreads than this is called one


def averaged(rows: Sequence[Row], by: Sequence[str]) -> list[dict[str, Any]]:
    """One row per distinct values of ``by``, in the order in which they come first: of every other number but ``seed`` and
    ``photo`` its mean over photos and seeds, and as ``<name>_sd`` the standard deviation (n - 1) over seeds of its means over
    photos.

    None counts for nothing: a mean of nothing is None, and so is the spread of fewer than two seeds.
    """
    measures = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in (*by, "seed", "photo")]
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    table = []
    for values, same in groups.items():
        of_group = dict(zip(by, values, strict=True))
        for name in measures:
            of_group |= _mean_and_spread(name, same)
        table.append(of_group)
    return table


def _mean_and_spread(name: str, rows: Sequence[Row]) -> dict[str, float | None]:
    by_seed: dict[Any, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            by_seed.setdefault(row.get("seed", 0), []).append(row[name])
    means = [fmean(values) for values in by_seed.values()]
    return {name: fmean(means) if means else None, f"{name}_sd": stdev(means) if len(means) > 1 else None}


def is_clear(difference: float, *spreads: float | None) -> bool:
    """Whether a difference of two means is more than ``CLEAR`` times their spreads together; without any spread, whether there
    is one at all."""
    together = sum(spread**2 for spread in spreads if spread is not None) ** 0.5
    return abs(difference) > CLEAR * together


def is_clearly_above(row: Row, other: Row, name: str) -> bool:
    """Whether one row's mean of a measure is above another's, by more than their spreads explain."""
    difference = row[name] - other[name]
    return difference > 0 and is_clear(difference, row[f"{name}_sd"], other[f"{name}_sd"])


def measured(row: Row, name: str, digits: int = 3) -> str:
    """A row's mean of a measure with its spread, in words."""
    return in_words(row[name], row[f"{name}_sd"], digits)


def sentences(*parts: tuple[str, Sequence[str]]) -> str:
    """One sentence for each beginning that has anything to name."""
    return " ".join(f"{beginning} {'; '.join(named)}." for beginning, named in parts if named)


def in_words(value: float, spread: float | None, digits: int = 3) -> str:
    """A number as in 0.445 ± 0.004."""
    return f"{value:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")
