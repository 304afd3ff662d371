"""What results leave on disk or in a download: maps (.npz), pictures (.png), tables (.csv), records (.json).

Pages and the command line write through here, so that a file is the same wherever it comes from (assets/docs/formats.md).
"""

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from explainers.drawing.clusters import at_size, overlay
from explainers.drawing.places import resized
from explainers.nave.components import Place
from explainers.nave.segmentation import Segmentation
from explainers.results.components import ComponentsResult
from explainers.results.records import encoder_record, jsonable, photo_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.files import written_atomically

_MAX_STEM_BYTES = 255 - len(".json")  # of 255, which a name has at most on common file systems
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every entry of an archive, so that the same content gives the same bytes


# --- names --------------------------------------------------------------------------------------------------------------


def output_stems(images: Sequence[Path]) -> list[str]:
    """One stem per image, its own where possible; images of the same stem get a number ('cat', 'cat-2').

    With a suffix of up to five bytes a stem is a name that file systems take: one that is too long is cut at its end.
    """
    own = [_cut(image.stem) for image in images]
    taken = {stem.casefold() for stem in own}  # so that no numbered stem takes the place of a real one
    seen: set[str] = set()
    stems = []
    for stem in own:
        free = stem if stem.casefold() not in seen else _numbered(stem, taken)
        seen.add(free.casefold())
        taken.add(free.casefold())
        stems.append(free)
    return stems


def _numbered(stem: str, taken: set[str]) -> str:
    number = 2
    while (numbered := _cut(stem, f"-{number}")).casefold() in taken:
        number += 1
    return numbered


def _cut(stem: str, ending: str = "") -> str:
    """The stem with an ending, of at most as many bytes as a name may have besides its suffix."""
    room = _MAX_STEM_BYTES - len(ending)
    encoded = os.fsencode(stem)
    return (stem if len(encoded) <= room else encoded[:room].decode("utf-8", "ignore")) + ending


def middle_k(segmentation: Segmentation) -> int:
    """The k in the middle of the range, which the overlay of the command line shows."""
    return segmentation.ks[len(segmentation.ks) // 2]


# --- segmentation maps --------------------------------------------------------------------------------------------------


def write_maps(file: BinaryIO, result: SegmentationResult) -> None:
    """The maps of every k at the size of the photo, one at a time, so that a large photo needs the memory of one map.

    labels uint8 (n_k, H, W); ks int64 (n_k,); photo, encoder and settings as JSON text; version of Encoderscope as text.
    """
    segmentation, photo = result.segmentation, result.provenance.photos[0]
    facts = {
        "photo": photo_record(photo),
        "encoder": encoder_record(result.encoder),
        "settings": jsonable(segmentation.settings),
    }
    small = {"ks": np.array(segmentation.ks, dtype=np.int64), "version": np.array(result.provenance.encoderscope)}
    small |= {name: np.array(json.dumps(value)) for name, value in facts.items()}
    with zipfile.ZipFile(file, "w") as archive:
        with _entry(archive, "labels") as entry:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(segmentation.ks), *photo.shape)}
            npy.write_array_header_1_0(entry, header)
            for labels in segmentation.labels:
                entry.write(at_size(labels, photo.shape).astype(np.uint8, copy=False).tobytes())
        for name, array in small.items():
            with _entry(archive, name) as entry:
                npy.write_array(entry, array)


def _entry(archive: zipfile.ZipFile, name: str) -> Any:
    """An array of an .npz archive, to be written into."""
    info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return archive.open(info, "w", force_zip64=True)


def maps_npz(result: SegmentationResult) -> bytes:
    """The file of ``write_maps``, in memory."""
    file = io.BytesIO()
    write_maps(file, result)
    return file.getvalue()


def maps_zip(result: SegmentationsResult) -> bytes:
    """One file of maps per photo, in a .zip."""
    return bundled(result.photo_names, (maps_npz(result.of_photo(n)) for n in range(len(result.segmentations))))


def bundled(photo_names: Sequence[str], files: Iterable[bytes]) -> bytes:
    """One .npz per photo, made one after the other, in a .zip."""
    file = io.BytesIO()
    stems = output_stems([Path(name) for name in photo_names])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for stem, content in zip(stems, files, strict=True):
            archive.writestr(zipfile.ZipInfo(f"{stem}.npz", EPOCH), content)
    return file.getvalue()


def similarity_npz(result: ComponentsResult, n: int, of_photo: int, place: Place) -> bytes:
    """How similar every pixel of the n-th photo is to a place of a photo of the result, at the size of the photo.

    similarity float16 (H, W) in [-1, 1]; place (2,), shares of the width and of the height of the photo it lies in; photo,
    of_photo, encoder and settings as JSON text; version of Encoderscope as text.
    """
    images, photos = result.components.images, result.provenance.photos
    similarity = resized(images[n].similarity(images[of_photo].at(place)), photos[n].shape)
    facts = {
        "photo": photo_record(photos[n]),
        "of_photo": photo_record(photos[of_photo]),
        "encoder": encoder_record(result.encoder),
        "settings": jsonable(result.settings),
    }
    arrays: dict[str, Any] = {name: np.array(json.dumps(value)) for name, value in facts.items()}
    arrays |= {"similarity": similarity.astype(np.float16), "place": np.array(place)}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, version=np.array(result.provenance.encoderscope), **arrays)
    return file.getvalue()


def similarities_zip(result: ComponentsResult, of_photo: int, place: Place) -> bytes:
    """One file of similarity per photo, in a .zip."""
    photo_names = result.photo_names
    return bundled(photo_names, (similarity_npz(result, n, of_photo, place) for n in range(len(photo_names))))


def write_overlay(file: BinaryIO, pixels: np.ndarray, segmentation: Segmentation, k: int) -> None:
    """The photo (H, W, 3) at full size in the colours of its ``k`` clusters, as PNG."""
    write_png(file, overlay(pixels, segmentation.at(k)))


def write_png(file: BinaryIO, picture: np.ndarray) -> None:
    """A picture (H, W, 3) uint8 as PNG."""
    Image.fromarray(picture).save(file, format="PNG", compress_level=2)  # a quarter of the usual time, 6 % larger


def png(picture: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as the content of a PNG file."""
    buffer = io.BytesIO()
    write_png(buffer, picture)
    return buffer.getvalue()


# --- tables and records -------------------------------------------------------------------------------------------------


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> bytes:
    """Rows of the same names under a line of these names; ``columns`` names them where there may be no row."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(columns) or (list(rows[0]) if rows else []), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


def as_json(record: Any) -> bytes:
    """A record, or anything ``jsonable`` knows, as JSON text."""
    return (json.dumps(jsonable(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_bytes(path: Path, content: bytes) -> None:
    """A file that appears when it is whole; its folder is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file:
        file.write(content)


class SummaryFile:
    """The summary of a run, written image by image so that it costs no memory.

    A ``with`` that ends completes it, also on a failure.
    """

    def __init__(self, path: Path, **header: Any):
        self._path, self._header, self._n_images = path, header, 0
        self._errors: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        self._written = written_atomically(self._path)
        self._file = self._written.__enter__()
        self._put(json.dumps(jsonable(self._header), indent=1)[:-2] + ',\n "images": [')
        return self

    def add(self, record: dict[str, Any]) -> None:
        """One image that was done."""
        self._put((",\n  " if self._n_images else "\n  ") + json.dumps(jsonable(record)))
        self._n_images += 1

    def add_error(self, file: str, message: str) -> None:
        """One image that was not done, and why."""
        self._errors.append({"file": file, "error": message})

    def __exit__(self, *_failure: object) -> None:
        self._put('\n ],\n "errors": ' + json.dumps(self._errors, indent=1) + "\n}\n")
        self._written.__exit__(None, None, None)

    def _put(self, text: str) -> None:
        self._file.write(text.encode())
