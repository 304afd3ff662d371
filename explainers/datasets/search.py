"""The regions of an index that are most alike to a query: exact, one product of matrices per shard.

z   mean coordinates of a region (q,)        similarity of two: the cosine of their angle
"""

import heapq
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from explainers.datasets.findings import Hit
from explainers.datasets.index import Index, UnreadableIndex, open_index, read_shard
from explainers.datasets.questions import SearchRegions
from explainers.dictionaries.regions import unpacked
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
    table = read_shard(path, [*_COLUMNS, "activation"], filters=[("k", "=", question.k)])
    activations = activations_of(table)
    if activations.shape[1] != len(query):
        raise UnreadableIndex(
            f"The regions in '{path.name}' have another space than the parts of this index. Make the index again."
        )
    values = similarities(activations, query)
    order = np.argsort(-values, kind="stable")
    photos = table["photo"].combine_chunks().dictionary_encode()
    _, first = np.unique(photos.indices.to_numpy()[order], return_index=True)  # the best region of every photo
    chosen = order[np.sort(first)[: question.n_hits]]
    rows = table.select(_COLUMNS).take(chosen).to_pylist()
    return [(float(values[place]), _hit(row, float(values[place]))) for place, row in zip(chosen, rows, strict=True)]


def similarities(activations: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosine of the angle between activations (n, q) and a query (q,), (n,); 0 where one has no length."""
    lengths = np.linalg.norm(activations, axis=1) * np.linalg.norm(query)
    return np.divide(activations @ query, lengths, out=np.zeros(len(activations), np.float32), where=lengths > 0)


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
