"""The clusters of a photo beside what people drew into it: for the pages, and as a record of the command line."""

from typing import Any

import numpy as np

from explainers.maps.truths import TruthMatch, truth_match
from explainers.truth.objects import Truth


def match_of(truth: Truth, labels: np.ndarray, n_clusters: int) -> TruthMatch:
    """A map (h, w), of the size for which the truth was read, beside it."""
    objects = [thing.mask if thing.box is None else thing.box for thing in truth.objects]
    return truth_match(labels, [thing for thing in objects if thing is not None], truth.left_out, n_clusters)


def truth_record(truth: Truth, match: TruthMatch, file_name: str) -> dict[str, Any]:
    """Every object with its best cluster, and the whole, each beside chance."""
    pairs = zip(truth.objects, match.objects, strict=True)
    return {
        "file": file_name,
        "n_clusters": match.n_clusters,
        "objects": [{"name": thing.name, "cluster_idx": fit.cluster_idx, "iou": fit.iou.record} for thing, fit in pairs],
        "mean_iou": match.mean_iou.record,
        "covering": match.covering and match.covering.record,
        "adjusted_rand": match.adjusted_rand and match.adjusted_rand.record,
    }
