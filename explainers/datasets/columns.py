"""What a table says of photos besides their files: label, split, and further columns, which an index keeps.

A further column has one type over the whole data set: bool, int64, double, or string for anything else and for mixtures.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from explainers.datasets.items import Item, UnreadableData, Value
from explainers.datasets.shards import PHOTO_SCHEMA

FILE_COLUMNS = ("file", "file_name", "filename", "path", "image")
OWN = ("label", "split")
MAX_COLUMNS = 256
_RANK = {"bool": 0, "int64": 1, "double": 2, "string": 3}
_INT64 = range(-(2**63), 2**63)


def with_columns(item: Item, said: Mapping[str, Any]) -> Item:
    """A photo with what a table says of it; what it does not say stays as it was."""
    further = tuple((_own_name(name), _plain(value)) for name, value in said.items() if name not in (*OWN, *FILE_COLUMNS))
    return replace(
        item,
        label=text(said["label"]) if said.get("label") is not None else item.label,
        split=text(said["split"]) if said.get("split") is not None else item.split,
        columns=further,
    )


def _own_name(column: str) -> str:
    """What a further column is called in an index: one that is called as a column of all indexes has another name there."""
    return f"given_{column}" if column in PHOTO_SCHEMA.names else column


def text(value: Any) -> str:
    """A value as text; empty where there is none."""
    return "" if value is None else str(value)


def _plain(value: Any) -> Value:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def types_of(items: Iterable[Item]) -> dict[str, str]:
    """The type of every further column, by name, in the order of names; raises UnreadableData for too many of them."""
    types: dict[str, str] = {}
    for item in items:
        for name, value in item.columns:
            types[name] = max(types.get(name, "bool"), _type_of(value), key=_RANK.__getitem__)
    if len(types) > MAX_COLUMNS:
        raise UnreadableData(f"The photos have {len(types)} further columns; at most {MAX_COLUMNS} are kept. Leave some out.")
    return dict(sorted(types.items()))


def _type_of(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64" if value in _INT64 else "string"
    return "double" if isinstance(value, float) else "string"


def in_types(items: Sequence[Item], types: Mapping[str, str]) -> list[Item]:
    """The photos with every further column in its type, in the order of names."""
    return [replace(item, columns=tuple(_converted(dict(item.columns), types))) if types else item for item in items]


def _converted(said: Mapping[str, Value], types: Mapping[str, str]) -> Iterable[tuple[str, Value]]:
    for name, kind in types.items():
        value = said.get(name)
        is_missing = value is None or (isinstance(value, float) and math.isnan(value))
        yield name, None if is_missing else _AS[kind](value)


_AS = {"bool": bool, "int64": int, "double": float, "string": str}


def widened(types: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """The types of columns to which photos are added; raises UnreadableData where a column cannot take what is new."""
    for name in types.keys() & before.keys():
        if _RANK[types[name]] > _RANK[before[name]]:
            raise UnreadableData(
                f"The column '{name}' is {before[name]} in the index and {types[name]} in the photos to add. Make them alike."
            )
    return dict(sorted((dict(types) | dict(before)).items()))
