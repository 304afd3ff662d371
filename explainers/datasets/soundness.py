"""Whether what an index holds can be what was written: types of columns, the ranges of their values, the shape of its JSON.

An index lies in a folder that others may write. A part of 2^31 would ask for 16 GB, a photo that is not listed would be no row.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_CELLS = 2**10  # of a map, along one side
MOST_PIXELS = 2**20  # of a photo, along one side
MOST_OF_JSON = 2**63  # of a number in JSON
_HALF_A_LETTER = re.compile("[\ud800-\udfff]")  # JSON can say it, UTF-8 cannot


@dataclass(frozen=True)
class Range:
    """What the values of a column may be."""

    low: float = float("-inf")
    high: float = float("inf")
    may_be_null: bool = False


RANGES = {
    **dict.fromkeys(("name", "photo", "label", "mask", "activation"), Range()),
    **dict.fromkeys(("height", "width", "probability"), Range(0, MOST_PIXELS, may_be_null=True)),
    **dict.fromkeys(("map_height", "map_width"), Range(1, MOST_CELLS)),
    "predicted": Range(0, may_be_null=True),
    "k": Range(1),
    "part": Range(0),
    "n_cells": Range(1, MOST_CELLS**2),
    "evidence": Range(-1e30, 1e30),
    "against": Range(-1e30, 1e30),
    "on_object": Range(0, 1, may_be_null=True),
}


def is_sound(table: pa.Table, schema: pa.Schema, at_most: Mapping[str, float]) -> bool:
    """Whether the columns of a table have the types of a schema and values within their ranges; of the columns in ``at_most``,
    values are at most what stands there."""
    return all(
        _has_type(column.type, schema.field(name).type)
        and _is_within(column, RANGES.get(name, Range(may_be_null=True)), at_most.get(name))
        for name, column in zip(table.column_names, table.columns, strict=True)
    ) and _have_masks(table)


def _has_type(read: pa.DataType, written: pa.DataType) -> bool:
    """Lists of a fixed length may have any length: it is that of the index's space."""
    if pa.types.is_fixed_size_list(written):
        return pa.types.is_fixed_size_list(read) and read.value_type == written.value_type
    return read == written


def _is_within(column: pa.ChunkedArray, allowed: Range, at_most: float | None) -> bool:
    if column.null_count and not allowed.may_be_null:
        return False
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)) or column.null_count == len(column):
        return True
    values = column.drop_null().to_numpy()  # of what is not a number every comparison below is false
    return bool(allowed.low <= values.min() and values.max() <= (allowed.high if at_most is None else at_most))


def _have_masks(table: pa.Table) -> bool:
    """Whether the bits of every region are as many as the cells of its map."""
    if not {"mask", "map_height", "map_width"} <= set(table.column_names):
        return True
    n_cells = table["map_height"].to_numpy().astype(np.int64) * table["map_width"].to_numpy()
    n_bytes = pc.call_function("binary_length", [table["mask"]]).to_numpy()
    return bool((n_bytes == (n_cells + 7) // 8).all())


def is_shaped(value: Any, shape: Any) -> bool:
    """Whether a value of JSON has the keys and the types of a shape: ``{"name": str}`` has these keys and maybe others, ``{...:
    str}`` has any keys, ``[str]`` any length, a tuple is one of several. Numbers are finite, and text can be written."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        parts = (
            [(part, shape[...]) for part in value.values()] if ... in shape else [(value.get(n), of) for n, of in shape.items()]
        )
        return all(is_shaped(part, of) for part, of in parts)
    if isinstance(shape, list):
        return isinstance(value, list) and all(is_shaped(part, shape[0]) for part in value)
    if isinstance(shape, tuple):
        return any(is_shaped(value, one_of) for one_of in shape)
    if shape in (int, float):
        return isinstance(value, int | shape) and not isinstance(value, bool) and abs(value) <= MOST_OF_JSON
    return isinstance(value, shape) and not (shape is str and _HALF_A_LETTER.search(value))
