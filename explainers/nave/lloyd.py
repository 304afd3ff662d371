"""Exact Lloyd over all positions of one or several images, every k together, several such problems side by side (Lloyd 1982).

An assignment is kept as weights of positions: 1 where a centroid is the nearest one, else 0; or, where the grid can be cut into
blocks (corners.py), weights of their corners that give the same sums with a sixteenth of the positions.

    B  problems    D  channels    k  clusters, K of all k together    h, w  positions: of the grid, or corners of its blocks
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explainers.nave.assignment import assignment_costs, groups, without_ties
from explainers.nave.composite import Composite, side_by_side
from explainers.nave.corners import Corners
from models.progress import IGNORED, Progress

MAX_ITERATIONS = 40
TOLERANCE = 1e-3  # a k rests when its inertia falls by less than this share


def finished(
    images: Sequence[Composite],
    centroids: Sequence[Tensor],
    n_iterations: int = MAX_ITERATIONS,
    progress: Progress = IGNORED,
) -> list[tuple[Tensor, float]]:
    """Exact Lloyd from given centroids (k, D) of several k, on the images' grids: centroids (k, D) and inertia of each.

    With no iterations at all, the centroids as they are and their inertia.
    """
    alone = [side_by_side([image]) for image in images]
    results = finished_each(alone, [of_k.unsqueeze(0) for of_k in centroids], n_iterations, progress)
    return [(of_k.squeeze(0), float(inertia)) for of_k, inertia in results]


def finished_each(
    images: Sequence[Composite],
    centroids: Sequence[Tensor],
    n_iterations: int = MAX_ITERATIONS,
    progress: Progress = IGNORED,
) -> list[tuple[Tensor, Tensor]]:
    """Exact Lloyd for B problems side by side, each with one image of every composite: from centroids (B, k, D) of several k
    to centroids (B, k, D) and inertia (B,) of each."""
    fields = [_field(image) for image in images]
    n_positions = max(field.at.n_positions for field in fields) * len(centroids[0])
    results: list[tuple[Tensor, Tensor]] = []
    for group in groups(centroids, n_positions):
        results.extend(_lloyd(fields, group, n_iterations))
        progress.report(len(results) / len(centroids))
    return results


# --- the positions of an image ---


@dataclass(frozen=True, eq=False)
class _Assignment:
    """Which positions are nearest to which centroid, for several k."""

    weights: Tensor  # (B, K, h, w)
    lowest: Tensor  # (n_k, B): squared distances to the nearest centroid, but for |x|^2, summed over all positions


@dataclass(frozen=True, eq=False)
class _EveryPosition:
    """The grid itself."""

    image: Composite

    @property
    def at(self) -> Composite:
        return self.image

    def assigned(self, costs: Tensor, sizes: Sequence[int]) -> _Assignment:
        """The assignment by costs (B, K, h, w), which are overwritten; ``sizes`` are the k that K is made of."""
        parts = costs.split(list(sizes), dim=1)
        lowest = [part.amin(1) for part in parts]
        for part, of_part in zip(parts, lowest, strict=True):
            part.le_(of_part.unsqueeze(1))
        if costs.sum() != len(parts) * len(costs) * self.image.n_positions:
            for part in parts:  # equally near to several centroids: the first one alone has it
                part.copy_(without_ties(part))
        return _Assignment(costs, torch.stack(lowest).sum((2, 3), dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class _ByCorners:
    """The corners of blocks in place of the pixels of a grid."""

    image: Composite
    corners: Corners

    @property
    def at(self) -> Composite:
        return self.corners.at

    def assigned(self, costs: Tensor, sizes: Sequence[int]) -> _Assignment:
        """The assignment by costs (B, K, h, w); ``sizes`` are the k that K is made of."""
        parts = costs.split(list(sizes), dim=1)
        weights = [torch.stack([self.corners.weights(of_problem) for of_problem in part]) for part in parts]
        lowest = [(part * of_k).sum((1, 2, 3), dtype=torch.float64) for part, of_k in zip(parts, weights, strict=True)]
        return _Assignment(torch.cat(weights, dim=1), torch.stack(lowest))


_Field = _EveryPosition | _ByCorners


def _field(image: Composite) -> _Field:
    corners = Corners.of(image)
    return _EveryPosition(image) if corners is None else _ByCorners(image, corners)


# --- assignment and update in turn ---


def _lloyd(fields: Sequence[_Field], centroids: Sequence[Tensor], n_iterations: int) -> list[tuple[Tensor, Tensor]]:
    """Centroids (B, k, D) and inertia (B,) of several k; each k rests once it gains less than the tolerance, in every problem by
    itself."""
    current = list(centroids)
    inertia = torch.full((len(current), len(current[0])), torch.inf, dtype=torch.float64)  # (n_k, B), on the CPU
    moves = torch.ones_like(inertia, dtype=torch.bool)
    for iteration in range(n_iterations + 1):
        moving = moves.any(1).nonzero().flatten().tolist()
        if not moving:
            break
        last = iteration == n_iterations
        step = _step(fields, [current[m] for m in moving], inertia_only=last)
        gains = moves[moving] & (step.inertia < (1 - TOLERANCE) * inertia[moving]) & (not last)
        inertia[moving] = torch.where(moves[moving], step.inertia, inertia[moving])
        moves[moving] = gains
        for m, means, gained in zip(moving, step.means, gains, strict=True):
            current[m] = means if gained.all() else torch.where(gained.to(means.device)[:, None, None], means, current[m])
    return list(zip(current, inertia, strict=True))


@dataclass(frozen=True, eq=False)
class _Step:
    """One assignment for several k."""

    inertia: Tensor  # (n_k, B), on the CPU
    means: Sequence[Tensor]  # per k (B, k, D): where the centroids go next


def _step(fields: Sequence[_Field], centroids: Sequence[Tensor], *, inertia_only: bool) -> _Step:
    sizes = [of_k.shape[1] for of_k in centroids]
    together = torch.cat(list(centroids), dim=1)
    sums, counts = torch.zeros_like(together), together.new_zeros(together.shape[:2])
    inertia = torch.zeros(len(centroids), len(together), dtype=torch.float64, device=together.device)
    for field in fields:
        assignment = field.assigned(assignment_costs(field.at, together), sizes)
        inertia += assignment.lowest + field.image.summed_norms
        if not inertia_only:
            counts += assignment.weights.sum((2, 3))
            sums += field.at.weighted_sums(assignment.weights)
    inertia = inertia.clamp_min(0).cpu()
    if inertia_only:
        return _Step(inertia, centroids)
    means = (sums / counts.clamp_min(1).unsqueeze(2)).split(sizes, dim=1)
    if not counts.all():
        for of_k, mean, count in zip(centroids, means, counts.split(sizes, dim=1), strict=True):
            for n, empty in ((n, of_problem == 0) for n, of_problem in enumerate(count) if not of_problem.all()):
                mean[n, empty] = _farthest([field.image.of_image(n) for field in fields], of_k[n], int(empty.sum()))
    return _Step(inertia, means)


def _farthest(images: Sequence[Composite], centroids: Tensor, n: int) -> Tensor:
    """The composite activations of the n positions farthest from their centroid, (n, D)."""
    distances, places = [], []
    for image in images:
        top = (assignment_costs(image, centroids).amin(0) + image.squared_norms()).flatten().topk(min(n, image.n_positions))
        distances.append(top.values)
        places.append(image.at(top.indices))
    return torch.cat(places)[torch.cat(distances).topk(n).indices]
