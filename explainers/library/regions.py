"""The region of an image that shows a concept, as plain data: run lengths, which are equal when the regions are.

    runs   lengths of alternating runs in reading order, the first one outside (0 if the first pixel is inside): "5 3 4"
    shape  H and W of the grid it was drawn on, which covers the whole image at any resolution

A region that covers everything is the whole image, which has no region.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from models.errors import BadConcept

MAX_SIDE = 4096
MAX_RUNS = 200_000
MOST_POINTS = 10_000  # of a line: ten times as many as the page draws
_SAME_PART = 0.5  # of the smaller of two regions, beyond which both show the same part of an image


@dataclass(frozen=True)
class Region:
    """Some pixels of an image."""

    shape: tuple[int, int]
    runs: str

    @property
    def digest(self) -> str:
        """What tells regions apart, as a hex digest."""
        return sha256(f"{self.shape[0]} {self.shape[1]} {self.runs}".encode()).hexdigest()

    @property
    def area(self) -> float:
        """Share of the image."""
        return float(self.pixels.mean())

    @property
    def pixels(self) -> np.ndarray:
        """Which pixels are inside, bool (H, W), read-only."""
        return _pixels(self)


def region_of(inside: np.ndarray) -> Region | None:
    """The region of the pixels that are inside, bool (H, W); None where all are. Raises BadConcept where none is."""
    if not inside.any():
        raise BadConcept("The region is empty. Select a larger part of the image.")
    if inside.all():
        return None
    flat = np.asarray(inside, bool).ravel()
    borders = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff([0, *borders, flat.size])
    runs = [0, *lengths] if flat[0] else lengths
    height, width = inside.shape
    return Region((int(height), int(width)), " ".join(map(str, runs)))


def box_region(box: tuple[float, float, float, float], shape: tuple[int, int]) -> Region | None:
    """The region in a box (left, top, right, bottom; shares of the image's sides) on a grid (H, W); one pixel at least.

    Raises BadConcept where a side is not a number.
    """
    if not np.isfinite(box).all():
        raise BadConcept("The box has sides that are not numbers. Draw it again.")
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in box)
    (height, width), inside = shape, np.zeros(shape, bool)
    rows, columns = (_span(*ends) for ends in ((top, bottom, height), (left, right, width)))
    inside[rows, columns] = True
    return region_of(inside)


def line_region(line: Sequence[tuple[float, float]], shape: tuple[int, int]) -> Region | None:
    """The region inside a closed line of points (across, down; shares of the image's sides) on a grid (H, W).

    Where the line crosses itself, what it surrounds twice is outside. Raises BadConcept for less than a triangle, for more
    points than a hand draws, and for points that are not numbers.
    """
    if len(line) < 3:
        raise BadConcept("The line surrounds nothing. Draw it around a part of the image.")
    if len(line) > MOST_POINTS or not np.isfinite(line).all():
        raise BadConcept(f"The line cannot be followed: at most {MOST_POINTS} points are taken. Draw it again.")
    height, width = shape
    canvas = Image.new("1", (width, height))
    ImageDraw.Draw(canvas).polygon([(x * width - 0.5, y * height - 0.5) for x, y in line], fill=1)
    return region_of(np.asarray(canvas))


def _span(first: float, last: float, n_pixels: int) -> slice:
    start = min(n_pixels - 1, round(min(first, last) * n_pixels))
    return slice(start, max(start + 1, round(max(first, last) * n_pixels)))


@lru_cache(maxsize=512)
def _pixels(region: Region) -> np.ndarray:
    lengths = np.array(region.runs.split(" "), np.int64)
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    inside = flat.reshape(region.shape)
    inside.flags.writeable = False
    return inside


def at_shape(region: Region, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels of another grid (H, W) are inside, by their middles, bool (H, W)."""
    rows, columns = (
        np.minimum((np.arange(n) + 0.5) * own // n, own - 1).astype(int) for n, own in zip(shape, region.shape, strict=True)
    )
    return region.pixels[np.ix_(rows, columns)]


def same_part(region: Region | None, other: Region | None) -> bool:
    """Whether two regions of one image, None for all of it, show the same part of it: most of the smaller one is in the other."""
    if region is None or other is None or region == other:
        return True
    a, b = region.pixels, at_shape(other, region.shape)
    return bool((a & b).sum() > _SAME_PART * min(a.sum(), b.sum()))


# --- in manifests -----------------------------------------------------------------------------------------------------------


def region_record(region: Region) -> dict[str, Any]:
    """The region as a manifest has it."""
    return {"shape": list(region.shape), "runs": region.runs}


def read_region(record: Any) -> Region | None:
    """The region that a manifest describes; None if it is none: runs that do not fill the shape, or leave nothing inside."""
    if not isinstance(record, dict) or not _is_shape(record.get("shape")) or not isinstance(record.get("runs"), str):
        return None
    words = record["runs"].split(" ")
    if not 2 <= len(words) <= MAX_RUNS or not all(word.isascii() and word.isdigit() and len(word) < 9 for word in words):
        return None
    height, width = record["shape"]
    lengths = [int(word) for word in words]
    is_plain = [str(length) for length in lengths] == words and all(lengths[1:])
    if not is_plain or sum(lengths) != height * width or (lengths[0] == 0 and len(lengths) == 2):
        return None
    return Region((height, width), record["runs"])


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, list) and len(shape) == 2 and all(type(side) is int and 1 <= side <= MAX_SIDE for side in shape)
