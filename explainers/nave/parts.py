"""Parts that are found again: clusters of some images, looked for in others.

    c_i  centroid of part i, in the composite space of the images it comes from: other images are scaled as those were
    d    distance of a position to the nearest centroid
    r_i  reach of part i: the distance within which 95 % of the positions lie that the part had in its own images

A position belongs to the part of the nearest centroid, and lies at d / r_i reaches from it. Beyond a limit in reaches, which a
person chooses, it is called unknown: with a limit of 1, so is one in twenty positions of the images that the parts come from.
Parts of tight clusters reach less far than those of wide ones, so one limit suits all of them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explainers.nave.assignment import assignment_costs
from explainers.nave.composite import Composite, composites_of, fitting_grid
from explainers.nave.label_maps import label_maps
from explainers.nave.settings import Balance, NaveSettings, scales_of

REACHED = 0.95  # of a part's own positions lie within its reach
FARTHEST = 1000.0  # reaches: what lies farther, or away from a part that has no reach, is written so


@dataclass(frozen=True, eq=False)
class Parts:
    """Clusters of some images at one granularity, with what it takes to find them in others. Equal where the content is."""

    settings: NaveSettings  # of which depths, scaling and input size matter
    centroids: np.ndarray  # (k, D) float32
    balances: tuple[tuple[np.ndarray, float], ...]  # per depth means (C,) and length; () where the scaling keeps nothing

    @cached_property
    def digest(self) -> str:
        """Stands for the content."""
        arrays = (self.centroids, *(means for means, _ in self.balances))
        whole = hashlib.sha256(repr((self.settings, [length for _, length in self.balances])).encode())
        for array in arrays:
            whole.update(repr(array.shape).encode() + np.ascontiguousarray(array, np.float32).tobytes())
        return whole.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parts) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, eq=False)
class Found:
    """Where parts are in one image. Data on the CPU."""

    nearest: np.ndarray  # (H, W) uint8: the part of the nearest centroid
    reaches: np.ndarray  # (h, w) float16: how far from it, in its reaches, on the grid on which clusters are fitted


def reaches_of(parts: Parts, feature_maps: Iterable[Sequence[Tensor]], image_shapes: Sequence[tuple[int, int]]) -> np.ndarray:
    """The reach of every part, (k,); 0 for one that has no positions there.

    ``feature_maps`` holds per image that the parts come from one (C, h, w) per depth, ``image_shapes`` per image H and W; one
    image is looked at after the other.
    """
    pairs = [_distances(parts, composite_as(parts, maps, shape)) for maps, shape in zip(feature_maps, image_shapes, strict=True)]
    nearest, distances = (torch.cat([pair[n].flatten() for pair in pairs]) for n in range(2))
    own = [distances[nearest == part] for part in range(len(parts.centroids))]
    return np.array([float(np.quantile(of_part.cpu().numpy(), REACHED)) if len(of_part) else 0.0 for of_part in own])


def find(parts: Parts, reaches: np.ndarray, feature_maps: Sequence[Tensor], image_shape: tuple[int, int]) -> Found:
    """Where parts with these reaches (k,) are in an image of H and W, from one (C, h, w) per depth."""
    composite = composite_as(parts, feature_maps, image_shape)
    (labels,) = label_maps(composite.on_grid(image_shape), [_on_device_of(composite, parts.centroids)])
    nearest, distances = (part.cpu().numpy() for part in _distances(parts, composite))
    own = reaches.astype(np.float32)[nearest]
    far = np.divide(distances, own, out=np.where(distances > 0, FARTHEST, 0).astype(np.float32), where=own > 0)
    return Found(labels.cpu().numpy(), far.clip(0, FARTHEST).astype(np.float16))


def composite_as(parts: Parts, feature_maps: Sequence[Tensor], image_shape: tuple[int, int]) -> Composite:
    """An image of H and W as the parts' own ones were scaled, from one (C, h, w) per depth, on the grid on which clusters are
    fitted."""
    balances = [
        Balance(torch.from_numpy(means).to(feature_maps[0])[:, None, None], torch.tensor(length).to(feature_maps[0]))
        for means, length in parts.balances
    ]
    scales = scales_of(parts.settings.scaling, len(feature_maps), balances)
    (composite,) = composites_of([feature_maps], scales, [fitting_grid(image_shape)])
    return composite


def _distances(parts: Parts, composite: Composite) -> tuple[Tensor, Tensor]:
    """The nearest centroid of every grid position, and the distance to it, (h, w) each."""
    costs, nearest = assignment_costs(composite, _on_device_of(composite, parts.centroids)).min(0)
    return nearest, (costs + composite.squared_norms()).clamp_min(0).sqrt()


def _on_device_of(composite: Composite, centroids: np.ndarray) -> Tensor:
    return torch.from_numpy(centroids).to(composite.blocks[0].maps)
