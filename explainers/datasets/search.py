"""The regions of an index that are most alike to a query: exact, one product of matrices per shard.

z   mean coordinates of a region (q,)        similarity of two: the cosine of their angle
"""

import heapq
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from explainers.datasets.findings import Hit
from explainers.datasets.index import Index, UnreadableIndex, open_index, read_shard
from explainers.datasets.questions import SearchRegions
from explainers.dictionaries.regions import unpacked
from explainers.runtime.caches import LruCache
from explainers.service.observatory import Observatory
from models.errors import BadSettings
from models.progress import Progress

_COLUMNS = ("photo", "part", "map_height", "map_width", "mask", "evidence")


def search_regions(question: SearchRegions, observatory: Observatory, progress: Progress) -> tuple[Hit, ...]:
    """The regions of the index that are most alike to the query, the most alike first, at most one of a photo."""
    index = open_index(question.folder)
    query = np.array(question.query, np.float32)
    if query.shape != (index.dictionary.space.axes.shape[1],) or not query.any():
        raise BadSettings(
            f"The query has {query.size} coordinates; {index.dictionary.space.axes.shape[1]} are needed, not all 0."
        )
    best: list[tuple[float, Hit]] = []
    for n, path in enumerate(index.region_files):
        progress.report(n / len(index.region_files), "Searching")
        best = heapq.nlargest(question.n_hits, best + _of_shard(path, question, query), key=lambda pair: pair[0])
    return tuple(hit for _, hit in best)


def regions_of_part(index: Index, k: int, part: int, class_idx: int, n_hits: int) -> tuple[Hit, ...]:
    """The regions of a part that carry most in photos predicted as a class, at most one of a photo."""
    predicted = dict(zip(index.photos["name"].to_pylist(), index.photos["predicted"].to_pylist(), strict=True))
    best: dict[str, Hit] = {}
    for path in index.region_files:
        for row in read_shard(path, _COLUMNS, filters=[("k", "=", k), ("part", "=", part)]).to_pylist():
            before = best.get(row["photo"])
            if predicted[row["photo"]] == class_idx and (before is None or before.evidence < row["evidence"]):
                best[row["photo"]] = _hit(row, 1.0)
    return tuple(heapq.nlargest(n_hits, best.values(), key=lambda hit: hit.evidence))


def _of_shard(path: Path, question: SearchRegions, query: np.ndarray) -> list[tuple[float, Hit]]:
    shard = _searchable(path, question.k)
    if shard.units.shape[1] != len(query):
        raise UnreadableIndex(
            f"The regions in '{path.name}' have another space than the parts of this index. Make the index again."
        )
    similarities = shard.units @ (query / np.linalg.norm(query))
    order = np.argsort(-similarities, kind="stable")
    _, first = np.unique(shard.photo_idx[order], return_index=True)  # the best region of every photo
    chosen = order[np.sort(first)[: question.n_hits]]
    rows = shard.regions.take(chosen).to_pylist()
    return [(float(similarities[place]), _hit(row, float(similarities[place]))) for place, row in zip(chosen, rows, strict=True)]


@dataclass(frozen=True, eq=False)
class Searchable:
    """The regions of a shard for one k, as they are searched."""

    units: np.ndarray  # (n, q) float32: mean coordinates at length one; 0 where they have no length
    photo_idx: np.ndarray  # (n,): which of the shard's photos
    regions: pa.Table  # (n rows) what a hit says


_SEARCHED: LruCache[Searchable] = LruCache(256 * 2**20, lambda kept: kept.units.nbytes + kept.regions.nbytes)


def _searchable(path: Path, k: int) -> Searchable:
    """Kept for the next search while the file stays as it is: reading takes some forty times as long as comparing."""
    stat = path.stat() if path.is_file() else None
    key = path, stat and (stat.st_mtime_ns, stat.st_size), k
    if (kept := _SEARCHED.get(key)) is not None:
        return kept
    table = read_shard(path, [*_COLUMNS, "activation"], filters=[("k", "=", k)])
    activations = activations_of(table)
    lengths = np.linalg.norm(activations, axis=1, keepdims=True)
    units = np.divide(activations, lengths, out=np.zeros_like(activations), where=lengths > 0)
    photos = table["photo"].combine_chunks().dictionary_encode()
    shard = Searchable(units, photos.indices.to_numpy(), table.select(_COLUMNS))
    _SEARCHED.put(key, shard)
    return shard


def activations_of(table: pa.Table) -> np.ndarray:
    """Mean coordinates (n, q) of the regions in a table."""
    column = table["activation"].combine_chunks()
    return column.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(table), column.type.list_size)


def _hit(row: dict[str, Any], similarity: float) -> Hit:
    mask = unpacked(row["mask"], (row["map_height"], row["map_width"]))
    return Hit(row["photo"], row["part"], similarity, row["evidence"], mask)


def query_of_part(index: Index, k: int, part: int) -> tuple[float, ...]:
    """What looks for the regions most alike to the middle of a part."""
    return tuple(index.dictionary.centroids[k][part].tolist())
