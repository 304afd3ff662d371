"""NAVE: which parts of an image does a frozen encoder treat alike?

Source: Boubekki, Fadel, Mair, *Neuro-Activated Vision Explanations*, arXiv 2411.19700. NAVE as published in outline: k-means
of the composite activations of several depths. Depths, scaling, grid and the choice of k are ours, measured (README).

    F_d  feature map of depth d (C_d, h_d, w_d), scaled so that depths can be stacked
    x    composite activation: all F_d resized bilinearly to one grid and stacked (never materialised, see clustering.py)
    s    segmentation map (H, W): the cluster of every pixel, for every k at once

Colours are stable: the clusters of k + 1 are matched to those of k by overlap, so an index means one part while k moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import linalg, ndimage
from sklearn.metrics import silhouette_score
from torch import Tensor

from explainers.clustering import Clustering, Composite, assign, composite_of, matched_to, sweep
from explainers.errors import BadSettings

Scaling = Literal["balanced", "raw", "unit"]
Progress = Callable[[float, str], None]  # share done in [0, 1], what is being done; may raise to stop

GRID_STRIDE = 4  # clusters are fitted on a quarter of the input size; maps are drawn at the full input size
N_SWEEPS = 4  # k-means runs side by side: the best inertia wins, their agreement is the stability
N_SAMPLE = 800  # positions behind the silhouette and the scatter
CLUSTER_RANGE = (2, 40)
INPUT_SIZE_RANGE = (32, 1024)
STABLE_ENOUGH = 0.15  # a k may be suggested if its stability is this close to the best: about the scatter of six pairs of sweeps


@dataclass(frozen=True)
class NaveSettings:
    """What decides a segmentation map, besides the encoder and the image."""

    depths: tuple[int, ...] = ()  # () asks the service for the encoder's default depths
    scaling: Scaling = "balanced"
    input_size: int = 448
    min_clusters: int = 2
    max_clusters: int = 20
    seed: int = 0

    @property
    def ks(self) -> tuple[int, ...]:
        return tuple(range(self.min_clusters, self.max_clusters + 1))


@dataclass(frozen=True)
class Quality:
    """How good a segmentation map is, judged from the activations alone."""

    k: int
    inertia: float  # summed squared distance to the centroid
    explained: float  # share of the variance of the composite activations that the clusters explain
    silhouette: float  # on a sample of positions, in [-1, 1]
    stability: float  # mean adjusted Rand index between seeds, at most 1
    n_regions: int  # connected components of all clusters together


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The segmentation maps of one image for every k, with what they are worth. Data on the CPU."""

    settings: NaveSettings
    ks: tuple[int, ...]
    labels: np.ndarray  # (n_k, H, W) uint8, below k; an index keeps its part (and its colour) as k grows
    quality: tuple[Quality, ...]  # one per k
    suggested_k: int
    depth_shares: tuple[np.ndarray, ...]  # per k (k, n_depths): how much each depth sets a cluster apart; rows sum to 1
    scatter: np.ndarray  # (n, 2): a sample of composite activations on their two principal components
    scatter_idx: np.ndarray  # (n, 2): row and column of those positions in the maps

    @property
    def shape(self) -> tuple[int, int]:
        return self.labels.shape[1:]

    @property
    def n_bytes(self) -> int:
        return self.labels.nbytes + self.scatter.nbytes + self.scatter_idx.nbytes

    def at(self, k: int) -> np.ndarray:
        """The map with k clusters, (H, W)."""
        return self.labels[self.ks.index(k)]


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of one map."""

    cluster_idx: int
    area: float  # share of the pixels
    n_regions: int


def balanced(maps: Tensor) -> Tensor:
    """Channel means removed, divided by the root of the mean squared norm: every depth weighs alike. Constant stays zero."""
    centred = maps - maps.mean((1, 2), keepdim=True)
    spread = centred.square().sum(0).mean().sqrt()
    return centred / spread if spread > 0 else centred


def raw(maps: Tensor) -> Tensor:
    """As the encoder left them: a depth with larger activations weighs more."""
    return maps


def unit(maps: Tensor) -> Tensor:
    """Every position's vector at length one; a zero vector stays zero."""
    norms = maps.norm(dim=0, keepdim=True)
    return maps / torch.where(norms > 0, norms, 1)


SCALINGS: dict[str, Callable[[Tensor], Tensor]] = {"balanced": balanced, "raw": raw, "unit": unit}


def require_valid(settings: NaveSettings, n_depths: int) -> None:
    """Raises BadSettings for anything an encoder with that many depths cannot do."""
    low, high = CLUSTER_RANGE
    if not low <= settings.min_clusters <= settings.max_clusters <= high:
        raise BadSettings(
            f"Clusters {settings.min_clusters} to {settings.max_clusters} were asked for; choose a range within {low} to {high}."
        )
    smallest, largest = INPUT_SIZE_RANGE
    if not smallest <= settings.input_size <= largest:
        raise BadSettings(f"An input size of {settings.input_size} px was asked for; choose {smallest} to {largest} px.")
    if settings.scaling not in SCALINGS:
        raise BadSettings(f"There is no scaling '{settings.scaling}'; choose one of {', '.join(SCALINGS)}.")
    missing = sorted({d for d in settings.depths if not 0 <= d < n_depths})
    if missing:
        raise BadSettings(f"This encoder has depths 0 to {n_depths - 1}; {', '.join(map(str, missing))} is not among them.")
    if settings.seed < 0:
        raise BadSettings(f"The seed is {settings.seed}; it must be 0 or more.")


def segment(
    feature_maps: Sequence[Tensor],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = lambda share, doing: None,
) -> Segmentation:
    """Segmentation maps for every k of the settings, (n_k, *image_shape).

    ``feature_maps`` holds one (C, h, w) per depth of the settings; ``image_shape`` is the encoder's input in pixels.
    The same maps, settings and number of threads give the same bytes.
    """
    composite = composite_of([SCALINGS[settings.scaling](maps) for maps in feature_maps], _grid(image_shape))
    n_steps = settings.max_clusters + 1
    clusterings = sweep(
        composite,
        settings.max_clusters,
        n_sweeps=N_SWEEPS,
        seed=settings.seed,
        on_step=lambda k: progress(k / n_steps, f"Clustering, {k} of {settings.max_clusters}"),
    )
    one, chosen = clusterings[0], clusterings[settings.min_clusters - 1 :]
    labels, chosen = _with_stable_colours(composite.on_grid(image_shape), chosen)
    progress(settings.max_clusters / n_steps, "Judging the maps")
    sample = _sample(image_shape, settings.seed)
    activations = composite.on_grid(image_shape).at(torch.from_numpy(sample).to(one.centroids.device)).cpu().numpy()
    quality = _quality(chosen, labels, one.inertia, activations, sample)
    return Segmentation(
        settings=settings,
        ks=settings.ks,
        labels=labels,
        quality=quality,
        suggested_k=suggested_k(quality),
        depth_shares=tuple(_depth_shares(composite, c.centroids, one.centroids) for c in chosen),
        scatter=_principal_plane(activations),
        scatter_idx=np.stack(np.unravel_index(sample, image_shape), axis=1),
    )


def _grid(image_shape: tuple[int, int]) -> tuple[int, int]:
    """The grid on which clusters are fitted."""
    height, width = (-(-side // GRID_STRIDE) for side in image_shape)
    return height, width


def _with_stable_colours(composite: Composite, clusterings: Sequence[Clustering]) -> tuple[np.ndarray, list[Clustering]]:
    """The maps (n_k, H, W), and the clusterings with their centroids in the order of the colours."""
    maps, ordered = [], []
    for clustering in clusterings:
        labels = assign(composite, clustering.centroids).cpu().numpy()
        colours = matched_to(maps[-1], labels, clustering.k) if maps else _by_area(labels, clustering.k)
        maps.append(colours.astype(np.uint8)[labels])
        order = torch.from_numpy(np.argsort(colours)).to(clustering.centroids.device)
        ordered.append(Clustering(clustering.centroids[order], clustering.inertia, clustering.stability))
    return np.stack(maps), ordered


def _by_area(labels: np.ndarray, k: int) -> np.ndarray:
    """For every label its rank by area, largest first."""
    return np.argsort(np.argsort(-np.bincount(labels.ravel(), minlength=k), kind="stable"))


def _sample(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Flat indices of a sample of positions."""
    n_positions = shape[0] * shape[1]
    return np.random.default_rng(seed).choice(n_positions, min(N_SAMPLE, n_positions), replace=False)


def _principal_plane(activations: np.ndarray) -> np.ndarray:
    """Coordinates on the two principal components, (n, 2), from the n x n products: activations have far more channels."""
    centred = activations.astype(np.float64) - activations.mean(0)
    n = len(centred)
    variances, axes = linalg.eigh(centred @ centred.T, subset_by_index=[max(n - 2, 0), n - 1])
    plane = (axes * np.sqrt(np.maximum(variances, 0)))[:, ::-1]
    plane *= np.where(plane[np.abs(plane).argmax(0), range(plane.shape[1])] < 0, -1, 1)  # an axis has no sign of its own: fix it
    return plane.astype(np.float32)


def _quality(
    clusterings: Sequence[Clustering], labels: np.ndarray, total_inertia: float, activations: np.ndarray, sample: np.ndarray
) -> tuple[Quality, ...]:
    distances = _pairwise_distances(activations)
    return tuple(
        Quality(
            k=clustering.k,
            inertia=clustering.inertia,
            explained=1 - clustering.inertia / total_inertia if total_inertia > 0 else 1.0,  # nothing varies: all is explained
            silhouette=_silhouette(distances, k_labels.ravel()[sample]),
            stability=clustering.stability,
            n_regions=count_regions(k_labels),
        )
        for clustering, k_labels in zip(clusterings, labels, strict=True)
    )


def _pairwise_distances(activations: np.ndarray) -> np.ndarray:
    norms = np.square(activations).sum(1)
    squared = norms[:, None] + norms - 2 * activations @ activations.T
    distances = np.sqrt(np.maximum(squared, 0))
    np.fill_diagonal(distances, 0)
    return distances


def _silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the sample; 0, which is no verdict, where it holds one cluster only or nothing but singletons."""
    if not 2 <= len(np.unique(labels)) < len(labels):
        return 0.0
    return float(silhouette_score(distances, labels, metric="precomputed"))


def suggested_k(quality: Sequence[Quality]) -> int:
    """Stability first, then the elbow: of the k whose stability is near the best, the one farthest above the straight line
    from the first to the last explained share."""
    best = max(q.stability for q in quality)
    first, last = quality[0], quality[-1]
    if first.k == last.k:
        return first.k
    slope = (last.explained - first.explained) / (last.k - first.k)
    stable = [q for q in quality if q.stability >= best - STABLE_ENOUGH]
    return max(stable, key=lambda q: q.explained - first.explained - slope * (q.k - first.k)).k


def _depth_shares(composite: Composite, centroids: Tensor, mean: Tensor) -> np.ndarray:
    """Each depth's share in the squared distance of a centroid from the overall mean, (k, n_depths); alike where it is zero."""
    offsets = centroids - mean
    n_depths = len(composite.depth_blocks)
    parts = torch.stack([composite.of_depth(offsets, p).square().sum(1) for p in range(n_depths)], dim=1)
    total = parts.sum(1, keepdim=True)
    return torch.where(total > 0, parts / total, 1 / n_depths).cpu().numpy()


def _cells(labels: np.ndarray) -> np.ndarray:
    """A grid of twice the size, true on pixels and on the borders that two equal neighbours share: regions are its components."""
    height, width = labels.shape
    cells = np.zeros((2 * height - 1, 2 * width - 1), dtype=bool)
    cells[::2, ::2] = True
    cells[1::2, ::2] = labels[1:] == labels[:-1]
    cells[::2, 1::2] = labels[:, 1:] == labels[:, :-1]
    return cells


def region_map(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """The region of every pixel (4-connected, same cluster), (H, W) counted from 0, and how many there are."""
    regions, n_regions = ndimage.label(_cells(labels))
    return regions[::2, ::2] - 1, n_regions


def count_regions(labels: np.ndarray) -> int:
    """Number of 4-connected regions of equal label in a map (H, W)."""
    return region_map(labels)[1]


def cluster_table(labels: np.ndarray, n_clusters: int) -> list[ClusterRow]:
    """Area and number of regions of every cluster of a map (H, W)."""
    areas = np.bincount(labels.ravel(), minlength=n_clusters) / labels.size
    regions, _ = region_map(labels)
    _, first_pixel = np.unique(regions, return_index=True)
    n_regions = np.bincount(labels.ravel()[first_pixel], minlength=n_clusters)
    return [ClusterRow(i, float(areas[i]), int(n_regions[i])) for i in range(n_clusters)]
