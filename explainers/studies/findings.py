"""What a study gives back: tables, figures, and one sentence that follows from them. Plain data, to JSON and back.

A table has a row per case and a column per measure. The spread of a measure over seeds, its standard deviation, has a column of
its own, which the measure names. Oracle columns are those in whose values the truth took part in choosing; they are marked, so
that nobody reads them beside label-free ones unawares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

Cell = str | int | float | None  # None where a measure does not apply, or is not known


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str  # in JSON and CSV
    title: str
    meaning: str = ""  # on hover
    oracle: bool = False
    spread: str = ""  # the column that holds the spread of this one over seeds
    digits: int = 3
    is_spread: bool = False  # shown beside its measure, not by itself


def measure(name: str, title: str, meaning: str = "", *, oracle: bool = False, digits: int = 3) -> tuple[Column, Column]:
    """The column of a measure, and that of its spread, called ``<name>_sd``."""
    spread = Column(f"{name}_sd", f"{title}, spread", f"Standard deviation over seeds of: {title}.", oracle, is_spread=True)
    return Column(name, title, meaning, oracle, spread.name, digits), spread


@dataclass(frozen=True)
class Table:
    """Rows of the same names."""

    name: str  # of the file
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]

    @classmethod
    def of(cls, name: str, title: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> "Table":
        """From rows that have a value for every column; what they have besides is left out."""
        names = [column.name for column in columns]
        return cls(name, title, tuple(columns), tuple({name: row[name] for name in names} for row in rows))


@dataclass(frozen=True)
class Series:
    """One curve, one set of bars, or one cloud of points."""

    name: str
    xs: tuple[float | str, ...]
    ys: tuple[float | None, ...]
    spreads: tuple[float | None, ...] = ()  # of ys over seeds; () where there is none
    oracle: bool = False  # drawn dashed
    labels: tuple[str, ...] = ()  # of points, on hover


def series_of(name: str, rows: Sequence[Mapping[str, Any]], x: str, y: str) -> Series:
    """The measure ``y`` with its spread over the column ``x``."""
    xs, ys, spreads = (tuple(row[column] for row in rows) for column in (x, y, f"{y}_sd"))
    return Series(name, xs, ys, spreads)


@dataclass(frozen=True)
class Figure:
    """A chart: what stands on its axes, and its series; of a map, one series per row from the top, with its values as ``ys``."""

    name: str  # of the file
    title: str
    kind: Literal["lines", "bars", "points", "map"]
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    guide: float | None = None  # a value of y worth a line across, such as what chance gives


@dataclass(frozen=True)
class Findings:
    """What came out."""

    sentence: str  # one or two, computed from the figures and their spread; what came out against expectation first
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...] = ()


def renamed(findings: Findings, names: Mapping[str, str]) -> Findings:
    """Findings under other names: in every text, the value of ``names`` stands in the place of its key."""
    return _changed(findings, names) if names else findings


def _changed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):  # a name may hold another
            value = value.replace(name, names[name])
        return value
    if isinstance(value, tuple):
        return tuple(_changed(part, names) for part in value)
    if isinstance(value, Mapping):
        return {key: _changed(part, names) for key, part in value.items()}
    if isinstance(value, Column | Table | Series | Figure | Findings):
        return replace(value, **{field.name: _changed(getattr(value, field.name), names) for field in fields(value)})
    return value


def findings_from(record: Mapping[str, Any]) -> Findings:
    """From what JSON holds of it; raises KeyError, TypeError or ValueError where that is something else."""
    tables = [_read(Table, t, columns=[_read(Column, c) for c in t["columns"]]) for t in record["tables"]]
    figures = [_read(Figure, f, series=[_read(Series, s) for s in f["series"]]) for f in record["figures"]]
    return Findings(str(record["sentence"]), tuple(tables), tuple(figures))


def _read(kind: Any, record: Mapping[str, Any], **parts: list) -> Any:
    """A dataclass from its record; lists become tuples, and names that it does not know are passed over."""
    known = get_type_hints(kind)
    values = {name: parts.get(name, value) for name, value in record.items() if name in known}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    if wrong := [name for name, value in values.items() if not fits(value, known[name])]:
        raise TypeError(f"{wrong[0]} of {kind.__name__} is something else")
    return kind(**values)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type as the dataclasses of a result name them."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Literal:
        return value in inner
    if kind is tuple:
        return isinstance(value, tuple) and all(fits(part, inner[0]) for part in value)
    if kind is Mapping:
        return isinstance(value, dict) and all(fits(part, inner[1]) for part in value.values())
    if hint is Any:
        return True
    if inner:  # a union
        return any(fits(value, one_of) for one_of in inner)
    return isinstance(value, int | float if hint is float else hint) and (hint is bool or not isinstance(value, bool))
