"""The nearest centroid of every pixel, for every k."""

from collections.abc import Sequence

import torch
from torch import Tensor

from explainers.nave.assignment import assignment_costs, groups, nearest_idx
from explainers.nave.composite import Composite
from explainers.nave.corners import Corners


def label_maps(composite: Composite, centroids: Sequence[Tensor]) -> Tensor:
    """The nearest centroid of every grid position for centroids (k, D) of several k, (n_k, H, W) uint8; the first one where
    several are equally near."""
    found = torch.empty(len(centroids), *composite.shape, dtype=torch.uint8, device=centroids[0].device)
    corners = Corners.of(composite)
    if corners is None:
        for labels, of_k in zip(found, centroids, strict=True):
            _score_every_pixel(composite, of_k, labels)
        return found
    n_done = 0
    for group in groups(centroids, corners.at.n_positions):
        for costs in assignment_costs(corners.at, torch.cat(group)).split(list(map(len, group))):
            found[n_done] = corners.labels(costs)
            n_done += 1
    return found


def _score_every_pixel(composite: Composite, centroids: Tensor, labels: Tensor) -> None:
    for columns, costs in composite.score_bands(-2 * centroids, centroids.square().sum(1)):
        labels[:, columns] = nearest_idx(costs)
