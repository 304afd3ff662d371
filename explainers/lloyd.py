"""Exact Lloyd over all positions of one or several images, every k together (Lloyd 1982).

An assignment is kept as weights of positions: 1 where a centroid is the nearest one, else 0; or, where the grid can be cut into
blocks (corners.py), weights of their corners that give the same sums with a sixteenth of the positions.

    D  channels    k  clusters, K of all k together    h, w  positions: of the grid, or corners of its blocks
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explainers.composite import Composite
from explainers.corners import Corners, nearness

MAX_ITERATIONS = 40
TOLERANCE = 1e-3  # a k rests when its inertia falls by less than this share
MAX_SCORES = 2**22  # scores held at a time: so many centroids are taken together as fit


def finished(
    images: Sequence[Composite],
    centroids: Sequence[Tensor],
    n_iterations: int = MAX_ITERATIONS,
    on_step: Callable[[float], None] = lambda share: None,
) -> list[tuple[Tensor, float]]:
    """Exact Lloyd from given centroids (k, D) of several k, on the images' grids: centroids and inertia of each.

    With no iterations at all, the centroids as they are and their inertia.
    """
    fields = [_field(image) for image in images]
    found: list[tuple[Tensor, float]] = []
    for group in groups(centroids, most=MAX_SCORES // max(field.at.n_positions for field in fields)):
        found.extend(_lloyd(fields, group, n_iterations))
        on_step(len(found) / len(centroids))
    return found


def groups(centroids: Sequence[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Neighbours with at most so many centroids together, at least one."""
    group: list[Tensor] = []
    for one in centroids:
        if group and sum(map(len, group)) + len(one) > most:
            yield group
            group = []
        group.append(one)
    yield group


# --- the positions of an image ---


@dataclass(frozen=True, eq=False)
class _Assignment:
    """Which positions are nearest to which centroid, for several k."""

    weights: Tensor  # (K, h, w)
    lowest: Tensor  # (n_k,): squared distances to the nearest centroid, but for |x|^2, summed over all positions


@dataclass(frozen=True, eq=False)
class _EveryPosition:
    """The grid itself."""

    image: Composite

    @property
    def at(self) -> Composite:
        return self.image

    def assigned(self, costs: Tensor, sizes: Sequence[int]) -> _Assignment:
        """From costs (K, h, w), which are overwritten."""
        parts = costs.split(list(sizes))
        lowest = [part.amin(0) for part in parts]
        for part, of_part in zip(parts, lowest, strict=True):
            part.le_(of_part)
        if costs.sum() != len(parts) * self.image.n_positions:
            for part in parts:  # equally near to several centroids: the first one alone has it
                part.copy_(torch.zeros_like(part).scatter_(0, part.max(dim=0, keepdim=True).indices, 1.0))
        return _Assignment(costs, torch.stack(lowest).sum((1, 2), dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class _ByCorners:
    """The corners of blocks in place of the pixels of a grid."""

    image: Composite
    corners: Corners

    @property
    def at(self) -> Composite:
        return self.corners.at

    def assigned(self, costs: Tensor, sizes: Sequence[int]) -> _Assignment:
        """From costs (K, h, w)."""
        parts = costs.split(list(sizes))
        weights = [self.corners.weights(part) for part in parts]
        lowest = [(costs_of_k * of_k).sum(dtype=torch.float64) for costs_of_k, of_k in zip(parts, weights, strict=True)]
        return _Assignment(torch.cat(weights), torch.stack(lowest))


_Field = _EveryPosition | _ByCorners


def _field(image: Composite) -> _Field:
    corners = Corners.of(image)
    return _EveryPosition(image) if corners is None else _ByCorners(image, corners)


# --- assignment and update in turn ---


def _lloyd(fields: Sequence[_Field], centroids: Sequence[Tensor], n_iterations: int) -> list[tuple[Tensor, float]]:
    """For several k; each rests once it gains less than the tolerance."""
    found = [(one, torch.inf) for one in centroids]
    moving = list(range(len(found)))
    for iteration in range(n_iterations + 1):
        last = iteration == n_iterations
        step = _step(fields, [found[m][0] for m in moving], inertia_only=last)
        gained = [not last and after < (1 - TOLERANCE) * found[m][1] for m, after in zip(moving, step.inertia, strict=True)]
        for m, after, mean, more in zip(moving, step.inertia, step.means, gained, strict=True):
            found[m] = (mean if more else found[m][0], after)
        moving = [m for m, more in zip(moving, gained, strict=True) if more]
        if not moving:
            break
    return found


@dataclass(frozen=True, eq=False)
class _Step:
    """One assignment for several k."""

    inertia: list[float]  # per k
    means: list[Tensor]  # per k (k, D): where the centroids go next


def _step(fields: Sequence[_Field], centroids: Sequence[Tensor], inertia_only: bool) -> _Step:
    sizes = [len(one) for one in centroids]
    together = torch.cat(list(centroids))
    sums, counts = torch.zeros_like(together), together.new_zeros(len(together))
    inertia = torch.zeros(len(centroids), dtype=torch.float64, device=together.device)
    for field in fields:
        assignment = field.assigned(nearness(field.at, together), sizes)
        inertia += assignment.lowest + field.image.summed_norms
        if not inertia_only:
            counts += assignment.weights.sum((1, 2))
            sums += field.at.weighted_sums(assignment.weights)
    means = list((sums / counts.clamp_min(1).unsqueeze(1)).split(sizes))
    for one, mean, count in zip(centroids, means, counts.split(sizes), strict=True):
        if not inertia_only and (empty := count == 0).any():
            mean[empty] = _farthest([field.image for field in fields], one, int(empty.sum()))
    return _Step(inertia.clamp_min(0).tolist(), means)


def _farthest(images: Sequence[Composite], centroids: Tensor, n: int) -> Tensor:
    """The composite activations of the n positions farthest from their centroid, (n, D)."""
    distances, places = [], []
    for image in images:
        top = (nearness(image, centroids).amin(0) + image.squared_norms()).flatten().topk(min(n, image.n_positions))
        distances.append(top.values)
        places.append(image.at(top.indices))
    return torch.cat(places)[torch.cat(distances).topk(n).indices]
