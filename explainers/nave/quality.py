"""How good a segmentation map is, judged from the activations alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainers.maps.regions import region_map
from explainers.nave.kmeans import Clustering

STABLE_ENOUGH = 0.15  # a k may be suggested if its stability is this close to the best


@dataclass(frozen=True)
class Quality:
    """How good a segmentation map is, judged from the activations alone."""

    k: int
    inertia: float  # summed squared distance to the centroid, over the positions that the fit takes
    explained: float  # share of the variance of the composite activations that the clusters explain
    silhouette: float  # on a sample of positions and in few coordinates per depth, in [-1, 1]
    stability: float  # mean adjusted Rand index between seeds, at most 1
    n_regions: int  # connected components of all clusters together


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of one map."""

    cluster_idx: int
    area: float  # share of the pixels
    n_regions: int


def quality_of(clustering: Clustering, total_inertia: float, silhouette: float, n_regions: int) -> Quality:
    """The quality of the map of one clustering; ``total_inertia`` is the inertia of a single cluster."""
    return Quality(
        k=clustering.k,
        inertia=clustering.inertia,
        explained=1 - clustering.inertia / total_inertia if total_inertia > 0 else 1.0,  # nothing varies: all is explained
        silhouette=silhouette,
        stability=clustering.stability,
        n_regions=n_regions,
    )


def mean_silhouettes(activations: Tensor, labels: np.ndarray) -> list[float]:
    """Mean silhouette (Rousseeuw 1987) of a sample of activations (n, D) under several labellings (n_k, n), (n_k,).

    A labelling with a single cluster, or with nothing but singletons, has no silhouette: 0.
    """
    sizes = [int(labelling.max()) + 1 for labelling in labels]
    firsts = np.cumsum([0, *sizes[:-1]])  # the clusters of all labellings are numbered through
    own_idx = torch.from_numpy(labels.T + firsts).to(activations.device)  # (n, n_k)
    distances = torch.cdist(activations, activations, compute_mode="use_mm_for_euclid_dist").fill_diagonal_(0)
    members = distances.new_zeros(len(distances), sum(sizes)).scatter_(1, own_idx, 1.0)
    sums, counts = distances @ members, members.sum(0)
    n_own = counts[own_idx]
    within = sums.gather(1, own_idx) / (n_own - 1).clamp_min(1)
    others = (sums / counts).masked_fill_(counts == 0, torch.inf).scatter_(1, own_idx, torch.inf)
    between = torch.stack([part.amin(1) for part in others.split(sizes, dim=1)], dim=1)
    widths = ((between - within) / torch.maximum(between, within)).nan_to_num(0).masked_fill(n_own == 1, 0)
    n_clusters = torch.stack([(part > 0).sum() for part in counts.split(sizes)])
    is_defined = (n_clusters >= 2) & (n_clusters < len(distances))
    return torch.where(is_defined, widths.mean(0), 0).tolist()


def depth_shares(depth_channels: tuple[int, ...], centroids: Sequence[Tensor], mean: Tensor) -> tuple[np.ndarray, ...]:
    """Each depth's share in the squared distance of every centroid from the overall mean: per k (k, n_depths).

    ``centroids`` holds per k (k, D), ``mean`` is (1, D). All depths share alike in a distance of zero.
    """
    offsets = (torch.cat(list(centroids)) - mean).split(depth_channels, dim=1)
    parts = torch.stack([depth_offsets.square().sum(1) for depth_offsets in offsets], dim=1)
    total = parts.sum(1, keepdim=True)
    shares = torch.where(total > 0, parts / total, 1 / len(offsets)).cpu().numpy()
    return tuple(np.split(shares, np.cumsum([len(at_k) for at_k in centroids])[:-1]))


def suggested_k(quality: Sequence[Quality]) -> int:
    """The k to show first. Stability decides before the elbow: of the k whose stability is near the best, the one farthest above
    the straight line from the first to the last explained share."""
    best = max(q.stability for q in quality)
    first, last = quality[0], quality[-1]
    if first.k == last.k:
        return first.k
    slope = (last.explained - first.explained) / (last.k - first.k)
    stable = [q for q in quality if q.stability >= best - STABLE_ENOUGH]
    return max(stable, key=lambda q: q.explained - first.explained - slope * (q.k - first.k)).k


def cluster_table(labels: np.ndarray, n_clusters: int) -> list[ClusterRow]:
    """Area and number of regions of every cluster of a map (H, W)."""
    areas = np.bincount(labels.ravel(), minlength=n_clusters) / labels.size
    _, first_pixel = np.unique(region_map(labels), return_index=True)
    n_regions = np.bincount(labels.ravel()[first_pixel], minlength=n_clusters)
    return [ClusterRow(i, float(areas[i]), int(n_regions[i])) for i in range(n_clusters)]
