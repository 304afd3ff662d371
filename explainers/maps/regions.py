"""Regions of a segmentation map: connected pixels of one cluster (neighbours share a side).

Rows are cut into runs of equal labels; runs that touch from one row to the next are the edges of a graph, and regions are its
connected components. A map has far fewer runs than pixels.
"""

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def region_map(labels: np.ndarray) -> np.ndarray:
    """The region of every pixel of a segmentation map (H, W), (H, W) counted from 0 in reading order."""
    run_idx, touching = _runs(labels)
    return connected_components(touching, directed=False)[1][run_idx]


def count_regions(labels: np.ndarray) -> int:
    """Number of regions of a segmentation map (H, W)."""
    return connected_components(_runs(labels)[1], directed=False, return_labels=False)


def _runs(labels: np.ndarray) -> tuple[np.ndarray, csr_array]:
    """The run of every pixel, (H, W) in reading order, and which runs touch, (n_runs, n_runs)."""
    is_start = np.ones(labels.shape, dtype=bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=is_start[:, 1:])
    run_idx = np.cumsum(is_start.ravel(), dtype=np.int32).reshape(labels.shape) - 1
    n_runs = int(run_idx[-1, -1]) + 1
    like_below = labels[1:] == labels[:-1]
    touch_anew = like_below.copy()  # two runs share several columns: the first of them is enough
    touch_anew[:, 1:] &= ~like_below[:, :-1] | is_start[1:, 1:] | is_start[:-1, 1:]
    upper, lower = run_idx[:-1][touch_anew], run_idx[1:][touch_anew]
    row_ends = np.concatenate([[0], np.bincount(upper, minlength=n_runs).cumsum()])  # ``upper`` rises: these are sorted rows
    return run_idx, csr_array((np.ones(len(upper), dtype=np.int8), lower, row_ends), shape=(n_runs, n_runs))


def without_small_regions(labels: np.ndarray, min_share: float = 0.002) -> np.ndarray:
    """The label map (h, w) with every region of less than ``min_share`` of all pixels given to what lies nearest; (h, w)."""
    regions = region_map(labels)
    is_small = (np.bincount(regions.ravel()) < min_share * labels.size)[regions]
    if not is_small.any() or is_small.all():
        return labels
    rows, columns = ndimage.distance_transform_edt(is_small, return_distances=False, return_indices=True)
    return labels[rows, columns]
