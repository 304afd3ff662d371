"""How good a segmentation map is, judged from the activations alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explainers.maps.localization import covering
from explainers.maps.regions import region_map
from explainers.nave.kmeans import Clustering

N_COARSE = 5  # maps, from the smallest k on, whose regions a suggested map must come near: of k = 2 to 6
SILHOUETTE_WEIGHT = 1.5  # beside centrality; this and N_COARSE were chosen on rendered scenes (tests/benchmarks/RESULTS.md)
_COMPARED_SIDE = 112  # px of the maps on which regions are compared


@dataclass(frozen=True)
class Quality:
    """How good a segmentation map is, judged from the activations alone."""

    k: int
    inertia: float  # summed squared distance to the centroid, over the positions that the fit takes
    explained: float  # share of the variance of the composite activations that the clusters explain
    silhouette: float  # on a sample of positions and in few coordinates per depth, in [-1, 1]
    stability: float  # mean adjusted Rand index between seeds, at most 1
    n_regions: int  # connected components of all clusters together
    centrality: float = 0.0  # how well its regions cover those of the coarsest maps, in [0, 1]


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of one map."""

    cluster_idx: int
    area: float  # share of the pixels
    n_regions: int


def quality_of(
    clustering: Clustering, total_inertia: float, silhouette: float, n_regions: int, centrality: float = 0.0
) -> Quality:
    """The quality of the map of one clustering; ``total_inertia`` is the inertia of a single cluster."""
    return Quality(
        k=clustering.k,
        inertia=clustering.inertia,
        explained=1 - clustering.inertia / total_inertia if total_inertia > 0 else 1.0,  # nothing varies: all is explained
        silhouette=silhouette,
        stability=clustering.stability,
        n_regions=n_regions,
        centrality=centrality,
    )


def centralities(labels: np.ndarray, n_coarse: int = N_COARSE) -> np.ndarray:
    """How well the regions of every map (n_k, H, W) cover those of the ``n_coarse`` coarsest on average, (n_k,) in [0, 1].

    If what people would draw is about as coarse as these, the map with the largest value is expected to cover it best.
    """
    stride = -(-max(labels.shape[1:]) // _COMPARED_SIDE)
    regions = [region_map(np.ascontiguousarray(of_k[::stride, ::stride])) for of_k in labels]
    return np.array([np.mean([covering(own, coarse) for coarse in regions[:n_coarse]]) for own in regions])


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
    """The k to show first: the one with the most of centrality and silhouette together, the smallest of several."""
    return max(quality, key=lambda q: q.centrality + SILHOUETTE_WEIGHT * q.silhouette).k


def cluster_table(labels: np.ndarray, n_clusters: int) -> list[ClusterRow]:
    """Area and number of regions of every cluster of a map (H, W)."""
    areas = np.bincount(labels.ravel(), minlength=n_clusters) / labels.size
    _, first_pixel = np.unique(region_map(labels), return_index=True)
    n_regions = np.bincount(labels.ravel()[first_pixel], minlength=n_clusters)
    return [ClusterRow(i, float(areas[i]), int(n_regions[i])) for i in range(n_clusters)]
