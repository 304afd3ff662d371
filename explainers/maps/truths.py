"""How well do the clusters of a photo match what people drew into it, beside chance? Masks of objects, or boxes.

    IoU            per object, of the single cluster that fits it best; of a box, of the box around a region that fits best
    covering       by regions, of all objects and what lies between them (Arbelaez et al. 2011); not for boxes
    adjusted Rand  of clusters with objects (Hubert, Arabie 1985); not for boxes

The truth picks the best cluster, so an IoU is never 0. What it would be by chance: the map is moved over the truth, round the
edges, by a random way; a box is put at random places within the photo. Sizes and shapes stay, only the places are chance's.
The p-value counts how often chance reaches the value (Phipson, Smyth 2010).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from explainers.maps.boxes import Box, region_boxes
from explainers.maps.localization import covering
from explainers.maps.partitions import adjusted_rand_index
from explainers.maps.regions import region_map

N_CHANCE = 99
_MAX_SIDE = 256  # px of the map on which masks are compared: every second or third pixel of a larger one


@dataclass(frozen=True)
class BesideChance:
    """A value in [-1, 1] and what chance gives."""

    value: float
    chance: float  # on average
    p_value: float
    drawn: tuple[float, ...] = field(default=(), compare=False, repr=False)  # what every draw of chance gave

    @classmethod
    def of(cls, value: float, by_chance: Iterable[float]) -> "BesideChance":
        """The value beside what every draw of chance gave."""
        drawn = np.fromiter(by_chance, dtype=np.float64)
        p_value = float((1 + (drawn >= value).sum()) / (1 + len(drawn)))
        return cls(float(value), float(drawn.mean()), p_value, tuple(drawn.tolist()))

    @classmethod
    def mean_of(cls, of_photos: Sequence["BesideChance"]) -> "BesideChance":
        """The mean over photos beside the means of as many draws of chance."""
        return cls.of(np.mean([figure.value for figure in of_photos]), np.mean([figure.drawn for figure in of_photos], axis=0))

    @property
    def record(self) -> dict[str, float]:
        """The three numbers that are shown of it."""
        return {"value": self.value, "chance": self.chance, "p_value": self.p_value}


@dataclass(frozen=True)
class ObjectMatch:
    """The cluster that fits an object best."""

    cluster_idx: int
    iou: BesideChance


@dataclass(frozen=True)
class TruthMatch:
    """A segmentation map beside what people drew."""

    n_clusters: int
    objects: tuple[ObjectMatch, ...]  # in the order of the truth
    mean_iou: BesideChance
    covering: BesideChance | None  # None where objects are boxes
    adjusted_rand: BesideChance | None  # None where objects are boxes


def truth_match(
    labels: np.ndarray, objects: Sequence[np.ndarray | Box], left_out: np.ndarray, n_clusters: int, seed: int = 0
) -> TruthMatch:
    """A map (H, W) beside objects: boolean masks (H, W), or boxes in its pixels; ``left_out`` (H, W) counts for nothing."""
    rng = np.random.default_rng(seed)
    stride = -(-max(labels.shape) // _MAX_SIDE)
    small, counted = labels[::stride, ::stride], ~left_out[::stride, ::stride]
    masks = [thing[::stride, ::stride] & counted for thing in objects if not isinstance(thing, Box)]
    moves = [tuple(int(rng.integers(1, max(side, 2))) for side in small.shape) for _ in range(N_CHANCE)]
    moved = [np.roll(small, move, axis=(0, 1)) for move in moves]
    of_boxes = (_box_ious(labels, box, rng) for box in objects if isinstance(box, Box))
    of_masks = (_mask_ious([small, *moved], mask, counted, n_clusters) for mask in masks)
    ious = [next(of_boxes) if isinstance(thing, Box) else next(of_masks) for thing in objects]  # (best, IoU, IoUs by chance) each
    means = np.mean([[iou, *by_chance] for _, iou, by_chance in ious], axis=0)
    all_masks = len(masks) == len(objects)
    return TruthMatch(
        n_clusters=n_clusters,
        objects=tuple(ObjectMatch(best, BesideChance.of(iou, by_chance)) for best, iou, by_chance in ious),
        mean_iou=BesideChance.of(means[0], means[1:]),
        covering=_covering(small, moves, masks, counted) if all_masks else None,
        adjusted_rand=_adjusted_rand([small, *moved], masks, counted, n_clusters) if all_masks else None,
    )


def _mask_ious(
    maps: Sequence[np.ndarray], mask: np.ndarray, counted: np.ndarray, n_clusters: int
) -> tuple[int, float, list[float]]:
    """The best cluster of the first map (H, W) with its IoU, and the best IoU in each of the others."""
    everywhere, inside = np.flatnonzero(counted), np.flatnonzero(mask)
    best = []
    for labels in maps:
        flat = labels.ravel()
        common = np.bincount(flat[inside], minlength=n_clusters)
        either = np.bincount(flat[everywhere], minlength=n_clusters) + len(inside) - common
        ious = np.divide(common, either, out=np.zeros(len(either)), where=either > 0)
        best.append((int(ious.argmax()), float(ious.max())))
    return *best[0], [iou for _, iou in best[1:]]


def _box_ious(labels: np.ndarray, box: Box, rng: np.random.Generator) -> tuple[int, float, list[float]]:
    """The cluster of the region whose box fits best with its IoU, and the best IoU of the box at places of chance."""
    regions = region_boxes(labels)
    rows, columns = (
        rng.integers(0, max(side - own, 0) + 1, N_CHANCE).tolist()
        for side, own in zip(labels.shape, (box.height, box.width), strict=True)
    )
    places = [box, *(Box(row, column, box.height, box.width) for row, column in zip(rows, columns, strict=True))]
    sides = np.array([[r.box.top, r.box.left, r.box.top + r.box.height, r.box.left + r.box.width] for r in regions])
    best = []
    for place in places:
        low = np.maximum(sides[:, :2], [place.top, place.left])
        high = np.minimum(sides[:, 2:], [place.top + place.height, place.left + place.width])
        common = np.clip(high - low, 0, None).prod(1)
        ious = common / ((sides[:, 2:] - sides[:, :2]).prod(1) + place.height * place.width - common)
        best.append((regions[int(ious.argmax())].cluster_idx, float(ious.max())))
    return *best[0], [iou for _, iou in best[1:]]


def _covering(
    labels: np.ndarray, moves: Sequence[tuple[int, ...]], masks: Sequence[np.ndarray], counted: np.ndarray
) -> BesideChance:
    """Covering by the regions of a map (H, W), and by the same regions moved."""
    regions, truth = region_map(labels), _as_map(masks, counted)[counted]
    by_chance = (covering(np.roll(regions, move, axis=(0, 1))[counted], truth) for move in moves)
    return BesideChance.of(covering(regions[counted], truth), by_chance)


def _adjusted_rand(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray], counted: np.ndarray, n_clusters: int) -> BesideChance:
    truth, n_labels = _as_map(masks, counted)[counted], max(n_clusters, len(masks) + 1)
    first, *others = (adjusted_rand_index(labels[counted], truth, n_labels) for labels in maps)
    return BesideChance.of(first, others)


def _as_map(masks: Sequence[np.ndarray], counted: np.ndarray) -> np.ndarray:
    """Objects as one map (H, W): 0 is what belongs to none; of objects that overlap, the smaller one lies on top."""
    truth = np.zeros(counted.shape, dtype=np.int64)
    for n in sorted(range(len(masks)), key=lambda n: -masks[n].sum()):
        truth[masks[n]] = n + 1
    return truth
