"""NAVE: which parts of an image does a frozen encoder treat alike?

Source: Boubekki, Fadel, Mair, *Neuro-Activated Vision Explanations*, arXiv 2411.19700. NAVE as published in outline: k-means
of the composite activations of several depths. Depths, scaling, grid and the choice of k are ours, measured (tests/benchmarks).

    F_d  feature map of depth d (C_d, h_d, w_d), scaled so that depths can be stacked (settings.py)
    x    composite activation: all F_d resized bilinearly to one grid and stacked (never materialised, see composite.py)
    s    segmentation map (H, W): the cluster of every pixel, for every k at once

Clusters are fitted on a grid (kmeans.py), every pixel goes to its nearest centroid (label_maps.py), and the maps are judged from
the activations alone, on a sample of positions (quality.py, sample.py). Colours are stable: the clusters of k + 1 are matched to
those of k by overlap, so an index means one part while k moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explainers.maps.partitions import contingency, matching
from explainers.maps.regions import count_regions
from explainers.nave.composite import Composite, composites_of, fitting_grid, side_by_side
from explainers.nave.kmeans import Clustering, Sweep, sweep, sweep_each
from explainers.nave.label_maps import label_maps
from explainers.nave.lloyd import finished
from explainers.nave.parts import Parts
from explainers.nave.quality import Quality, centralities, depth_shares, mean_silhouettes, quality_of, suggested_k
from explainers.nave.sample import activations_at, on_plane, sampled_positions
from explainers.nave.settings import NaveSettings, balance_of, scales_of
from models.progress import IGNORED, Progress

N_SWEEPS = 8  # k-means runs side by side: the best inertia wins, their agreement is the stability
CLUSTERING_SHARE = 0.6  # of the progress bar; drawing and judging the maps take the rest


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
    centroids: tuple[np.ndarray, ...] = ()  # per k (k, D), in the order of the maps' indices
    balances: tuple[tuple[np.ndarray, float], ...] = ()  # per depth means (C,) and length; () where the scaling keeps nothing

    @property
    def shape(self) -> tuple[int, int]:
        """H and W of the maps."""
        return self.labels.shape[1:]

    def at(self, k: int) -> np.ndarray:
        """The map with k clusters, (H, W)."""
        return self.labels[self.ks.index(k)]

    def parts(self, k: int) -> Parts:
        """The clusters of the map with k clusters, as they can be found in other images."""
        return Parts(self.settings, self.centroids[self.ks.index(k)], self.balances)


def segment(
    feature_maps: Sequence[Tensor],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = IGNORED,
) -> Segmentation:
    """Segmentation maps of one image for every k of the settings, (n_k, H, W).

    ``feature_maps`` holds one (C, h, w) per depth of the settings; ``image_shape`` is H and W, the encoder's input in pixels.
    Equal maps, settings and number of threads give equal bytes.
    """
    (segmentation,) = segment_together([feature_maps], settings, [image_shape], progress)
    return segmentation


def segment_together(
    feature_maps: Sequence[Sequence[Tensor]],
    settings: NaveSettings,
    image_shapes: Sequence[tuple[int, int]],
    progress: Progress = IGNORED,
) -> tuple[Segmentation, ...]:
    """Segmentations of several images whose positions are clustered together: a cluster means one thing in all of them.

    ``feature_maps`` holds per image one (C, h, w) per depth, ``image_shapes`` per image H and W. Scaling, inertia, stability,
    silhouette, centrality and the suggested k are of all images together, regions and scatter of each.
    """
    images, balances = _composites(feature_maps, settings, image_shapes)
    clustering = progress.part(0, CLUSTERING_SHARE, "Clustering")
    swept = sweep(images, settings.max_clusters, N_SWEEPS, settings.seed, clustering, exact=settings.fit != "fast")
    drawn = _drawn(swept, images, settings, image_shapes, progress.part(CLUSTERING_SHARE, 1))
    return tuple(replace(segmentation, balances=balances) for segmentation in drawn)


def segment_each(
    feature_maps: Sequence[Sequence[Tensor]],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = IGNORED,
) -> tuple[Segmentation, ...]:
    """Segmentations of several images of one shape, each alone: what ``segment`` gives up to rounding, but faster.

    ``feature_maps`` holds per image one (C, h, w) per depth; ``image_shape`` is H and W of them all.
    """
    each = [_composites([maps], settings, [image_shape]) for maps in feature_maps]
    images = [image for (image,), _ in each]
    together = [side_by_side(images)]
    clustering, drawing = progress.part(0, CLUSTERING_SHARE, "Clustering"), progress.part(CLUSTERING_SHARE, 1)
    sweeps = sweep_each(together, settings.max_clusters, N_SWEEPS, settings.seed, clustering, exact=settings.fit != "fast")
    segmentations: list[Segmentation] = []
    for n, (swept, ((image,), balances)) in enumerate(zip(sweeps, each, strict=True)):
        part = drawing.part(n / len(each), (n + 1) / len(each))
        (segmentation,) = _drawn(swept, [image], settings, [image_shape], part)
        segmentations.append(replace(segmentation, balances=balances))
    return tuple(segmentations)


def _composites(
    feature_maps: Sequence[Sequence[Tensor]], settings: NaveSettings, image_shapes: Sequence[tuple[int, int]]
) -> tuple[list[Composite], tuple[tuple[np.ndarray, float], ...]]:
    """Every image's composite on the grid on which clusters are fitted, scaled together; and what scaling them took."""
    of_depths = zip(*feature_maps, strict=True) if settings.scaling == "balanced" else ()
    balances = [balance_of(of_depth) for of_depth in of_depths]
    scales = scales_of(settings.scaling, len(feature_maps[0]), balances)
    kept = tuple((balance.means.flatten().cpu().numpy(), float(balance.length)) for balance in balances)
    return composites_of(feature_maps, scales, [fitting_grid(shape) for shape in image_shapes]), kept


def _drawn(
    swept: Sweep,
    images: Sequence[Composite],
    settings: NaveSettings,
    image_shapes: Sequence[tuple[int, int]],
    progress: Progress,
) -> tuple[Segmentation, ...]:
    """From clusterings to maps that are judged."""
    full = [image.on_grid(shape) for image, shape in zip(images, image_shapes, strict=True)]
    refining = progress.part(0, 0.5, "Refining on every pixel")
    clusterings = _at_every_pixel(full, swept.clusterings, refining) if settings.fit == "full" else swept.clusterings
    progress.report(0.5, "Drawing the maps")
    labels, coloured = _with_stable_colours(full, clusterings[settings.min_clusters - 1 :])
    progress.report(0.75, "Judging the maps")
    return _judged(settings, swept, clusterings[0], coloured, labels)


def _at_every_pixel(full: Sequence[Composite], clusterings: Sequence[Clustering], progress: Progress) -> list[Clustering]:
    """Clusterings as Lloyd leaves them when it goes on over every pixel of the input."""
    refined = finished(full, [clustering.centroids for clustering in clusterings], progress=progress)
    pairs = zip(refined, clusterings, strict=True)
    return [Clustering(centroids, inertia, clustering.sweeps) for (centroids, inertia), clustering in pairs]


def _with_stable_colours(
    images: Sequence[Composite], clusterings: Sequence[Clustering]
) -> tuple[list[np.ndarray], list[Clustering]]:
    """Per image the maps (n_k, H, W), and the clusterings with their centroids in the order of the colours."""
    labels = [label_maps(image, [clustering.centroids for clustering in clusterings]).cpu().numpy() for image in images]
    coloured = []
    for n, clustering in enumerate(clusterings):
        k = clustering.k
        if n:
            overlaps = [contingency(maps[n - 1, ::2, ::2], maps[n, ::2, ::2], k) for maps in labels]
            colours = matching(np.sum(overlaps, axis=0))
        else:
            areas = np.sum([np.bincount(maps[0].ravel(), minlength=k) for maps in labels], axis=0)
            colours = np.argsort(np.argsort(-areas, kind="stable"))  # every label's rank by area, the largest first
        for maps in labels:
            np.take(colours.astype(np.uint8), maps[n], out=maps[n])  # through a buffer, so in place is safe
        order = torch.from_numpy(np.argsort(colours)).to(clustering.centroids.device)
        coloured.append(replace(clustering, centroids=clustering.centroids[order]))
    return labels, coloured


def _judged(
    settings: NaveSettings,
    swept: Sweep,
    whole: Clustering,
    clusterings: Sequence[Clustering],
    labels: Sequence[np.ndarray],
) -> tuple[Segmentation, ...]:
    """Maps (n_k, H, W) per image with what they are worth; ``whole`` is the single cluster that the others are held against."""
    shapes = [maps.shape[1:] for maps in labels]
    positions = sampled_positions(shapes, settings.seed)
    activations = activations_at(swept.images, positions, shapes)
    sampled_labels = [maps.reshape(len(maps), -1)[:, idx] for maps, idx in zip(labels, positions, strict=True)]
    silhouettes = mean_silhouettes(activations, np.concatenate(sampled_labels, axis=1))
    shares = depth_shares(swept.depth_channels, [clustering.centroids for clustering in clusterings], whole.centroids)
    scatter = np.split(on_plane(activations, swept.axes), np.cumsum([len(idx) for idx in positions])[:-1])
    centroids = tuple(clustering.centroids.float().cpu().numpy() for clustering in clusterings)
    central = np.mean([centralities(maps) for maps in labels], axis=0).tolist()
    segmentations = []
    for n, maps in enumerate(labels):
        judged = zip(clusterings, silhouettes, map(count_regions, maps), central, strict=True)
        quality = tuple(quality_of(at_k, whole.inertia, width, count, share) for at_k, width, count, share in judged)
        segmentations.append(
            Segmentation(
                settings=settings,
                ks=settings.ks,
                labels=maps,
                quality=quality,
                suggested_k=suggested_k(quality),
                depth_shares=shares,
                scatter=scatter[n],
                scatter_idx=np.stack(np.unravel_index(positions[n], shapes[n]), axis=1),
                centroids=centroids,
            )
        )
    return tuple(segmentations)
