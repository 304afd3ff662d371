"""Label Studio pre-annotations: a task per photo, with a brush mask per cluster that people can correct.

A brush mask is packed as Label Studio's brush packs it (thi.ng/rle-pack): its alpha picture, four bytes per pixel,
as runs of equal bytes. Before the runs stand the number of bytes (32 bits), the size of a value less one (5 bits) and the four
sizes of a run's length less one (4 bits each). A run is a 1, which size its length has (2 bits), the length less one, the
value. Single values are never needed: the shortest run is a pixel.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from explainers.results.exported import Export, File, PhotoExport
from explainers.results.files import as_json

FROM, TO = "clusters", "image"  # the names of the tags in the labelling configuration
_SIZES = (3, 4, 8, 16)  # bits of the length of a run
_PER_PIXEL, _WORD, _OPAQUE = 4, 8, 255


def tasks(export: Export) -> Iterator[File]:
    """One file: the photos as tasks, with their clusters as predictions."""
    about = {"meta": {"encoderscope": export.record}}
    of_photos = [{"data": {TO: photo.used.name}, **about, "predictions": [_prediction(export, photo)]} for photo in export.photos]
    yield File(f"{export.title}.json", as_json(of_photos))


def _prediction(export: Export, photo: PhotoExport) -> dict[str, Any]:
    labels = photo.labels()
    clusters = np.unique(labels).tolist()
    results = [_brush(photo, labels == idx, export.names[idx], f"{photo.number}-{idx}") for idx in clusters]
    return {"model_version": f"encoderscope {export.provenance.encoderscope}", "result": results}


def _brush(photo: PhotoExport, mask: np.ndarray, name: str, identity: str) -> dict[str, Any]:
    height, width = photo.used.shape
    return {
        "id": identity,
        "type": "brushlabels",
        "from_name": FROM,
        "to_name": TO,
        "origin": "prediction",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": list(brush_rle(mask)), "brushlabels": [name]},
    }


def brush_rle(mask: np.ndarray) -> bytes:
    """A boolean mask (H, W) as Label Studio's brush packs it."""
    flat = mask.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1, [flat.size]])
    head = [f"{_PER_PIXEL * flat.size:032b}", f"{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    lengths = (_PER_PIXEL * np.diff(starts)).tolist()
    runs = (_run(length, _OPAQUE * int(flat[at])) for at, length in zip(starts[:-1].tolist(), lengths, strict=True))
    bits = "".join([*head, *runs])
    n_bytes = -(-len(bits) // 8)
    return int(bits.ljust(8 * n_bytes, "0"), 2).to_bytes(n_bytes, "big")


def _run(length: int, value: int) -> str:
    """A run of equal bytes in bits; one that is longer than the largest size holds is several."""
    longest = 2 ** _SIZES[-1]
    whole, rest = divmod(length, longest)
    return _bits(longest, value) * whole + (_bits(rest, value) if rest else "")


def _bits(length: int, value: int) -> str:
    which = next(n for n, size in enumerate(_SIZES) if length <= 2**size)
    return f"1{which:02b}{length - 1:0{_SIZES[which]}b}{value:0{_WORD}b}"
