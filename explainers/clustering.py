"""Exact k-means on composite activations that are never materialised.

Sources: Lloyd 1982; k-means++: Arthur, Vassilvitskii 2007. The factorisation is our own; the README shows its figures.

A composite activation x_p stacks the feature maps F_d of several depths after a bilinear resize U to one grid. Resizing is
linear, so both steps of Lloyd's algorithm run on the native maps:
    assignment   <U(F_d), c> = U(<F_d, c>)            resize k score maps per depth, not all channels
    update       sum of U(F_d) over a cluster = F_d times the adjoint of U applied to the cluster's indicator

    D  channels of all depths together      H, W  grid        P = H * W positions
    S  sweeps (seeds) run side by side      k     clusters

One sweep grows k one by one: the new centroid is drawn by greedy k-means++ on the current distances, then Lloyd runs from
there. All sweeps advance together, the best inertia wins at every k, and their agreement is the stability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

N_CANDIDATES = 8  # positions tried for every new centroid; the best one stays
MAX_ITERATIONS = 40
TOLERANCE = 1e-4  # Lloyd stops when the inertia falls by less than this share


@dataclass(frozen=True, eq=False)
class Block:
    """Depths of one native resolution: their channels stacked, and the two matrices that resize them to the grid."""

    maps: Tensor  # (C, h * w)
    rows: Tensor  # (H, h)
    cols: Tensor  # (W, w)

    @property
    def native_shape(self) -> tuple[int, int]:
        return self.rows.shape[1], self.cols.shape[1]

    @property
    def on_native_grid(self) -> bool:
        """Whether there is nothing to resize."""
        return self.native_shape == (len(self.rows), len(self.cols))

    def scores(self, vectors: Tensor) -> Tensor:
        """<x_p, vector> at every grid position, (n, H, W), for vectors (n, C)."""
        return self._to_grid((vectors @ self.maps).reshape(-1, *self.native_shape))

    def weighted_sums(self, weights: Tensor) -> Tensor:
        """Sum over positions of weight times x_p, (n, C), for weight maps (n, H, W): the adjoint of ``scores``."""
        native = weights if self.on_native_grid else self.rows.T @ weights @ self.cols
        return native.flatten(1) @ self.maps.T

    def at(self, row: Tensor, col: Tensor) -> Tensor:
        """x_p at some grid positions, (n, C): the few native positions that each mixes, weighted."""
        row_weights, row_idx = self.rows[row].topk(_n_taps(self.rows), dim=1)  # (n, taps)
        col_weights, col_idx = self.cols[col].topk(_n_taps(self.cols), dim=1)
        weights = (row_weights.unsqueeze(2) * col_weights.unsqueeze(1)).flatten(1)  # (n, taps * taps)
        native_idx = (row_idx.unsqueeze(2) * self.native_shape[1] + col_idx.unsqueeze(1)).flatten(1)
        return torch.einsum("cnt,nt->nc", self.maps[:, native_idx], weights)

    def squared_norms(self, chunk: int = 64) -> Tensor:
        """|x_p|^2 at every grid position, (H, W); a few channels at a time."""
        total = torch.zeros(len(self.rows), len(self.cols), device=self.maps.device, dtype=self.maps.dtype)
        for maps in self.maps.split(chunk):
            total += self._to_grid(maps.reshape(-1, *self.native_shape)).square().sum(0)
        return total

    def _to_grid(self, native: Tensor) -> Tensor:
        return native if self.on_native_grid else self.rows @ native @ self.cols.T


def _n_taps(matrix: Tensor) -> int:
    """How many native positions one grid position mixes at most along an axis."""
    return int((matrix != 0).sum(1).max())


@dataclass(frozen=True, eq=False)
class Composite:
    """Composite activations of one image on a grid, kept as native feature maps."""

    blocks: tuple[Block, ...]
    depth_blocks: tuple[tuple[int, int, int], ...]  # per depth: its block, first channel, end channel

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.blocks[0].rows), len(self.blocks[0].cols)

    @property
    def n_channels(self) -> int:
        return sum(len(block.maps) for block in self.blocks)

    def split(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """Vectors (n, D) as one (n, C) per block."""
        return vectors.split([len(block.maps) for block in self.blocks], dim=1)

    def scores(self, vectors: Tensor) -> Tensor:
        """<x_p, vector> at every grid position, (n, H, W), for vectors (n, D)."""
        return sum(block.scores(part) for block, part in zip(self.blocks, self.split(vectors), strict=True))

    def weighted_sums(self, weights: Tensor) -> Tensor:
        """Sum over positions of weight times x_p, (n, D), for weight maps (n, H, W)."""
        return torch.cat([block.weighted_sums(weights) for block in self.blocks], dim=1)

    def squared_norms(self) -> Tensor:
        """|x_p|^2 at every grid position, (H, W)."""
        return sum(block.squared_norms() for block in self.blocks)

    def at(self, positions: Tensor) -> Tensor:
        """The composite activations of some positions (flat grid indices, (n,)), (n, D)."""
        width = self.shape[1]
        return torch.cat([block.at(positions // width, positions % width) for block in self.blocks], dim=1)

    def on_grid(self, shape: tuple[int, int]) -> "Composite":
        """The same activations on another grid; the native maps are shared."""
        blocks = tuple(Block(b.maps, *resize_matrices(b.native_shape, shape, b.maps)) for b in self.blocks)
        return Composite(blocks, self.depth_blocks)

    def of_depth(self, vectors: Tensor, depth_position: int) -> Tensor:
        """The part of vectors (n, D) that belongs to one depth, (n, C_d)."""
        block, start, end = self.depth_blocks[depth_position]
        return self.split(vectors)[block][:, start:end]


def resize_matrix(native: int, grid: int) -> Tensor:
    """The bilinear resize of one axis (half-pixel centres, antialiased when shrinking) as a matrix (grid, native)."""
    identity = torch.eye(native)[None, None]
    return F.interpolate(identity, size=(grid, native), mode="bilinear", align_corners=False, antialias=grid < native)[0, 0]


def resize_matrices(native: tuple[int, int], grid: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    rows, cols = (resize_matrix(n, g).to(like) for n, g in zip(native, grid, strict=True))
    return rows, cols


def composite_of(feature_maps: Sequence[Tensor], grid: tuple[int, int]) -> Composite:
    """Stacks feature maps, one (C, h, w) per depth and already scaled, without resizing them."""
    by_shape: dict[tuple[int, int], list[int]] = {}
    for position, maps in enumerate(feature_maps):
        by_shape.setdefault(tuple(maps.shape[1:]), []).append(position)
    places: dict[int, tuple[int, int, int]] = {}
    blocks = []
    for block_idx, (native, members) in enumerate(by_shape.items()):
        stacked = torch.cat([feature_maps[m].flatten(1) for m in members])
        blocks.append(Block(stacked, *resize_matrices(native, grid, stacked)))
        start = 0
        for m in members:
            places[m] = (block_idx, start, start + len(feature_maps[m]))
            start += len(feature_maps[m])
    return Composite(tuple(blocks), tuple(places[p] for p in range(len(feature_maps))))


@dataclass(frozen=True, eq=False)
class Clustering:
    """k-means of one composite at one k: the best of several sweeps."""

    centroids: Tensor  # (k, D)
    inertia: float  # summed squared distance of the positions to their centroid
    stability: float  # mean adjusted Rand index between the sweeps, at most 1

    @property
    def k(self) -> int:
        return len(self.centroids)


def sweep(
    composite: Composite,
    max_clusters: int,
    n_sweeps: int = 4,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda k: None,
) -> list[Clustering]:
    """Clusterings for k = 1, 2, ... ``max_clusters``; ``on_step(k)`` is called after each and may raise to stop."""
    generator = torch.Generator().manual_seed(seed)
    norms = composite.squared_norms()
    state = _one_cluster(composite, norms, n_sweeps)
    found = []
    for k in range(1, max_clusters + 1):
        if k > 1:
            state = _lloyd(composite, norms, _with_new_centroid(composite, norms, state, generator))
        found.append(_best_of(state))
        on_step(k)
    return found


@dataclass(frozen=True, eq=False)
class _State:
    """Where S sweeps stand."""

    centroids: Tensor  # (S, k, D)
    labels: Tensor  # (S, P)
    distances: Tensor  # (S, P): squared distance to the nearest centroid

    @property
    def inertia(self) -> Tensor:
        return self.distances.sum(1, dtype=torch.float64)

    def of(self, sweeps: Tensor) -> "_State":
        """Some of the sweeps."""
        return _State(self.centroids[sweeps], self.labels[sweeps], self.distances[sweeps])

    def replaced(self, sweeps: Tensor, state: "_State") -> "_State":
        """The same state with some of the sweeps moved on."""
        pairs = ((self.centroids, state.centroids), (self.labels, state.labels), (self.distances, state.distances))
        return _State(*(old.index_copy(0, sweeps, new) for old, new in pairs))


def _one_cluster(composite: Composite, norms: Tensor, n_sweeps: int) -> _State:
    mean = composite.weighted_sums(torch.ones_like(norms).unsqueeze(0)) / norms.numel()
    return _assigned(composite, norms, mean.unsqueeze(0).repeat(n_sweeps, 1, 1))


def _assigned(composite: Composite, norms: Tensor, centroids: Tensor) -> _State:
    """Every position to its nearest centroid: argmin of |c|^2 - 2 <x, c>; |x|^2 is the same for all."""
    n_sweeps, k, _ = centroids.shape
    flat = centroids.flatten(0, 1)
    costs = flat.square().sum(1)[:, None] - 2 * composite.scores(flat).flatten(1)  # (S * k, P)
    lowest, labels = costs.reshape(n_sweeps, k, -1).min(dim=1)
    return _State(centroids, labels, (lowest + norms.flatten()).clamp_min(0))


def _with_new_centroid(composite: Composite, norms: Tensor, state: _State, generator: torch.Generator) -> Tensor:
    """Greedy k-means++: draw candidates by squared distance, keep the one that lowers the inertia most; (S, k + 1, D)."""
    n_sweeps, n_positions = state.distances.shape
    weights = state.distances.cpu()
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, 1)  # all positions alike: any candidate will do
    drawn = torch.multinomial(weights, N_CANDIDATES, replacement=True, generator=generator).to(state.labels.device)
    candidates = composite.at(drawn.flatten())  # (S * candidates, D)
    distances = norms.flatten() + candidates.square().sum(1)[:, None] - 2 * composite.scores(candidates).flatten(1)
    lowered = torch.minimum(distances.reshape(n_sweeps, N_CANDIDATES, n_positions), state.distances.unsqueeze(1)).sum(2)
    best = lowered.argmin(1)
    chosen = candidates.reshape(n_sweeps, N_CANDIDATES, -1)[torch.arange(n_sweeps, device=best.device), best]
    return torch.cat([state.centroids, chosen.unsqueeze(1)], dim=1)


def _lloyd(composite: Composite, norms: Tensor, centroids: Tensor) -> _State:
    """Assignment and update in turn; a sweep rests once it gains less than the tolerance."""
    state = _assigned(composite, norms, centroids)
    moving = torch.arange(len(centroids), device=centroids.device)
    for _ in range(MAX_ITERATIONS):
        before = state.inertia[moving]
        moved = _assigned(composite, norms, _means(composite, state.of(moving)))
        state = state.replaced(moving, moved)
        moving = moving[before - moved.inertia > TOLERANCE * before]
        if not len(moving):
            break
    return state


def _means(composite: Composite, state: _State) -> Tensor:
    """The mean composite activation of every cluster, (S, k, D); an empty cluster moves to the farthest position."""
    n_sweeps, k, n_channels = state.centroids.shape
    clusters = torch.arange(k, device=state.labels.device)[:, None]
    indicator = (state.labels.unsqueeze(1) == clusters).to(state.centroids.dtype)  # (S, k, P)
    counts = indicator.sum(2)
    sums = composite.weighted_sums(indicator.reshape(n_sweeps * k, *composite.shape)).reshape(n_sweeps, k, n_channels)
    means = sums / counts.clamp_min(1).unsqueeze(2)
    empty = counts == 0
    for s in empty.any(1).nonzero().flatten().tolist():
        n_empty = int(empty[s].sum())
        means[s, empty[s]] = composite.at(state.distances[s].topk(n_empty).indices)
    return means


def _best_of(state: _State) -> Clustering:
    best = int(state.inertia.argmin())
    labels = state.labels.cpu().numpy()
    k = state.centroids.shape[1]
    pairs = [(a, b) for a in range(len(labels)) for b in range(a)]
    agreement = np.mean([adjusted_rand_index(labels[a], labels[b], k) for a, b in pairs]) if pairs else 1.0
    return Clustering(state.centroids[best], float(state.inertia[best]), float(agreement))


def assign(composite: Composite, centroids: Tensor) -> Tensor:
    """The nearest centroid of every grid position, (H, W) uint8; the first one where two are equally near."""
    costs = centroids.square().sum(1)[:, None, None] - 2 * composite.scores(centroids)
    lowest, labels = costs[0].clone(), torch.zeros(composite.shape, dtype=torch.uint8, device=costs.device)
    for j, cost in enumerate(costs[1:], start=1):  # many times faster on a CPU than argmin over the leading axis
        labels.masked_fill_(cost < lowest, j)
        torch.minimum(lowest, cost, out=lowest)
    return labels


def contingency(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """How many positions carry label i in ``a`` and label j in ``b``, (n, n)."""
    return np.bincount(a.ravel().astype(np.int64) * n + b.ravel(), minlength=n * n).reshape(n, n)


def adjusted_rand_index(a: np.ndarray, b: np.ndarray, n: int) -> float:
    """Agreement of two labellings with labels below ``n``: 1 for the same partition, about 0 for chance (Hubert, Arabie 1985)."""
    table = contingency(a, b, n).astype(np.float64)
    both, in_a, in_b, total = (_n_pairs(counts) for counts in (table, table.sum(1), table.sum(0), table.sum()))
    expected = in_a * in_b / total
    highest = (in_a + in_b) / 2
    if highest == expected:  # both are one single cluster, or all singletons: the same partition
        return 1.0
    return float((both - expected) / (highest - expected))


def _n_pairs(counts: np.ndarray) -> float:
    """How many pairs can be drawn from groups of these sizes."""
    return float((counts * (counts - 1) / 2).sum())


def matched_to(reference: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """For every label below ``n`` the reference label it takes over, a permutation of range(n) with the largest total overlap."""
    overlap = contingency(reference, labels, n)
    rows, cols = linear_sum_assignment(overlap, maximize=True)
    permutation = np.empty(n, dtype=np.int64)
    permutation[cols] = rows
    return permutation
