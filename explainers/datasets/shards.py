"""Shards: about a thousand photos in two Parquet files each, which anybody's tools can read.

    photos/part-00000-<key>.parquet     a row for every photo; one that cannot be read has a row with its error
    regions/part-00000-<key>.parquet    a row for every region and k, of the photos of the same shard

The key is a hash of all that decides a shard: what the index is made with, and names, labels and hashes of its photos. So a file
of the right name is the right file. The photos of a shard are written after its regions: where they are, the shard is whole.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from explainers.datasets.items import Item
from explainers.datasets.questions import Described
from explainers.datasets.thumbnails import thumbnail
from explainers.dictionaries.regions import Regions, shares_on
from models.files import written_atomically
from models.photo import Photo

PHOTOS, REGIONS = "photos", "regions"
KEY = b"encoderscope"

PHOTO_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("height", pa.int32()),  # px
        ("width", pa.int32()),
        ("predicted", pa.int32()),  # null where the photo could not be read
        ("probability", pa.float32()),
        ("top_classes", pa.list_(pa.int32())),
        ("top_probabilities", pa.list_(pa.float32())),
        ("thumbnail", pa.binary()),  # JPEG
        ("error", pa.string()),
    ]
)


def region_schema(n_components: int) -> pa.Schema:
    """The columns of regions whose mean activations have so many coordinates."""
    whole = [(name, pa.int32()) for name in ("k", "part", "n_cells", "map_height", "map_width", "top", "left", "height", "width")]
    shares = [(name, pa.float32()) for name in ("evidence", "against", "on_object")]
    return pa.schema(
        [("photo", pa.string()), *whole, ("mask", pa.binary()), *shares, ("activation", pa.list_(pa.float16(), n_components))]
    )


@dataclass(frozen=True)
class Known:
    """A photo of the data set by its content."""

    item: Item
    sha256: str  # empty where the file could not be read
    truth: str = ""  # the hash of the file that says where its objects are, if there is one


@dataclass(frozen=True)
class Row:
    """What is written about one photo."""

    photo: dict[str, Any]  # one value a column
    regions: tuple[dict[str, list[Any]], ...] = ()  # one per k: a list a column


@dataclass(frozen=True)
class Shard:
    """One shard by its place and its key."""

    number: int
    key: str
    photos: tuple[Known, ...]
    columns: Mapping[str, str]  # type of each further column, by name

    def path(self, folder: Path, kind: str) -> Path:
        """Where its photos or its regions lie."""
        return folder / kind / f"part-{self.number:05d}-{self.key}.parquet"

    def is_whole(self, folder: Path) -> bool:
        """Whether both of its files are there, and say that they are of this shard."""
        return all(_says(self.path(folder, kind), self.key) for kind in (REGIONS, PHOTOS))


def _says(path: Path, key: str) -> bool:
    try:
        return (pq.read_schema(path).metadata or {}).get(KEY) == key.encode()
    except (OSError, ValueError):
        return False


def shards_of(photos: Sequence[Known], per_shard: int, made_with: str, types: Mapping[str, str], first: int = 0) -> list[Shard]:
    """The photos in shards, by hash and name, whatever order they came in; ``made_with`` is a hash of what decides the rest,
    ``types`` are those of further columns, ``first`` is the number of the first shard."""
    ordered = sorted(photos, key=lambda known: (known.sha256, known.item.name))
    groups = [tuple(ordered[start : start + per_shard]) for start in range(0, len(ordered), per_shard)]
    return [Shard(number, _key(group, made_with, types), group, types) for number, group in enumerate(groups, first)]


def _key(photos: Sequence[Known], made_with: str, columns: Mapping[str, str]) -> str:
    content = [(known.item.name, known.item.label, known.item.split, known.sha256, *known.item.columns) for known in photos]
    truths = [known.truth for known in photos]
    return hash_of([made_with, content, *columns.items(), *(truths if any(truths) else ())])[:16]


def hash_of(content: Any) -> str:
    """The SHA-256 of anything JSON can say."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_shard(shard: Shard, rows: Sequence[Row], folder: Path, n_components: int) -> None:
    """Writes both files of a shard, the photos last."""
    schema = region_schema(n_components)
    regions = [columns for row in rows for columns in row.regions]
    together = {name: [value for columns in regions for value in columns[name]] for name in schema.names}  # in their order
    activations = np.array(together.pop("activation"), np.float16).reshape(-1, n_components)
    arrays = [pa.array(values, schema.field(name).type) for name, values in together.items()]
    arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(activations.ravel()), n_components))
    _write(shard.path(folder, REGIONS), pa.Table.from_arrays(arrays, schema=schema), shard.key)
    further = [(name, pa.type_for_alias(kind)) for name, kind in shard.columns.items()]
    photos = pa.Table.from_pylist([row.photo for row in rows], pa.schema([*PHOTO_SCHEMA, *further]))
    _write(shard.path(folder, PHOTOS), photos, shard.key)


def _write(path: Path, table: pa.Table, key: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file:
        pq.write_table(table.replace_schema_metadata({KEY: key.encode()}), file, compression="zstd")


def unreadable_row(known: Known, error: str) -> Row:
    """A photo that could not be read, and why."""
    return Row(_facts(known) | {"error": error})


def row_of(known: Known, photo: Photo, described: Described, on_object: np.ndarray | None = None) -> Row:
    """A photo that was looked at; ``on_object`` (h, w) says where on its map objects are, if that is known."""
    height, width = photo.shape
    row = {
        "height": height,
        "width": width,
        "predicted": described.class_idx[0],
        "probability": described.probabilities[0],
        "top_classes": described.class_idx,
        "top_probabilities": described.probabilities,
        "thumbnail": thumbnail(photo.pixels),
    }
    regions = (_region_columns(known.item.name, of_k, on_object) for of_k in described.regions.values())
    return Row(_facts(known) | row, tuple(regions))


def _facts(known: Known) -> dict[str, Any]:
    item = known.item
    facts = {"name": item.name, "sha256": known.sha256, "label": item.label, "split": item.split}
    return facts | dict(item.columns)


def _region_columns(name: str, regions: Regions, on_object: np.ndarray | None) -> dict[str, list[Any]]:
    n = len(regions.parts)
    same = {"photo": name, "k": regions.k, "map_height": regions.shape[0], "map_width": regions.shape[1]}
    on = [None] * n if on_object is None else shares_on(regions, on_object).tolist()
    return {
        **{column: [value] * n for column, value in same.items()},
        **dict(zip(("top", "left", "height", "width"), regions.boxes.T.tolist(), strict=True)),
        "part": regions.parts.tolist(),
        "n_cells": regions.n_cells.tolist(),
        "mask": list(regions.masks),
        "evidence": regions.evidence.tolist(),
        "against": regions.against.tolist(),
        "on_object": on,
        "activation": list(regions.activations),
    }
