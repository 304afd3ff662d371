"""An index on disk: a folder that anybody's tools can read.

    manifest.json             what it was made with and of, and which files belong to it; written last
    dictionary.safetensors    the space and the centroids of the parts, for every k
    photos/, regions/         Parquet shards (shards.py)

Nothing in it depends on when, where or in which order it was made.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load, save

from explainers.datasets.shards import PHOTO_SCHEMA, PHOTOS, REGIONS, region_schema
from explainers.datasets.soundness import is_shaped, is_sound
from explainers.dictionaries.clustering import Dictionary, Space
from models.errors import EncoderscopeError

SCHEMA = "encoderscope/index/1"
MANIFEST, DICTIONARY = "manifest.json", "dictionary.safetensors"
MOST_PARTS = 2**16  # for one k
COLUMN_TYPES = {"bool", "int64", "double", "string"}  # of what the data set's table says of photos

_NO_DICTIONARY = "The dictionary of this index is damaged. Make the index again."
_SHARD = re.compile(r"part-\d{5,}-[0-9a-f]{16}\.parquet")
_SHAPE: dict[str, Any] = {  # of a manifest: what must be there, and of which type
    **{"data": str, "class_names": [str], "module": str, "n_files": int, "encoderscope": str},
    **{"versions": {...: str}, "stability": {...: float}},
    "encoder": {"name": str, "fingerprint": str},
    "settings": {"encoder_name": str, "depth": int, "input_size": int, "dictionary": {"ks": [int], "seed": int}},
    "shards": [str],
}
_LATER: dict[str, Any] = {  # what manifests had from some version on
    "columns": {...: str},
    "sampled_from": {"n_shards": int, "n_files": int},
    "additions": [{"n_files": int, "fit": {...: {"median_before": float, "median_added": float, "far": float}}}],
}


class UnreadableIndex(EncoderscopeError):
    """A folder that holds no whole index."""


@dataclass(frozen=True)
class Index:
    """An index that is there."""

    folder: Path
    manifest: Mapping[str, Any]
    key: str  # the SHA-256 of its manifest

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.manifest["class_names"])

    @property
    def ks(self) -> tuple[int, ...]:
        return tuple(self.manifest["settings"]["dictionary"]["ks"])

    @property
    def middle_k(self) -> int:
        """The number of parts that is shown unless another one is chosen."""
        return self.ks[len(self.ks) // 2]

    @property
    def encoder_name(self) -> str:
        return self.manifest["settings"]["encoder_name"]

    @property
    def columns(self) -> Mapping[str, str]:
        """The type of every further column of the photos, by name: what the data set's table says of them."""
        return self.manifest.get("columns", {})

    @property
    def depth(self) -> int:
        return self.manifest["settings"]["depth"]

    @property
    def input_size(self) -> int:
        """In pixels."""
        return self.manifest["settings"]["input_size"]

    @property
    def region_files(self) -> list[Path]:
        """The files of its regions."""
        return self._paths(REGIONS)

    @cached_property
    def dictionary(self) -> Dictionary:
        """The parts."""
        dictionary = read_dictionary((self.folder / DICTIONARY).read_bytes())
        if not set(self.ks) <= set(dictionary.ks):
            raise UnreadableIndex(_NO_DICTIONARY)
        return dictionary

    @cached_property
    def photos(self) -> pa.Table:
        """What is known of every photo that could be read, without its thumbnail; further columns of the data set last."""
        columns = [name for name in PHOTO_SCHEMA.names if name != "thumbnail"]
        tables = [read_shard(path, columns, optional=list(self.columns)) for path in self._paths(PHOTOS)]
        try:
            table = pa.concat_tables(tables, promote_options="default")
        except (ValueError, TypeError) as error:  # further columns whose types do not go together
            raise UnreadableIndex(_damaged(Path(PHOTOS))) from error
        table = table.filter(table["predicted"].is_valid())
        is_one_each = len(table["name"].unique()) == len(table)
        if not len(table) or not is_one_each or table["predicted"].to_numpy().max() >= len(self.class_names):
            raise UnreadableIndex(_damaged(Path(PHOTOS)))
        return table

    def refused(self) -> dict[str, str]:
        """Why photos of the data set are not in the index, by their names."""
        tables = [read_shard(path, columns=["name", "error"]) for path in self._paths(PHOTOS)]
        table = pa.concat_tables(tables)
        table = table.filter(table["error"].is_valid())
        return dict(zip(table["name"].to_pylist(), table["error"].to_pylist(), strict=True))

    def regions(self, k: int, columns: tuple[str, ...]) -> pa.Table:
        """Some columns of the regions for one k, in the order of the photos, with ``photo_idx``: the row of each one's photo."""
        rows = {name: row for row, name in enumerate(self.photos["name"].to_pylist())}
        wanted = dict.fromkeys(("photo", *columns))
        tables = [read_shard(path, columns=list(wanted), filters=[("k", "=", k)]) for path in self._paths(REGIONS)]
        table = pa.concat_tables(tables)
        names = table["photo"].combine_chunks().dictionary_encode()
        if not set(names.dictionary.to_pylist()) <= rows.keys():
            raise UnreadableIndex(_damaged(Path(REGIONS)))
        of_name = np.array([rows[name] for name in names.dictionary.to_pylist()], np.int32)
        idx = of_name[names.indices.to_numpy()] if len(names) else np.zeros(0, np.int32)
        return table.drop_columns(["photo"]).append_column("photo_idx", pa.array(idx))

    @cached_property
    def labels(self) -> dict[str, str]:
        """The labels of the photos that could be read, by their names; empty where there is none."""
        return dict(zip(self.photos["name"].to_pylist(), self.photos["label"].to_pylist(), strict=True))

    def label_of(self, photo: str) -> str:
        """What a photo is called in short: its label, or its name where it has none."""
        return self.labels[photo] or photo

    def thumbnails(self, names: set[str]) -> dict[str, bytes]:
        """The JPEG bytes of some photos, by their names."""
        kept: dict[str, bytes] = {}
        for path in self._paths(PHOTOS):
            table = read_shard(path, columns=["name", "thumbnail"], filters=[("name", "in", sorted(names))])
            kept |= dict(zip(table["name"].to_pylist(), table["thumbnail"].to_pylist(), strict=True))
        return kept

    def _paths(self, kind: str) -> list[Path]:
        return [self.folder / kind / name for name in self.manifest["shards"]]


def open_index(folder: Path) -> Index:
    """The index in a folder; raises UnreadableIndex where there is none, or a part of it is missing."""
    try:
        content = (folder / MANIFEST).read_bytes()
        manifest = json.loads(content)
        if manifest.get("schema") != SCHEMA:
            raise UnreadableIndex(f"'{folder}' holds an index of another version ({manifest.get('schema')}). Make it anew.")
        if not _is_as_written(manifest):
            raise UnreadableIndex(f"The manifest of the index in '{folder}' is not as it was written. Make the index again.")
        index = Index(folder, manifest, hashlib.sha256(content).hexdigest())
        missing = [name for name in manifest["shards"] for kind in (PHOTOS, REGIONS) if not (folder / kind / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableIndex(f"'{folder}' holds no index. Make one with: python -m explainers index DATA --out DIR.") from error
    if missing or not (folder / DICTIONARY).is_file():
        raise UnreadableIndex(f"The index in '{folder}' lacks files ({', '.join(missing[:3]) or DICTIONARY}). Make it again.")
    return index


def _is_as_written(manifest: Any) -> bool:
    """Whether a manifest has all that is read of it, and names no file but shards."""
    of_later = {name: shape for name, shape in _LATER.items() if isinstance(manifest, dict) and name in manifest}
    if not is_shaped(manifest, _SHAPE | of_later) or not manifest["shards"]:
        return False
    ks = manifest["settings"]["dictionary"]["ks"]
    are_possible = (
        bool(ks) and all(1 <= k <= MOST_PARTS for k in ks) and set(manifest.get("columns", {}).values()) <= COLUMN_TYPES
    )
    return are_possible and all(_SHARD.fullmatch(name) for name in manifest["shards"])


def read_shard(
    path: Path,
    columns: Sequence[str],
    filters: Sequence[tuple[str, str, Any]] | None = None,
    optional: Sequence[str] = (),
) -> pa.Table:
    """Some columns of a file of an index, and what it has of the optional ones; raises UnreadableIndex where it is damaged."""
    try:
        further = set(optional).intersection(pq.read_schema(path).names) if optional else ()
        wanted = [*columns, *sorted(further)]
        table = pq.read_table(path, columns=wanted, filters=None if filters is None else list(filters))
        table.validate(full=True)  # text that is none, for example
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:  # the last two: types that fit no filter
        raise UnreadableIndex(_damaged(path)) from error
    at_most = dict(("part", k - 1) for column, _, k in filters or () if column == "k")
    schema = PHOTO_SCHEMA if path.parent.name == PHOTOS else region_schema(1)
    if not set(columns) <= set(table.column_names) or not is_sound(table.select(columns), schema, at_most):
        raise UnreadableIndex(_damaged(path))
    return table


def _damaged(path: Path) -> str:
    return f"'{Path(path.parent.name) / path.name}' of this index is damaged. Make the index again."


def dictionary_bytes(dictionary: Dictionary, key: str) -> bytes:
    """The content of the file of a dictionary; ``key`` says what it was fitted on."""
    tensors = {"mean": dictionary.space.mean, "axes": dictionary.space.axes}
    tensors |= {f"centroids.{k}": centroids for k, centroids in dictionary.centroids.items()}
    content = {"key": key, "stability": {str(k): value for k, value in dictionary.stability.items()}}
    plain = {name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()}
    return save(plain, {"content": json.dumps(content, sort_keys=True)})


def dictionary_key(content: bytes) -> str:
    """What the dictionary in the bytes of a file was fitted on; raises UnreadableIndex where it holds none."""
    return _content_of(content)["key"]


def read_dictionary(content: bytes) -> Dictionary:
    """The dictionary in the bytes of a file; raises UnreadableIndex where it holds none."""
    try:
        stability = {int(k): float(value) for k, value in _content_of(content)["stability"].items()}
        tensors = load(content)
        centroids = {k: tensors[f"centroids.{k}"] for k in sorted(stability)}
        dictionary = Dictionary(Space(tensors["mean"], tensors["axes"]), centroids, {k: stability[k] for k in centroids})
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise UnreadableIndex(_NO_DICTIONARY) from error
    if not _fits(dictionary):
        raise UnreadableIndex(_NO_DICTIONARY)
    return dictionary


def _fits(dictionary: Dictionary) -> bool:
    """Whether the space and the parts have shapes that belong together, and finite values."""
    mean, axes = dictionary.space.mean, dictionary.space.axes
    if axes.ndim != 2 or mean.shape != axes.shape[:1]:
        return False
    fitting = all(centroids.shape == (k, axes.shape[1]) for k, centroids in dictionary.centroids.items())
    arrays = (mean, axes, *dictionary.centroids.values())
    return fitting and all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)


def _content_of(content: bytes) -> dict[str, Any]:
    """What the header of a file in the format of safetensors says besides its tensors."""
    try:
        n_bytes = int.from_bytes(content[:8], "little")
        return json.loads(json.loads(content[8 : 8 + n_bytes])["__metadata__"]["content"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableIndex(_NO_DICTIONARY) from error
