"""How alike do two segmentation maps, made by two encoders each on its own, divide the same photo?

    agreement      adjusted Rand index (Hubert, Arabie 1985), adjusted mutual information (Vinh, Epps, Bailey 2010)
    colours        linear assignment by overlap: which cluster of one map is which of the other
    disagreement   position by position, from the overlap of the two clusters there
    granularity    which k gives two encoders maps with about as many regions

Maps of different size cover the same photo; the second is brought to the size of the first by nearest neighbour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from explainers.drawing.clusters import at_size
from explainers.maps.partitions import adjusted_rand_index, contingency, matched_to


@dataclass(frozen=True)
class MapAgreement:
    """How alike two segmentation maps divide a photo; 1 means the same, about 0 what chance gives."""

    adjusted_rand: float
    adjusted_mutual_information: float


@dataclass(frozen=True)
class Spread:
    """An agreement over several photos."""

    mean: float
    std: float  # 0 for a single photo


def map_agreement(a: np.ndarray, b: np.ndarray) -> MapAgreement:
    """How alike two label maps (H, W) and (h, w) divide one photo."""
    b = at_size(b, a.shape)
    n_labels = int(max(a.max(), b.max())) + 1
    mutual = adjusted_mutual_info_score(a.ravel(), b.ravel())
    return MapAgreement(adjusted_rand_index(a, b, n_labels), float(mutual))


def agreement_over_k(a: np.ndarray, b: np.ndarray) -> tuple[MapAgreement, ...]:
    """How alike two encoders divide one photo at every k, for label maps (n_k, H, W) and (n_k, h, w) of the same ks."""
    return tuple(map_agreement(*at_k) for at_k in zip(a, b, strict=True))


def spread(agreements: Sequence[float]) -> Spread:
    """Mean and standard deviation (n - 1) of an agreement with one value per photo."""
    values = np.asarray(agreements, dtype=np.float64)
    return Spread(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0)


def matched_names(reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For every label of a map (h, w) the name under which the map overlaps most with a reference (H, W): (n,), a permutation.

    Where ``labels`` has more clusters than the reference, those without a partner take the names that are left.
    """
    n_labels = int(max(reference.max(), labels.max())) + 1
    return matched_to(reference, at_size(labels, reference.shape), n_labels)


def in_colours_of(reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The labels (h, w) under the names that match a reference (H, W), at their own size: (h, w)."""
    return matched_names(reference, labels).astype(labels.dtype)[labels]


def disagreement(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How differently two label maps (H, W) and (h, w) group every position, (H, W) in [0, 1): one minus the intersection over
    union of the position's two clusters. Names of clusters do not matter."""
    b = at_size(b, a.shape)
    n_labels = int(max(a.max(), b.max())) + 1
    common = contingency(a, b, n_labels).astype(np.float64)
    either = common.sum(1)[:, None] + common.sum(0) - common
    apart = 1 - common / np.maximum(either, 1)  # pairs that are in neither map are never looked up
    return apart[a, b].astype(np.float32)


def k_of_regions(n_regions: Mapping[int, int], wanted: int) -> int:
    """The k whose map has the number of regions nearest to ``wanted``, the smallest of several; ``n_regions`` holds them by k."""
    return min(n_regions, key=lambda k: (abs(n_regions[k] - wanted), k))


def region_counts(n_regions: Sequence[Mapping[int, int]], n_choices: int = 20) -> tuple[int, ...]:
    """Numbers of regions worth choosing: in equal proportions through the range that all encoders reach.

    ``n_regions`` holds per encoder the number of regions by k.
    """
    low = max(min(by_k.values()) for by_k in n_regions)
    high = min(max(by_k.values()) for by_k in n_regions)
    low, high = min(low, high), max(low, high)  # ranges that do not meet: what lies between them
    return tuple(np.unique(np.geomspace(max(low, 1), max(high, 1), n_choices).round().astype(int)).tolist())
