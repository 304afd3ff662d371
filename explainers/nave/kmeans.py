"""Exact k-means for every k at once, on composite activations that are never materialised.

Sources: greedy k-means++: Arthur, Vassilvitskii 2007; merging: Ward 1963; random projection: Halko, Martinsson,
Tropp 2011.

    start    S sweeps on a sample of positions, projected on their principal components: k grows from 1 to the last by greedy
             k-means++ and a few steps of Lloyd, then falls again by merging the two nearest clusters; the better of both
             stays for every k. Everything later starts there, and the agreement of the sweeps is the stability.
    finish   the best sweep of every k goes on with Lloyd over all positions, every k together, one image after the other:
             in all channels, exactly; where they are many, in a few coordinates per depth before.

Problems whose images are alike are solved side by side, each for itself: few large products in place of many small ones.

    B  problems    D  channels    q  principal components    n  sampled positions    S  sweeps    k  clusters
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explainers.maps.partitions import adjusted_rand_of
from explainers.nave.assignment import without_ties
from explainers.nave.composite import Composite, side_by_side
from explainers.nave.lloyd import MAX_ITERATIONS, finished_each
from explainers.nave.sample import evenly_spaced
from models.progress import IGNORED, Progress

N_COORDINATES = 32  # of every depth, in place of its channels
N_COMPONENTS = 23  # of the projection in which sweeps start; one less than 24, because a column of ones goes with them
N_SEEDING = 1024  # positions on which sweeps start
SEEDING_SHARE = 1 / 12  # of all positions, where that is more: a large grid that starts from few takes more iterations
N_CANDIDATES = 8  # positions tried for every new centroid; the best one stays
N_STEPS_UP, N_STEPS_DOWN = 3, 2  # of Lloyd after a cluster came, after one went
MANY_CHANNELS = 8  # times as many as coordinates: then it pays to refine in coordinates before
MAX_SKETCHED = 4096  # native positions from which a depth's basis is taken


@dataclass(frozen=True, eq=False)
class Clustering:
    """k-means at one k: the best of several sweeps."""

    centroids: Tensor  # (k, D)
    inertia: float  # summed squared distance of the positions to their centroid
    sweeps: "_Sweeps"  # the best of which went on

    @property
    def k(self) -> int:
        return len(self.centroids)

    @cached_property
    def stability(self) -> float:
        """Mean adjusted Rand index between the sweeps, at most 1."""
        return self.sweeps.stability


@dataclass(frozen=True, eq=False)
class Sweep:
    """k-means for every k."""

    clusterings: list[Clustering]  # for k = 1, 2, ...
    depth_channels: tuple[int, ...]  # how many channels of a centroid belong to each depth
    images: list[Composite]  # in few coordinates instead of many channels: nearly the same distances, many times cheaper
    axes: Tensor  # (2, coordinates): the first two principal components; zero where there are fewer


def sweep(
    images: Sequence[Composite],
    max_clusters: int,
    n_sweeps: int = 8,
    seed: int = 0,
    progress: Progress = IGNORED,
    *,
    exact: bool = True,
) -> Sweep:
    """Clusterings of the positions of one or several images together, for k = 1, 2, ... ``max_clusters``.

    With ``exact`` False, centroids stay where they are best on the sample and its principal components: a fast
    approximation.
    """
    alone = [side_by_side([image]) for image in images]
    (swept,) = sweep_each(alone, max_clusters, n_sweeps, seed, progress, exact=exact)
    return swept


def sweep_each(
    images: Sequence[Composite],
    max_clusters: int,
    n_sweeps: int = 8,
    seed: int = 0,
    progress: Progress = IGNORED,
    *,
    exact: bool = True,
) -> list[Sweep]:
    """Clusterings of B problems side by side, each with one image of every composite, for k = 1, 2, ... ``max_clusters``.

    One Sweep per problem, up to rounding what ``sweep`` gives for its images alone.
    """
    n_problems = len(images[0].blocks[0].maps)
    generator = torch.Generator().manual_seed(seed)
    space = _principal_space(images, generator)
    draws = [generator.clone_state() for _ in range(n_problems)]  # each problem draws what it would draw alone
    starts = _starts(_Points.of(space.points, n_sweeps), max_clusters, draws, progress.part(0, 0.5))
    centroids = [space.coordinates(start.best) for start in starts]
    if exact and sum(images[0].depth_channels) > MANY_CHANNELS * space.mean.shape[1]:
        centroids = [of_k for of_k, _ in finished_each(space.images, centroids, progress=progress.part(0.5, 0.75))]
    lifted = [space.in_channels(of_k) for of_k in centroids]
    results = finished_each(images, lifted, MAX_ITERATIONS if exact else 0, progress.part(0.75, 1))
    return [_swept(space, starts, results, images[0].depth_channels, n) for n in range(n_problems)]


def _swept(
    space: "_PrincipalSpace",
    starts: Sequence["_Sweeps"],
    results: Sequence[tuple[Tensor, Tensor]],
    depth_channels: tuple[int, ...],
    n: int,
) -> Sweep:
    """The sweep of the n-th problem alone; ``results`` holds per k centroids (B, k, D) and inertia (B,)."""
    pairs = zip(results, starts, strict=True)
    clusterings = [Clustering(centroids[n], float(inertia[n]), start.of_problem(n)) for (centroids, inertia), start in pairs]
    return Sweep(clusterings, depth_channels, [image.of_image(n) for image in space.images], space.main_axes[n])


# --- the space in which sweeps start ---


@dataclass(frozen=True, eq=False)
class _PrincipalSpace:
    """Few coordinates in place of many channels, and some positions of the images on their principal components."""

    images: list[Composite]  # in coordinates
    points: Tensor  # (B, n, q), centred
    axes: Tensor  # (B, coordinates of all depths, q)
    mean: Tensor  # (B, coordinates of all depths)
    bases: tuple[Tensor, ...]  # per depth (B, C_d, coordinates)

    @property
    def main_axes(self) -> Tensor:
        """The first two components, (B, 2, coordinates); zero where there are fewer."""
        main = self.axes[..., -2:].mT.flip(1)
        return torch.cat([main, main.new_zeros(len(main), 2 - main.shape[1], main.shape[2])], dim=1)

    def coordinates(self, centroids: Tensor) -> Tensor:
        """From components (B, k, q) to coordinates (B, k, coordinates of all depths)."""
        return centroids @ self.axes.mT + self.mean.unsqueeze(1)

    def in_channels(self, coordinates: Tensor) -> Tensor:
        """From coordinates (B, k, coordinates of all depths) to composite activations, (B, k, D)."""
        parts = coordinates.split([basis.shape[2] for basis in self.bases], dim=2)
        return torch.cat([part @ basis.mT for part, basis in zip(parts, self.bases, strict=True)], dim=2)


def _principal_space(images: Sequence[Composite], generator: torch.Generator) -> _PrincipalSpace:
    bases = tuple(_basis(maps, generator) for maps in zip(*(image.of_depths for image in images), strict=True))
    projected = [image.projected(bases) for image in images]
    coordinates = _sampled(projected)
    mean = coordinates.mean(1)
    centred = coordinates - mean.unsqueeze(1)
    axes = torch.linalg.eigh(centred.mT @ centred).eigenvectors[..., -N_COMPONENTS:]
    return _PrincipalSpace(projected, centred @ axes, axes, mean, bases)


def _basis(maps: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """An orthonormal basis (B, C, n) of nearly all that one depth's activations (B, C, h * w) of several images span."""
    chosen = evenly_spaced([native.shape[2] for native in maps], MAX_SKETCHED)
    together = torch.cat([native[..., idx.to(native.device)] for native, idx in zip(maps, chosen, strict=True)], dim=2)
    n_problems, n_channels, n_positions = together.shape
    if n_channels <= min(N_COORDINATES, n_positions):
        return torch.eye(n_channels).to(together).expand(n_problems, -1, -1)
    if n_positions <= N_COORDINATES:
        return torch.linalg.qr(together).Q
    directions = torch.randn(n_positions, N_COORDINATES, generator=generator).to(together)
    once = torch.linalg.qr(together @ directions).Q
    return torch.linalg.qr(together @ (together.mT @ once)).Q


def _sampled(images: Sequence[Composite]) -> Tensor:
    """Some composite activations of all images of a problem together, (B, n, D)."""
    n_positions = [image.n_positions for image in images]
    chosen = evenly_spaced(n_positions, max(N_SEEDING, round(SEEDING_SHARE * sum(n_positions))))
    device = images[0].blocks[0].maps.device
    return torch.cat([image.at(idx.to(device)) for image, idx in zip(images, chosen, strict=True)], dim=1)


# --- the start: S sweeps side by side on the sample ---


@dataclass(frozen=True, eq=False)
class _Sweeps:
    """Where S sweeps of each of B problems stand at one k; the S of a problem are neighbours."""

    centroids: Tensor  # (B * S, k, q)
    costs: Tensor  # (B * S, n): squared distance to the nearest centroid, without |x|^2
    members: Tensor  # (B * S, k, n): 1 where a centroid is the nearest, else 0; a tie counts for both
    n_sweeps: int  # S

    def of_problem(self, n: int) -> "_Sweeps":
        """The sweeps of one problem alone."""
        own = slice(n * self.n_sweeps, (n + 1) * self.n_sweeps)
        return _Sweeps(self.centroids[own], self.costs[own], self.members[own], self.n_sweeps)

    @property
    def best(self) -> Tensor:
        """The centroids of every problem's sweep with the least inertia, (B, k, q)."""
        best = self.costs.sum(1).reshape(-1, self.n_sweeps).argmin(1)
        return self.centroids[best + self.n_sweeps * torch.arange(len(best), device=best.device)]

    @property
    def stability(self) -> float:
        """Mean adjusted Rand index over the pairs of sweeps of a single problem; 1 for a single sweep."""
        n_sweeps, k, n_points = self.members.shape
        each = self.members if self.members.sum() == n_sweeps * n_points else without_ties(self.members)
        each = each.flatten(0, 1)
        tables = (each @ each.T).reshape(n_sweeps, k, n_sweeps, k).transpose(1, 2).cpu().numpy()
        pairs = np.tril_indices(n_sweeps, -1)
        return float(adjusted_rand_of(tables[pairs]).mean()) if n_sweeps > 1 else 1.0

    def or_better(self, other: "_Sweeps") -> "_Sweeps":
        """Sweep by sweep, whichever of the two has less inertia."""
        better = other.costs.sum(1) < self.costs.sum(1)
        return _Sweeps(
            torch.where(better[:, None, None], other.centroids, self.centroids),
            torch.where(better[:, None], other.costs, self.costs),
            torch.where(better[:, None, None], other.members, self.members),
            self.n_sweeps,
        )


@dataclass(frozen=True, eq=False)
class _Points:
    """The samples on which sweeps start; the extra column of ones brings offsets and counts along with a product."""

    coordinates: Tensor  # (B, n, q)
    norms: Tensor  # (B * S, n): |x|^2, of every problem once per sweep
    with_one: Tensor  # (B, n, q + 1): coordinates, then 1
    as_costs: Tensor  # (B, q + 1, n): -2 times the coordinates, then 1
    n_sweeps: int  # S

    @staticmethod
    def of(coordinates: Tensor, n_sweeps: int) -> "_Points":
        """The samples with these coordinates (B, n, q), for so many sweeps."""
        ones = torch.ones_like(coordinates[..., :1])
        with_one, as_costs = (torch.cat([part, ones], dim=2) for part in (coordinates, -2 * coordinates))
        norms = coordinates.square().sum(2).repeat_interleave(n_sweeps, dim=0)
        return _Points(coordinates, norms, with_one, as_costs.mT.contiguous(), n_sweeps)

    def costs(self, centroids: Tensor) -> Tensor:
        """|c|^2 - 2 <x, c> for centroids (B * S, m, q), (B * S, m, n)."""
        with_norm = torch.cat([centroids, centroids.square().sum(2, keepdim=True)], dim=2)
        return self._product(with_norm, self.as_costs)

    def sums(self, members: Tensor) -> Tensor:
        """Sum and number of the members (B * S, k, n) of every cluster, (B * S, k, q + 1)."""
        return self._product(members, self.with_one)

    def _product(self, of_sweeps: Tensor, of_problems: Tensor) -> Tensor:
        """Every sweep's matrix (B * S, m, .) with its problem's (B, ., .); all sweeps of a problem in one product."""
        if len(of_problems) == 1:  # a plain product is a little faster than a batch of one
            product = of_sweeps.flatten(0, 1) @ of_problems[0]
        else:
            product = of_sweeps.reshape(len(of_problems), -1, of_sweeps.shape[2]) @ of_problems
        return product.reshape(*of_sweeps.shape[:2], -1)

    def at(self, sweep_idx: int | Tensor, idx: Tensor) -> Tensor:
        """The coordinates (..., q) of some positions (...) of a sweep's problem."""
        return self.coordinates.flatten(0, 1)[sweep_idx // self.n_sweeps * self.coordinates.shape[1] + idx]

    def distances(self, sweeps: _Sweeps) -> Tensor:
        """Squared distances to the nearest centroid, (B * S, n)."""
        return (sweeps.costs + self.norms).clamp_min_(0)


def _starts(points: _Points, max_clusters: int, draws: Sequence[torch.Generator], progress: Progress) -> list[_Sweeps]:
    """Sweeps for k = 1 ... ``max_clusters``, up and down again."""
    means = points.coordinates.mean(1, keepdim=True)
    starts = [_nearest(points, means.repeat_interleave(points.n_sweeps, dim=0))]
    for k in range(2, max_clusters + 1):
        starts.append(_settled(points, _with_new_centroid(points, starts[-1], draws), N_STEPS_UP))
        progress.report(k / (2 * max_clusters))
    for k in range(max_clusters - 1, 1, -1):
        starts[k - 1] = starts[k - 1].or_better(_settled(points, _with_nearest_merged(starts[k]), N_STEPS_DOWN))
        progress.report(1 - k / (2 * max_clusters))
    return starts


def _nearest(points: _Points, centroids: Tensor) -> _Sweeps:
    """Every position assigned to its nearest of centroids (B * S, k, q), by costs without |x|^2, which is the same for all."""
    costs = points.costs(centroids)
    lowest = costs.amin(1)
    return _Sweeps(centroids, lowest, costs.le_(lowest.unsqueeze(1)), points.n_sweeps)


def _settled(points: _Points, centroids: Tensor, n_steps: int) -> _Sweeps:
    """Sweeps from centroids (B * S, k, q), after a few steps of Lloyd."""
    sweeps = _nearest(points, centroids)
    for _ in range(n_steps):
        sweeps = _nearest(points, _means(points, sweeps))
    return sweeps


def _means(points: _Points, sweeps: _Sweeps) -> Tensor:
    """The mean of every cluster, (B * S, k, q); an empty cluster moves to the farthest position."""
    sums = points.sums(sweeps.members)
    counts = sums[..., -1:]
    means = sums[..., :-1] / counts.clamp_min(1)
    if not counts.all():
        empty = counts.squeeze(2) == 0
        for s in empty.any(1).nonzero().flatten().tolist():
            farthest = points.distances(sweeps)[s].topk(int(empty[s].sum())).indices
            means[s, empty[s]] = points.at(s, farthest)
    return means


def _with_new_centroid(points: _Points, sweeps: _Sweeps, draws: Sequence[torch.Generator]) -> Tensor:
    """Greedy k-means++: draw candidates by squared distance, keep the one that lowers the inertia most; (B * S, k + 1, q)."""
    so_far = points.distances(sweeps)
    weights = so_far.cpu()
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, 1)  # all positions alike: any candidate will do
    of_problems = zip(weights.split(points.n_sweeps), draws, strict=True)
    drawn = [torch.multinomial(part, N_CANDIDATES, replacement=True, generator=draw) for part, draw in of_problems]
    every = torch.arange(len(so_far), device=so_far.device)
    candidates = points.at(every.unsqueeze(1), torch.cat(drawn).to(so_far.device))  # (B * S, candidates, q)
    distances = points.costs(candidates).add_(points.norms.unsqueeze(1))
    best = torch.minimum(distances, so_far.unsqueeze(1)).sum(2).argmin(1)
    return torch.cat([sweeps.centroids, candidates[every, best].unsqueeze(1)], dim=1)


def _with_nearest_merged(sweeps: _Sweeps) -> Tensor:
    """Ward: the two clusters whose union costs least become one; (B * S, k - 1, q)."""
    n_sweeps, k, n_components = sweeps.centroids.shape
    sizes = sweeps.members.sum(2).clamp_min(1e-3)
    weights = sizes.unsqueeze(2) * sizes.unsqueeze(1) / (sizes.unsqueeze(2) + sizes.unsqueeze(1))
    costs = torch.cdist(sweeps.centroids, sweeps.centroids).square() * weights
    costs.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    pair = costs.flatten(1).argmin(1)
    every, first, second = torch.arange(n_sweeps, device=pair.device), pair // k, pair % k
    share = (sizes[every, first] / (sizes[every, first] + sizes[every, second])).unsqueeze(1)
    merged = sweeps.centroids.clone()
    merged[every, first] = share * merged[every, first] + (1 - share) * merged[every, second]
    kept = torch.arange(k, device=pair.device) != second.unsqueeze(1)
    return merged[kept].reshape(n_sweeps, k - 1, n_components)
