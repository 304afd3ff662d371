"""What segmentations leave on disk: maps (.npz), an overlay (.png) and one summary (.json) for all images.

Every file appears under its name only when it is complete: a run that is cut short leaves no half file.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from explainers.drawing.clusters import at_size, overlay
from explainers.nave.segmentation import Segmentation
from models.files import written_atomically


def output_stems(images: Sequence[Path]) -> list[str]:
    """One stem per image, its own where possible; images of the same stem get a number ('cat', 'cat-2')."""
    taken = {image.stem.casefold() for image in images}  # so that no numbered stem takes the place of a real one
    seen: set[str] = set()
    stems = []
    for image in images:
        stem = image.stem if image.stem.casefold() not in seen else _numbered(image.stem, taken)
        seen.add(stem.casefold())
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _numbered(stem: str, taken: set[str]) -> str:
    number = 2
    while f"{stem}-{number}".casefold() in taken:
        number += 1
    return f"{stem}-{number}"


def middle_k(segmentation: Segmentation) -> int:
    """The k in the middle of the range, which the overlay shows."""
    return segmentation.ks[len(segmentation.ks) // 2]


def maps_like(labels: np.ndarray, photo_shape: tuple[int, int]) -> np.ndarray:
    """Label maps (n_k, h, w) with as many pixels as before, in the proportions of the photo; encoders see it rounded."""
    height, width = photo_shape
    scale = math.sqrt(labels.shape[1] * labels.shape[2] / (height * width))
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    return np.stack([at_size(k_labels, shape) for k_labels in labels])


def write_maps(path: Path, segmentation: Segmentation, photo_shape: tuple[int, int]) -> tuple[int, int]:
    """``labels`` uint8 (n_k, H, W) and ``ks`` (n_k,); the height and width of the maps."""
    labels = maps_like(segmentation.labels, photo_shape)
    with written_atomically(path) as file:
        np.savez_compressed(file, labels=labels, ks=np.array(segmentation.ks, dtype=np.int64))
    return labels.shape[1:]


def write_overlay(path: Path, pixels: np.ndarray, segmentation: Segmentation) -> None:
    """The photo at full size in the colours of its clusters, at the middle k."""
    picture = overlay(pixels, segmentation.at(middle_k(segmentation)))
    with written_atomically(path) as file:
        Image.fromarray(picture).save(file, format="PNG", compress_level=2)  # a quarter of the usual time, 6 % larger


class SummaryFile:
    """The summary, written image by image so that it costs no memory: a ``with`` that ends completes it, also on a failure."""

    def __init__(self, path: Path, **header: Any):
        self._path, self._header, self._n_images, self._errors = path, header, 0, []

    def __enter__(self) -> "SummaryFile":
        self._written = written_atomically(self._path)
        self._file = self._written.__enter__()
        self._put(json.dumps(plain(self._header), indent=1)[:-2] + ',\n "images": [')
        return self

    def add(self, record: dict[str, Any]) -> None:
        """One image that was done."""
        self._put((",\n  " if self._n_images else "\n  ") + json.dumps(plain(record)))
        self._n_images += 1

    def add_error(self, file: str, message: str) -> None:
        """One image that was not done, and why."""
        self._errors.append({"file": file, "error": message})

    def __exit__(self, *_failure: object) -> None:
        self._put('\n ],\n "errors": ' + json.dumps(self._errors, indent=1) + "\n}\n")
        self._written.__exit__(None, None, None)

    def _put(self, text: str) -> None:
        self._file.write(text.encode())


def write_json(path: Path, record: dict[str, Any]) -> None:
    """One record in one file, whose folder is made if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as file:
        file.write((json.dumps(plain(record), indent=1) + "\n").encode())


def quality_record(segmentation: Segmentation) -> dict[str, Any]:
    """The figures that belong to a segmentation."""
    return {
        "suggested_k": segmentation.suggested_k,
        "overlay_k": middle_k(segmentation),
        "quality": [asdict(quality) for quality in segmentation.quality],
    }


def plain(value: Any) -> Any:
    """The value as JSON knows it: no tuples, and null for what is no finite number."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
