"""Which parts of photos become examples of a concept, and which make up the rest. Pure functions.

part    of one photo: connected pixels that are selected, or of one other cluster
        of several photos: all that is selected in one of them, or all of one other cluster there, because pieces of one
        photo are hardly more than one example
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from explainers.library.regions import Region, box_region, region_of
from explainers.maps.regions import region_map

SMALLEST_SHARE = 0.005  # of a photo: smaller parts are specks
MOST_OF_ONE = 40  # parts of the rest of one photo, the largest
BOXES = 3  # per side: into how many boxes another photo is divided
_BOX_GRID = 24  # a multiple of it
_SELECTED = 255  # no cluster has this index


@dataclass(frozen=True, eq=False)
class Part:
    """Some pixels of one of the photos."""

    photo_idx: int
    share: float  # of the photo
    pieces: np.ndarray = field(repr=False)  # (H, W): which piece every pixel belongs to
    piece_idx: int

    @property
    def region(self) -> Region | None:
        """As an example has it."""
        return region_of(self.pieces == self.piece_idx)


def parts_of(maps: Sequence[np.ndarray], clusters: Iterable[int]) -> tuple[list[Part], list[Part]]:
    """The selected parts and those of the rest, from one map (H, W) per photo and the clusters that are selected.

    Specks are passed over, unless nothing else is selected: then the largest of each photo is kept.
    """
    selected, rest = [], []
    for n, labels in enumerate(maps):
        merged = np.where(np.isin(labels, list(clusters)), _SELECTED, labels)
        pieces = region_map(merged) if len(maps) == 1 else merged
        shares = np.bincount(pieces.ravel()) / pieces.size
        is_selected = np.zeros(len(shares), bool)
        is_selected[pieces[merged == _SELECTED]] = True
        for piece_idx in np.argsort(-shares, kind="stable").tolist():
            part = Part(n, float(shares[piece_idx]), pieces, piece_idx)
            if part.share > 0:
                (selected if is_selected[piece_idx] else rest).append(part)
    large = [part for part in selected if part.share >= SMALLEST_SHARE]
    rest = [part for part in rest if part.share >= SMALLEST_SHARE]
    return large or _largest_of_each(selected), rest[:MOST_OF_ONE] if len(maps) == 1 else rest


def _largest_of_each(parts: Iterable[Part]) -> list[Part]:
    """The first part of every photo."""
    first: dict[int, Part] = {}
    for part in parts:
        first.setdefault(part.photo_idx, part)
    return list(first.values())


def boxes() -> list[Region | None]:
    """A photo divided into equal boxes."""
    edges = [n / BOXES for n in range(BOXES + 1)]
    grid = (_BOX_GRID, _BOX_GRID)
    return [box_region((edges[x], edges[y], edges[x + 1], edges[y + 1]), grid) for y in range(BOXES) for x in range(BOXES)]
