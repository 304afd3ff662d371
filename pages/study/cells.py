"""Cells of a study's table as people read them: a number with its spread behind a ±. Pure functions."""

from collections.abc import Mapping, Sequence

from explainers.studies.findings import Cell, Column, Table
from explainers.studies.spread import in_words


def shown_rows(table: Table, columns: Sequence[Column], oracle: str) -> list[dict[str, str | None]]:
    """Rows by the titles of some columns; ``oracle`` follows the titles of oracle columns."""
    return [{column.title + oracle * column.oracle: shown(row, column) for column in columns} for row in table.rows]


def shown(row: Mapping[str, Cell], column: Column) -> str | None:
    """One cell: its number with as many digits as the column wants; None where there is nothing."""
    value = row[column.name]
    if value is None or isinstance(value, str):
        return value
    spread = row[column.spread] if column.spread else None
    if isinstance(value, int) and spread is None:
        return str(value)
    return in_words(float(value), spread if isinstance(spread, int | float) else None, column.digits)
