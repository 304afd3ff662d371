"""Boxes around what a segmentation map divides, and one box per photo without a label.

A box is (top, left, height, width) in whole pixels. The one box of a photo is around the largest region of the cluster that
touches the edges of the photo least, by the boundary connectivity of Zhu, Liang, Wei and Sun (CVPR 2014): what an object
occupies of the edges is little beside its extent, what lies behind it runs off on several sides.

    edge(c)  pixels on the four edges of the photo that belong to cluster c
    area(c)  all its pixels
    connectivity(c) = edge(c) / sqrt(area(c))       the lowest wins; of equals the one with the largest region
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from explainers.maps.regions import region_map

MIN_SHARE = 0.01  # of the pixels: a cluster whose largest region is smaller is not what a photo is about, unless all are


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels."""

    top: int
    left: int
    height: int
    width: int

    def iou(self, other: "Box") -> float:
        """Intersection over union with another box."""
        rows = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        columns = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        common = max(rows, 0) * max(columns, 0)
        return common / (self.height * self.width + other.height * other.width - common)

    def scaled(self, shape: tuple[int, int], to: tuple[int, int]) -> "Box":
        """The box of a map (h, w) on a picture (H, W) that the map covers; at least one pixel."""
        top, bottom = (round(row * to[0] / shape[0]) for row in (self.top, self.top + self.height))
        left, right = (round(column * to[1] / shape[1]) for column in (self.left, self.left + self.width))
        top, left = min(top, to[0] - 1), min(left, to[1] - 1)
        return Box(top, left, max(bottom - top, 1), max(right - left, 1))


@dataclass(frozen=True)
class RegionBox:
    """The box around one region of a segmentation map."""

    box: Box
    cluster_idx: int
    area: float  # of the region, as a share of all pixels


def region_boxes(labels: np.ndarray, min_share: float = 0.0) -> list[RegionBox]:
    """The boxes around all regions of a map (H, W) that take at least ``min_share`` of its pixels, in reading order."""
    regions = region_map(labels)
    _, first_pixels, areas = np.unique(regions, return_index=True, return_counts=True)
    boxes = []
    for first, area, place in zip(first_pixels, areas / labels.size, ndimage.find_objects(regions + 1), strict=True):
        (top, bottom), (left, right) = ((side.start, side.stop) for side in place)
        if area >= min_share:
            boxes.append(RegionBox(Box(top, left, bottom - top, right - left), int(labels.flat[first]), float(area)))
    return boxes


def main_box(labels: np.ndarray) -> RegionBox:
    """The one box of a photo, from its segmentation map (H, W): around the largest region of the cluster that is connected least
    to the edges."""
    largest: dict[int, RegionBox] = {}
    for region in region_boxes(labels):
        if region.cluster_idx not in largest or region.area > largest[region.cluster_idx].area:
            largest[region.cluster_idx] = region
    connectivity = edge_connectivity(labels)
    candidates = [region for region in largest.values() if region.area >= MIN_SHARE] or list(largest.values())
    return min(candidates, key=lambda region: (connectivity[region.cluster_idx], -region.area))


def edge_connectivity(labels: np.ndarray) -> np.ndarray:
    """Per cluster of a map (H, W) its pixels on the four edges by the root of all its pixels, (k,); infinite if it has none."""
    on_edge = np.ones(labels.shape, dtype=bool)
    on_edge[1:-1, 1:-1] = False
    areas = np.bincount(labels.ravel())
    at_edges = np.bincount(labels[on_edge], minlength=len(areas))
    return np.divide(at_edges, np.sqrt(areas), out=np.full(len(areas), np.inf), where=areas > 0)
