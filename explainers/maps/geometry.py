"""How segmentation maps lie in the image, without any truth: how large their regions are, how long their borders, and how far
a cluster is a matter of position.

    region area   share of the image that the region of an average pixel covers
    border        share of the pairs of neighbouring pixels that lie in two clusters
    dependence    on position: how much of what chance leaves open the position alone predicts, where clusters mean one thing
"""

from collections.abc import Sequence

import numpy as np

from explainers.drawing.clusters import at_size
from explainers.maps.regions import region_map

CELLS = 8  # per side, in which a position counts as the same


def mean_region_area(labels: np.ndarray) -> float:
    """Share of the image, (H, W), that the region of an average pixel covers: 1 for a single region."""
    areas = np.bincount(region_map(labels).ravel()) / labels.size
    return float((areas**2).sum())


def border_share(labels: np.ndarray) -> float:
    """Share of the pairs of neighbouring pixels of a map (H, W) that lie in two clusters: 0 for one, 1 for a chessboard."""
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    return float((across.sum() + down.sum()) / (across.size + down.size))


def position_dependence(maps: Sequence[np.ndarray]) -> float:
    """How well the position alone predicts the cluster, over maps (H, W) of several images whose clusters mean one thing.

    Every other image says which cluster is most frequent in each of CELLS x CELLS cells; on the rest, the share of pixels that
    this gets right is held against always naming the most frequent cluster: 1 is every pixel, 0 no better than that.
    """
    cells = np.stack([at_size(labels, (4 * CELLS, 4 * CELLS)) for labels in maps])
    counts = _counts(cells[::2])
    rest = cells[1::2]
    predicted, always = counts.argmax(-1).repeat(4, 0).repeat(4, 1), counts.sum((0, 1)).argmax()
    right, by_chance = float((rest == predicted).mean()), float((rest == always).mean())
    return (right - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0  # one cluster everywhere: nothing is left to predict


def _counts(maps: np.ndarray) -> np.ndarray:
    """How often each cluster occurs in every cell, (CELLS, CELLS, k), in maps (n, 4 CELLS, 4 CELLS)."""
    one_hot = maps[..., None] == np.arange(int(maps.max()) + 1)
    n, side, _, k = one_hot.shape
    return one_hot.reshape(n, CELLS, side // CELLS, CELLS, side // CELLS, k).sum((0, 2, 4))
