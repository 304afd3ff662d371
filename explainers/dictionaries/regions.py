"""The regions of one photo: connected positions of one part, with what is kept of each.

n   regions, in reading order        h, w   the map        q   coordinates of the dictionary's space
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from explainers.dictionaries.evidence import shares
from explainers.maps.regions import region_map


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of one photo for one k."""

    k: int
    shape: tuple[int, int]  # h, w
    parts: np.ndarray  # (n,): which of k parts
    n_cells: np.ndarray  # (n,): positions
    boxes: np.ndarray  # (n, 4): top, left, height, width, in positions
    masks: tuple[bytes, ...]  # n: bits of the map row by row, packed eight to a byte
    evidence: np.ndarray  # (n,): share of what speaks for the predicted class
    against: np.ndarray  # (n,): what speaks against it, as a share of what speaks for it
    activations: np.ndarray  # (n, q) float16: mean coordinates


def regions_of(labels: np.ndarray, k: int, evidence: np.ndarray, coordinates: np.ndarray) -> Regions:
    """The regions of a map of parts (h, w), with evidence (h, w) and coordinates (h, w, q) of the same positions."""
    region_idx = region_map(labels)
    flat, n_regions = region_idx.ravel(), int(region_idx.max()) + 1
    members = flat[None] == np.arange(n_regions)[:, None]  # (n, h * w)
    n_cells = members.sum(1)
    means = members.astype(np.float32) @ coordinates.reshape(flat.size, -1) / n_cells[:, None]
    of_region = [np.bincount(flat, weights=share.ravel(), minlength=n_regions) for share in shares(evidence)]
    slices = ndimage.find_objects(region_idx + 1)
    boxes = [(rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start) for rows, cols in slices]
    return Regions(
        k=k,
        shape=(labels.shape[0], labels.shape[1]),
        parts=labels.ravel()[members.argmax(1)],
        n_cells=n_cells,
        boxes=np.array(boxes),
        masks=tuple(packed.tobytes() for packed in np.packbits(members, axis=1)),
        evidence=of_region[0].astype(np.float32),
        against=of_region[1].astype(np.float32),
        activations=means.astype(np.float16),
    )


def shares_on(regions: Regions, place: np.ndarray) -> np.ndarray:
    """The share of every region's positions that lie on a place (h, w) bool, (n,)."""
    packed = np.frombuffer(b"".join(regions.masks), np.uint8).reshape(len(regions.masks), -1)
    members = np.unpackbits(packed, axis=1, count=place.size)
    return (members & place.ravel()).sum(1) / members.sum(1)


def unpacked(mask: bytes, shape: tuple[int, int]) -> np.ndarray:
    """The boolean mask (h, w) of a region."""
    n_cells = shape[0] * shape[1]
    return np.unpackbits(np.frombuffer(mask, np.uint8), count=n_cells).reshape(shape).astype(bool)
