"""NAVE: which parts of an image does a frozen encoder treat alike?

Source: Boubekki, Fadel, Mair, *Neuro-Activated Vision Explanations*, arXiv 2411.19700. NAVE as published in outline: k-means
of the composite activations of several depths. Depths, scaling, grid and the choice of k are ours, measured (README).

    F_d  feature map of depth d (C_d, h_d, w_d), scaled so that depths can be stacked
    x    composite activation: all F_d resized bilinearly to one grid and stacked (never materialised, see clustering.py)
    s    segmentation map (H, W): the cluster of every pixel, for every k at once

Colours are stable: the clusters of k + 1 are matched to those of k by overlap, so an index means one part while k moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explainers.maps.partitions import contingency, matching
from explainers.maps.regions import count_regions
from explainers.nave.composite import Composite, composite_of, side_by_side
from explainers.nave.kmeans import Clustering, Sweep, sweep, sweep_each
from explainers.nave.label_maps import label_maps
from explainers.nave.lloyd import finished
from explainers.nave.quality import Quality, _depth_shares, _quality, _silhouettes, suggested_k
from explainers.nave.settings import SCALINGS, NaveSettings
from models.progress import IGNORED, Progress

GRID_STRIDE = 4  # the grid is a quarter of the input size; maps are drawn at the full input size
N_SWEEPS = 8  # k-means runs side by side: the best inertia wins, their agreement is the stability
N_SAMPLE = 800  # positions behind the silhouette and the scatter
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

    @property
    def shape(self) -> tuple[int, int]:
        return self.labels.shape[1:]

    def at(self, k: int) -> np.ndarray:
        """The map with k clusters, (H, W)."""
        return self.labels[self.ks.index(k)]


def segment(
    feature_maps: Sequence[Tensor],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = IGNORED,
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
    progress: Progress = IGNORED,
) -> tuple[Segmentation, ...]:
    """The same for several images whose positions are clustered together: a cluster means one thing in all of them.

    One Segmentation per image. Scaling, inertia, stability, silhouette and the suggested k are of all images together,
    regions and scatter of each.
    """
    images = _composites(feature_maps, settings, image_shapes)
    clustering = progress.part(0, CLUSTERING_SHARE, "Clustering")
    swept = sweep(images, settings.max_clusters, N_SWEEPS, settings.seed, clustering, exact=settings.fit != "fast")
    return _drawn(swept, images, settings, image_shapes, progress.part(CLUSTERING_SHARE, 1))


def segment_each(
    feature_maps: Sequence[Sequence[Tensor]],
    settings: NaveSettings,
    image_shape: tuple[int, int],
    progress: Progress = IGNORED,
) -> tuple[Segmentation, ...]:
    """``segment`` for several images of one shape, side by side: the same up to rounding, and faster."""
    images = [_composites([maps], settings, [image_shape])[0] for maps in feature_maps]
    together = [side_by_side(images)]
    clustering, drawing = progress.part(0, CLUSTERING_SHARE, "Clustering"), progress.part(CLUSTERING_SHARE, 1)
    swept = sweep_each(together, settings.max_clusters, N_SWEEPS, settings.seed, clustering, exact=settings.fit != "fast")
    segmentations: list[Segmentation] = []
    for n, (of_image, image) in enumerate(zip(swept, images, strict=True)):
        part = drawing.part(n / len(images), (n + 1) / len(images))
        segmentations += _drawn(of_image, [image], settings, [image_shape], part)
    return tuple(segmentations)


def _composites(
    feature_maps: Sequence[Sequence[Tensor]], settings: NaveSettings, image_shapes: Sequence[tuple[int, int]]
) -> list[Composite]:
    """Every image's composite on the grid on which clusters are fitted; scaled together."""
    scaled = [SCALINGS[settings.scaling](maps) for maps in zip(*feature_maps, strict=True)]
    return [composite_of(maps, _grid(shape)) for maps, shape in zip(zip(*scaled, strict=True), image_shapes, strict=True)]


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
    labels, chosen = _with_stable_colours(full, clusterings[settings.min_clusters - 1 :])
    progress.report(0.75, "Judging the maps")
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
    refined = finished(full, [clustering.centroids for clustering in clusterings], progress=progress)
    return [Clustering(*at_k, clustering.sweeps) for at_k, clustering in zip(refined, clusterings, strict=True)]


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
