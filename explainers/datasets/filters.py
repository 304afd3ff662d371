"""Conditions on what is known of photos: for which photos of an index they hold, as SQL that DuckDB reads over its files, and
as a text that a link can carry.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

Value = str | int | float | bool | None


@dataclass(frozen=True)
class OneOf:
    """A column is one of some values."""

    column: str
    values: tuple[Value, ...]

    @property
    def sql(self) -> str:
        """The condition on photos called p."""
        known = ", ".join(_literal(value) for value in self.values if value is not None)
        conditions = [f"p.{_name(self.column)} IN ({known})"] if known else []
        conditions += [f"p.{_name(self.column)} IS NULL"] if None in self.values else []
        return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"

    def holds(self, photos: pa.Table) -> np.ndarray:
        """For which of n photos it holds, (n,) bool."""
        return np.array([value in self.values for value in photos[self.column].to_pylist()], bool)


@dataclass(frozen=True)
class Between:
    """A column lies between two numbers, both included."""

    column: str
    low: float
    high: float

    @property
    def sql(self) -> str:
        """The condition on photos called p."""
        return f"p.{_name(self.column)} BETWEEN {self.low!r} AND {self.high!r}"

    def holds(self, photos: pa.Table) -> np.ndarray:
        """For which of n photos it holds, (n,) bool; for none of unknown value."""
        values = photos[self.column].to_pylist()
        return np.array([value is not None and self.low <= value <= self.high for value in values], bool)


Condition = OneOf | Between


def holding(conditions: Sequence[Condition], photos: pa.Table) -> np.ndarray:
    """For which of n photos all conditions hold, (n,) bool."""
    holds = np.ones(len(photos), bool)
    for condition in conditions:
        holds &= condition.holds(photos)
    return holds


def as_text(conditions: Sequence[Condition]) -> str:
    """Conditions as JSON, by column; empty where there are none."""
    by_column = {
        condition.column: list(condition.values)
        if isinstance(condition, OneOf)
        else {"from": condition.low, "to": condition.high}
        for condition in conditions
    }
    return json.dumps(by_column, separators=(",", ":"), ensure_ascii=False) if by_column else ""


def read_conditions(text: str) -> tuple[Condition, ...]:
    """What `as_text` wrote; ValueError where it is anything else."""
    try:
        by_column = json.loads(text) if text else {}
        return tuple(_read_condition(column, value) for column, value in by_column.items())
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{text[:60]!r} holds no conditions") from error


def _read_condition(column: str, value: list | dict) -> Condition:
    if isinstance(value, dict):
        return Between(column, float(value["from"]), float(value["to"]))
    if not value or not all(isinstance(one_of, Value) for one_of in value):
        raise ValueError(f"{column!r} has no values")
    return OneOf(column, tuple(value))


def as_sql(conditions: Sequence[Condition], k: int) -> str:
    """How often each of k parts occurs in the photos for which all conditions hold, and what it carries: to be asked in the
    folder of an index."""
    where = "\n  AND ".join([f"r.k = {k}", *(condition.sql for condition in conditions)])
    return (
        "SELECT r.part, count(DISTINCT r.photo) AS photos, count(*) AS regions, avg(r.evidence) AS evidence\n"
        "FROM 'regions/*.parquet' AS r JOIN 'photos/*.parquet' AS p ON r.photo = p.name\n"
        f"WHERE {where}\n"
        "GROUP BY r.part ORDER BY photos DESC, r.part"
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
