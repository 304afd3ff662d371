"""NAVE: which parts of an image does a frozen encoder treat alike?

Source: Boubekki, Fadel, Mair, *Neuro-Activated Vision Explanations*, arXiv 2411.19700. NAVE as published in outline: k-means
of the composite activations of several depths. Depths, scaling, grid and the choice of k are ours, measured (README).

    F_d  feature map of depth d (C_d, h_d, w_d), scaled so that depths can be stacked
    x    composite activation: all F_d resized bilinearly to one grid and stacked (never materialised, see clustering.py)
    s    segmentation map (H, W): the cluster of every pixel, for every k at once

Colours are stable: the clusters of k + 1 are matched to those of k by overlap, so an index means one part while k moves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from explainers.clustering import Clustering, Sweep, sweep, sweep_each
from explainers.composite import Composite, composite_of, side_by_side
from explainers.errors import BadSettings
from explainers.label_maps import label_maps
from explainers.lloyd import finished
from explainers.partitions import contingency, matching
from explainers.regions import count_regions, region_map

Fit = Literal["grid", "full", "fast"]
Scaling = Literal["balanced", "raw", "unit"]
Progress = Callable[[float, str], None]  # share done in [0, 1], what is being done; may raise to stop

GRID_STRIDE = 4  # the grid is a quarter of the input size; maps are drawn at the full input size
N_SWEEPS = 8  # k-means runs side by side: the best inertia wins, their agreement is the stability
N_SAMPLE = 800  # positions behind the silhouette and the scatter
CLUSTER_RANGE = (2, 40)
INPUT_SIZE_RANGE = (32, 1024)
STABLE_ENOUGH = 0.15  # a k may be suggested if its stability is this close to the best
FITS: dict[str, str] = {
    "grid": "Exact k-means on a grid of a quarter of the input size.",
    "full": "Exact k-means on every pixel of the input: about half as long again.",
    "fast": "K-means on a sample of positions and their main components, not refined: an approximation.",
}
"""On which positions clusters are found, and what it means."""


@dataclass(frozen=True)
class NaveSettings:
    """What decides a segmentation map, besides the encoder and the image."""

    depths: tuple[int, ...] = ()  # () asks the service for the encoder's default depths
    scaling: Scaling = "balanced"
    input_size: int = 448
    min_clusters: int = 2
    max_clusters: int = 20
    seed: int = 0
    fit: Fit = "grid"  # see FITS

    @property
    def ks(self) -> tuple[int, ...]:
        return tuple(range(self.min_clusters, self.max_clusters + 1))


@dataclass(frozen=True)
class Quality:
    """How good a segmentation map is, judged from the activations alone."""

    k: int
    inertia: float  # summed squared distance to the centroid, over the positions that the fit takes
    explained: float  # share of the variance of the composite activations that the clusters explain
    silhouette: float  # on a sample of positions and in few coordinates per depth, in [-1, 1]
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


def balanced(maps: Sequence[Tensor]) -> list[Tensor]:
    """Channel means removed, divided by the root of the mean squared norm: every depth weighs alike. Constant stays zero."""
    n_positions = sum(one[0].numel() for one in maps)
    mean = sum(one.sum((1, 2), keepdim=True, dtype=torch.float64) for one in maps) / n_positions
    centred = [one - mean.to(one.dtype) for one in maps]
    spread = (sum(one.square().sum() for one in centred) / n_positions).sqrt()
    return [one / spread for one in centred] if spread > 0 else centred


def raw(maps: Sequence[Tensor]) -> list[Tensor]:
    """As the encoder left them: a depth with larger activations weighs more."""
    return list(maps)


def unit(maps: Sequence[Tensor]) -> list[Tensor]:
    """Every position's vector at length one; a zero vector stays zero."""
    norms = [one.norm(dim=0, keepdim=True) for one in maps]
    return [one / torch.where(norm > 0, norm, 1) for one, norm in zip(maps, norms, strict=True)]


# One depth's maps of the images that are clustered together, (C, h, w) each
SCALINGS: dict[str, Callable[[Sequence[Tensor]], list[Tensor]]] = {"balanced": balanced, "raw": raw, "unit": unit}


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
    if settings.fit not in FITS:
        raise BadSettings(f"There is no fit '{settings.fit}'; choose one of {', '.join(FITS)}.")
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
    (segmentation,) = segment_together([feature_maps], settings, [image_shape], progress)
    return segmentation


def segment_together(
    feature_maps: Sequence[Sequence[Tensor]],
    settings: NaveSettings,
    image_shapes: Sequence[tuple[int, int]],
    progress: Progress = lambda share, doing: None,
) -> tuple[Segmentation, ...]:
    """The same for several images whose positions are clustered together: a cluster means one thing in all of them.

    One Segmentation per image. Scaling, inertia, stability, silhouette and the suggested k are of all images together,
    regions and scatter of each.
    """
    images = _composites(feature_maps, settings, image_shapes)
    swept = sweep(images, settings.max_clusters, N_SWEEPS, settings.seed, settings.fit != "fast", _while_clustering(progress))
    return _drawn(swept, images, settings, image_shapes, progress)


def segment_each(
    feature_maps: Sequence[Sequence[Tensor]],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = lambda share, doing: None,
) -> tuple[Segmentation, ...]:
    """``segment`` for several images of one shape, side by side: the same up to rounding, and faster."""
    images = [_composites([maps], settings, [image_shape])[0] for maps in feature_maps]
    clusters = _while_clustering(progress)
    swept = sweep_each([side_by_side(images)], settings.max_clusters, N_SWEEPS, settings.seed, settings.fit != "fast", clusters)
    found = []
    for n, (of_image, image) in enumerate(zip(swept, images, strict=True)):
        told = lambda share, doing: progress(0.6 + (0.4 * n + share - 0.6) / len(images), doing)  # noqa: B023, E731
        found += _drawn(of_image, [image], settings, [image_shape], told)
    return tuple(found)


def _composites(
    feature_maps: Sequence[Sequence[Tensor]], settings: NaveSettings, image_shapes: Sequence[tuple[int, int]]
) -> list[Composite]:
    """Every image's composite on the grid on which clusters are fitted; scaled together."""
    scaled = [SCALINGS[settings.scaling](maps) for maps in zip(*feature_maps, strict=True)]
    return [composite_of(maps, _grid(shape)) for maps, shape in zip(zip(*scaled, strict=True), image_shapes, strict=True)]


def _while_clustering(progress: Progress) -> Callable[[float], None]:
    return lambda share: progress(0.6 * share, f"Clustering, {share:.0%}")


def _drawn(
    swept: Sweep,
    images: Sequence[Composite],
    settings: NaveSettings,
    image_shapes: Sequence[tuple[int, int]],
    progress: Progress,
) -> tuple[Segmentation, ...]:
    """From clusterings to maps that are judged."""
    full = [image.on_grid(shape) for image, shape in zip(images, image_shapes, strict=True)]
    clusterings = _at_every_pixel(full, swept.clusterings, progress) if settings.fit == "full" else swept.clusterings
    progress(0.8, "Drawing the maps")
    labels, chosen = _with_stable_colours(full, clusterings[settings.min_clusters - 1 :])
    progress(0.9, "Judging the maps")
    return _judged(settings, swept, clusterings[0], chosen, labels)


def _judged(
    settings: NaveSettings, swept: Sweep, one: Clustering, chosen: Sequence[Clustering], labels: Sequence[np.ndarray]
) -> tuple[Segmentation, ...]:
    """Maps (n_k, H, W) per image with what they are worth; ``one`` is the single cluster that the others are held against."""
    shapes = [maps.shape[1:] for maps in labels]
    sample = _sample(shapes, settings.seed)
    points = _at_positions(swept.images, sample, shapes)
    sampled_labels = [maps.reshape(len(maps), -1)[:, idx] for maps, idx in zip(labels, sample, strict=True)]
    silhouettes = _silhouettes(points, np.concatenate(sampled_labels, axis=1))
    shares = _depth_shares(swept.depth_channels, [of_k.centroids for of_k in chosen], one.centroids)
    scatter = np.split(_on_plane(points, swept.axes), np.cumsum([len(idx) for idx in sample])[:-1])
    found = []
    for n, maps in enumerate(labels):
        figures = zip(chosen, silhouettes, map(count_regions, maps), strict=True)
        quality = tuple(_quality(of_k, one.inertia, silhouette, n_regions) for of_k, silhouette, n_regions in figures)
        found.append(
            Segmentation(
                settings=settings,
                ks=settings.ks,
                labels=maps,
                quality=quality,
                suggested_k=suggested_k(quality),
                depth_shares=shares,
                scatter=scatter[n],
                scatter_idx=np.stack(np.unravel_index(sample[n], shapes[n]), axis=1),
            )
        )
    return tuple(found)


def _grid(image_shape: tuple[int, int]) -> tuple[int, int]:
    """The grid on which clusters are fitted."""
    height, width = (-(-side // GRID_STRIDE) for side in image_shape)
    return height, width


def _at_every_pixel(full: Sequence[Composite], clusterings: Sequence[Clustering], progress: Progress) -> list[Clustering]:
    """The same clusterings after Lloyd on the whole input."""
    told = lambda share: progress(0.6 + 0.2 * share, f"Refining on every pixel, {share:.0%}")  # noqa: E731
    found = finished(full, [clustering.centroids for clustering in clusterings], on_step=told)
    return [Clustering(*one, clustering.sweeps) for one, clustering in zip(found, clusterings, strict=True)]


def _with_stable_colours(
    images: Sequence[Composite], clusterings: Sequence[Clustering]
) -> tuple[list[np.ndarray], list[Clustering]]:
    """Per image the maps (n_k, H, W), and the clusterings with their centroids in the order of the colours."""
    maps = [label_maps(image, [one.centroids for one in clusterings]).cpu().numpy() for image in images]
    ordered = []
    for n, clustering in enumerate(clusterings):
        if n:
            pairs = ((of_image[n - 1, ::2, ::2], of_image[n, ::2, ::2]) for of_image in maps)
            colours = matching(sum(contingency(*pair, clustering.k) for pair in pairs))
        else:
            colours = _by_area(sum(np.bincount(of_image[0].ravel(), minlength=clustering.k) for of_image in maps))
        for of_image in maps:
            np.take(colours.astype(np.uint8), of_image[n], out=of_image[n])  # through a buffer, so in place is safe
        order = torch.from_numpy(np.argsort(colours)).to(clustering.centroids.device)
        ordered.append(replace(clustering, centroids=clustering.centroids[order]))
    return maps, ordered


def _by_area(areas: np.ndarray) -> np.ndarray:
    """For every label its rank by area, largest first."""
    return np.argsort(np.argsort(-areas, kind="stable"))


def _sample(shapes: Sequence[tuple[int, int]], seed: int) -> list[np.ndarray]:
    """Per image the flat indices of a sample of its positions; N_SAMPLE at most over all images."""
    ends = np.cumsum([height * width for height, width in shapes])
    drawn = np.random.default_rng(seed).choice(ends[-1], min(N_SAMPLE, ends[-1]), replace=False)
    image_idx = np.searchsorted(ends, drawn, side="right")
    return [drawn[image_idx == n] - start for n, start in enumerate([0, *ends[:-1].tolist()])]


def _at_positions(images: Sequence[Composite], positions: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]) -> Tensor:
    """The images' activations at some positions of grids of these shapes, (n, D)."""
    found = []
    for image, flat_idx, shape in zip(images, positions, shapes, strict=True):
        device = image.blocks[0].maps.device
        found.append(image.on_grid(shape).at(torch.from_numpy(flat_idx).to(device)))
    return torch.cat(found)


def _on_plane(activations: Tensor, axes: Tensor) -> np.ndarray:
    """Coordinates on two axes, (n, 2), centred."""
    plane = ((activations - activations.mean(0)) @ axes.T).cpu().numpy()
    return plane * np.where(plane[np.abs(plane).argmax(0), range(2)] < 0, -1, 1)  # an axis has no sign of its own: fix it


def _quality(clustering: Clustering, total_inertia: float, silhouette: float, n_regions: int) -> Quality:
    return Quality(
        k=clustering.k,
        inertia=clustering.inertia,
        explained=1 - clustering.inertia / total_inertia if total_inertia > 0 else 1.0,  # nothing varies: all is explained
        silhouette=silhouette,
        stability=clustering.stability,
        n_regions=n_regions,
    )


def _silhouettes(activations: Tensor, labels: Sequence[np.ndarray]) -> list[float]:
    """Mean silhouette (Rousseeuw 1987) of the sample (n, D) under several labellings (n,).

    0, which is no verdict, where a labelling has one cluster only or nothing but singletons.
    """
    sizes = [int(one.max()) + 1 for one in labels]
    firsts = np.cumsum([0, *sizes[:-1]])  # the clusters of all labellings are numbered through
    own_idx = torch.from_numpy(np.stack(labels, axis=1) + firsts).to(activations.device)  # (n, n_k)
    distances = torch.cdist(activations, activations, compute_mode="use_mm_for_euclid_dist").fill_diagonal_(0)
    members = distances.new_zeros(len(distances), sum(sizes)).scatter_(1, own_idx, 1.0)
    sums, counts = distances @ members, members.sum(0)
    n_own = counts[own_idx]
    within = sums.gather(1, own_idx) / (n_own - 1).clamp_min(1)
    others = (sums / counts).masked_fill_(counts == 0, torch.inf).scatter_(1, own_idx, torch.inf)
    between = torch.stack([part.amin(1) for part in others.split(sizes, dim=1)], dim=1)
    widths = ((between - within) / torch.maximum(between, within)).nan_to_num(0).masked_fill(n_own == 1, 0)
    n_clusters = torch.stack([(part > 0).sum() for part in counts.split(sizes)])
    told = (n_clusters >= 2) & (n_clusters < len(distances))
    return torch.where(told, widths.mean(0), 0).tolist()


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


def _depth_shares(depth_channels: tuple[int, ...], centroids: Sequence[Tensor], mean: Tensor) -> tuple[np.ndarray, ...]:
    """Each depth's share in the squared distance of a centroid (k, D) from the overall mean, per k (k, n_depths); alike where
    it is zero."""
    offsets = (torch.cat(list(centroids)) - mean).split(depth_channels, dim=1)
    parts = torch.stack([of_depth.square().sum(1) for of_depth in offsets], dim=1)
    total = parts.sum(1, keepdim=True)
    shares = torch.where(total > 0, parts / total, 1 / len(offsets)).cpu().numpy()
    return tuple(np.split(shares, np.cumsum([len(one) for one in centroids])[:-1]))


def cluster_table(labels: np.ndarray, n_clusters: int) -> list[ClusterRow]:
    """Area and number of regions of every cluster of a map (H, W)."""
    areas = np.bincount(labels.ravel(), minlength=n_clusters) / labels.size
    regions, _ = region_map(labels)
    _, first_pixel = np.unique(regions, return_index=True)
    n_regions = np.bincount(labels.ravel()[first_pixel], minlength=n_clusters)
    return [ClusterRow(i, float(areas[i]), int(n_regions[i])) for i in range(n_clusters)]
