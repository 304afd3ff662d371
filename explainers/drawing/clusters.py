"""Drawing a segmentation map over its photo: one colour per cluster, the same in every picture, table and plot.

    photo   (H, W, 3) uint8, as a person sees it
    labels  (h, w), cluster index per position; it covers the whole photo, at any resolution and aspect ratio

The palette begins with seven colours of Okabe and Ito (2008). Each further colour is the one of a regular grid that
lies farthest (CIELAB) from all before it, as seen by people with normal vision, without green and without red cones
(Machado et al. 2009), so that whatever k, the colours in use are about as distinct as k colours can be.
"""

from collections.abc import Collection

import numpy as np
from scipy import ndimage

_OF_CLUSTERS = np.frombuffer(
    bytes.fromhex("""
E69F00 0072B2 F0E442 009E73 CC79A7 56B4E9 D55E00 001EA5 5A2D00 00FF96
003C3C FFE1F0 0078FF 5A0F69 F02D5A 96C35A 5A693C B40F78 B4D2B4 003C96
B487FF 00C3D2 963CD2 A5FF78 C3783C FFC3FF 004BFF F07887 C30000 4B3C2D
D22DC3 786996 6900D2 00D21E C3B478 A53C5A 96FFC3 2D3C5A B43C3C C33CFF
"""),
    dtype=np.uint8,
).reshape(-1, 3)
PALETTE: tuple[tuple[int, int, int], ...] = tuple((red, green, blue) for red, green, blue in _OF_CLUSTERS.tolist())
"""Red, green, blue of each cluster index."""

UNKNOWN_IDX, UNKNOWN_COLOUR = len(PALETTE), (120, 120, 120)  # of what belongs to no named part; then colours start again
_COLOURS = np.array([*PALETTE, UNKNOWN_COLOUR], dtype=np.uint8)

_LINE, _CASING = (255, 255, 255), (20, 20, 20)  # a light line in a dark casing shows on every background
FADED_TOWARDS, FADED_SHARE = 235, 0.8  # what is not selected fades to a pale photo
_ELSEWHERE = 255  # stands for every cluster that is not selected


def hex_colour(cluster_idx: int) -> str:
    """The colour of a cluster as '#RRGGBB', for tables and plots."""
    return "#{:02X}{:02X}{:02X}".format(*_COLOURS[cluster_idx % len(_COLOURS)].tolist())


def shown_colours(photo: np.ndarray, labels: np.ndarray, n_clusters: int, opacity: float) -> tuple[str, ...]:
    """The colours '#RRGGBB' that clusters seem to have in `overlay`: each over the mean colour of the photo that lies below it.

    ``photo`` is (H, W, 3), ``labels`` (h, w); a cluster that is not in the photo lies over a middle grey.
    """
    rows, columns = (_nearest(n_from, n_to) for n_from, n_to in zip(photo.shape[:2], labels.shape, strict=True))
    flat, below = labels.ravel(), photo[rows[:, None], columns[None, :]].reshape(-1, 3)
    counts = np.bincount(flat, minlength=n_clusters)[:n_clusters]
    sums = np.stack([np.bincount(flat, weights=below[:, c], minlength=n_clusters)[:n_clusters] for c in range(3)], axis=1)
    grounds = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], 128)
    mixed = grounds + opacity * (_COLOURS[np.arange(n_clusters) % len(_COLOURS)] - grounds)
    return tuple("#{:02X}{:02X}{:02X}".format(*colour) for colour in (mixed + 0.5).astype(int).tolist())


def colour_map(labels: np.ndarray) -> np.ndarray:
    """The colours of the clusters alone, (h, w, 3) uint8, for labels (h, w)."""
    return _COLOURS[labels % len(_COLOURS)]


def overlay(
    photo: np.ndarray, labels: np.ndarray, opacity: float = 0.55, *, outlines: bool = True, only: Collection[int] = ()
) -> np.ndarray:
    """The photo (H, W, 3) tinted in the colours of its clusters, labels (h, w); (H, W, 3) uint8.

    ``opacity`` 0 leaves the photo as it is, 1 hides it. With ``only``, all other clusters fade to a pale photo.
    The live view in the browser draws by the same rules; there, outlines are smooth.
    """
    labels = at_size(labels, photo.shape[:2])
    picture = _blended(photo, colour_map(labels), opacity)
    if only:
        elsewhere = ~np.isin(labels, list(only))
        picture[elsewhere] = _blended(photo[elsewhere], np.full(3, FADED_TOWARDS), FADED_SHARE)
        labels = np.where(elsewhere, np.uint8(_ELSEWHERE), labels)
    if outlines:
        _trace(picture, labels)
    return picture


def at_size(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The label map (h, w) resized to ``shape`` (H, W) by nearest neighbour (pixel centres), so no label is invented."""
    rows, columns = (_nearest(n_from, n_to) for n_from, n_to in zip(labels.shape, shape, strict=True))
    return labels[rows[:, None], columns[None, :]]


def _nearest(n_from: int, n_to: int) -> np.ndarray:
    return (2 * np.arange(n_to) + 1) * n_from // (2 * n_to)


def _blended(photo: np.ndarray, colours: np.ndarray, opacity: float) -> np.ndarray:
    share = np.uint32(round(opacity * 256))
    return ((photo * (256 - share) + colours * share + 128) >> 8).astype(np.uint8)


def _trace(picture: np.ndarray, labels: np.ndarray) -> None:
    """Draws the borders between clusters into ``picture``, 1/400 of its shorter side wide but at least one pixel."""
    width = max(1, round(min(labels.shape) / 400))
    picture[_border(labels, width + 2 * -(-width // 2))] = _CASING
    picture[_border(labels, width)] = _LINE


def _border(labels: np.ndarray, width: int) -> np.ndarray:
    """Where a line of ``width`` pixels runs along every place at which two clusters meet, (H, W) bool."""
    size = width + 1  # a window of n + 1 pixels sees both sides of a straight border from n positions
    return ndimage.maximum_filter(labels, size) != ndimage.minimum_filter(labels, size)
