"""How well do segmentation maps agree with what people drew? Masks of objects, maps of regions.

Label-free measures (covering, probabilistic Rand index) and oracle-chosen ones (majority vote, best match: the truth picks the
clusters) answer different questions; they are never mixed in one column.

Sources: covering: Arbelaez, Maire, Fowlkes, Malik, PAMI 2011; probabilistic Rand index: Unnikrishnan, Pantofaru, Hebert,
PAMI 2007.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import rand_score


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean masks (H, W); 1 if both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def majority_vote_iou(labels: np.ndarray, mask: np.ndarray) -> float:
    """Foreground IoU of a segmentation map (H, W) with a boolean mask (H, W), if every cluster counts as foreground that lies
    mostly within the mask (oracle: the mask decides)."""
    inside = np.bincount(labels[mask], minlength=int(labels.max()) + 1)
    area = np.bincount(labels.ravel())
    return iou((inside * 2 > area)[labels], mask)


def best_match_iou(labels: np.ndarray, mask: np.ndarray) -> float:
    """IoU of the single cluster of a segmentation map (H, W) that fits a boolean mask (H, W) best (oracle)."""
    return max(iou(labels == cluster, mask) for cluster in np.unique(labels))


def covering(regions: np.ndarray, truth: np.ndarray) -> float:
    """How well regions (H, W) cover a truth (H, W), in [0, 1]: the best IoU for every true region, weighted by its area."""
    n_regions, n_true = int(regions.max()) + 1, int(truth.max()) + 1
    overlap = np.bincount(truth.ravel().astype(np.int64) * n_regions + regions.ravel(), minlength=n_true * n_regions)
    overlap = overlap.reshape(n_true, n_regions)
    true_area = overlap.sum(1)
    union = true_area[:, None] + overlap.sum(0) - overlap
    best = np.divide(overlap, union, out=np.zeros(overlap.shape), where=union > 0).max(1)
    return float((best * true_area).sum() / true_area.sum())


def mean_covering(regions: np.ndarray, annotators: Sequence[np.ndarray]) -> float:
    """Covering by regions (H, W) of the region maps (H, W) that several people drew, averaged over them."""
    return float(np.mean([covering(regions, truth) for truth in annotators]))


def probabilistic_rand_index(regions: np.ndarray, annotators: Sequence[np.ndarray]) -> float:
    """Share of pixel pairs on which regions (H, W) and an annotator's (H, W) agree, averaged over annotators."""
    return float(np.mean([rand_score(truth.ravel(), regions.ravel()) for truth in annotators]))
