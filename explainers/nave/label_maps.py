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
    labels = torch.empty(len(centroids), *composite.shape, dtype=torch.uint8, device=centroids[0].device)
    corners = Corners.of(composite)
    if corners is None:
        for labels_at_k, of_k in zip(labels, centroids, strict=True):
            for columns, costs in composite.score_bands(-2 * of_k, of_k.square().sum(1)):
                labels_at_k[:, columns] = nearest_idx(costs)
        return labels
    n_done = 0
    for group in groups(centroids, corners.at.n_positions):
        for costs in assignment_costs(corners.at, torch.cat(group)).split(list(map(len, group))):
            labels[n_done] = corners.labels(costs)
            n_done += 1
    return labels
