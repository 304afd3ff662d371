"""Composite activations of an image on a grid, never materialised; or of several images alike, side by side.

A composite activation x_p stacks the feature maps F_d of several depths after a bilinear resize U to one grid. Resizing is
linear, so whatever is linear in x runs on the native maps (the factorisation is our own):
    <U(F_d), c> = U(<F_d, c>)                 resize one score map per vector c, not all channels
    sum of w_p U(F_d)_p = F_d (adjoint of U) w    resize the weights backwards

    D  channels of all depths together, shallow first      H, W  grid      P = H * W positions

Shapes are those of one image. Of several, everything has a leading axis more: that of the images.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

FITTING_STRIDE = 4  # clusters are fitted on a grid of a quarter of the input size; maps are drawn at the full input size
BAND = 64  # columns of the grid that are resized at a time: few native columns matter to each, so wide grids cost no more


@dataclass(frozen=True, eq=False)
class Block:
    """Depths of one native resolution: their channels stacked, and the two matrices that resize them to the grid."""

    maps: Tensor  # (C, h * w)
    depth_channels: tuple[int, ...]  # how many of them each depth has
    rows: Tensor  # (H, h)
    cols: Tensor  # (W, w)

    @property
    def native_shape(self) -> tuple[int, int]:
        return self.rows.shape[1], self.cols.shape[1]

    @property
    def on_native_grid(self) -> bool:
        """Whether there is nothing to resize."""
        return self.native_shape == (len(self.rows), len(self.cols))

    @property
    def of_depths(self) -> tuple[Tensor, ...]:
        """The native maps of every depth, (C_d, h * w)."""
        return self.maps.split(self.depth_channels, dim=-2)

    def on_grid(self, shape: tuple[int, int]) -> "Block":
        """This block with its maps resized to another grid."""
        return Block(self.maps, self.depth_channels, *resize_matrices(self.native_shape, shape, self.maps))

    def projected(self, bases: Sequence[Tensor]) -> "Block":
        """The coordinates of every depth's activations on a basis of its own, (C_d, n_d) each."""
        maps = torch.cat([basis.mT @ maps for basis, maps in zip(bases, self.of_depths, strict=True)], dim=-2)
        return Block(maps, tuple(basis.shape[-1] for basis in bases), self.rows, self.cols)

    def needed(self, columns: slice) -> slice:
        """The native columns that some columns of the grid are mixed from."""
        first, last = self._native_reach
        return slice(int(first[columns].min()), int(last[columns].max()) + 1)

    @cached_property
    def _native_reach(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last native column that each column of the grid is mixed from."""
        used = (self.cols != 0).cpu().numpy()
        return used.argmax(1), used.shape[1] - 1 - used[:, ::-1].argmax(1)

    def native_scores(self, vectors: Tensor) -> Tensor:
        """<F, vector> at every native position, (n, h, w), for vectors (n, C)."""
        return (vectors @ self.maps).unflatten(-1, self.native_shape)

    @cached_property
    def _taps(self) -> tuple[Any, Any]:
        """Per axis the weights and indices (grid, taps) of the native positions that each grid position mixes."""
        rows, cols = (matrix.topk(int((matrix != 0).sum(1).max()), dim=1) for matrix in (self.rows, self.cols))
        return rows, cols

    def at(self, row: Tensor, col: Tensor) -> Tensor:
        """x_p at some grid positions (rows (n,), columns (n,)), (n, C): the few native positions that each mixes, weighted."""
        (row_weights, row_idx), (col_weights, col_idx) = (
            (taps.values[at], taps.indices[at]) for taps, at in zip(self._taps, (row, col), strict=True)
        )  # (n, taps) each
        weights = (row_weights.unsqueeze(2) * col_weights.unsqueeze(1)).flatten(1)  # (n, taps * taps)
        native_idx = (row_idx.unsqueeze(2) * self.native_shape[1] + col_idx.unsqueeze(1)).flatten(1)
        channels_last = self.maps.flatten(0, -2).T.contiguous()  # (h * w, C), or the channels of all images
        mixed = F.embedding_bag(native_idx, channels_last, per_sample_weights=weights, mode="sum")
        return mixed.unflatten(1, self.maps.shape[:-1]).movedim(0, -2)

    def squared_norms(self, chunk: int = 64) -> Tensor:
        """|x_p|^2 at every grid position, (H, W); a few channels at a time."""
        total = self.maps.new_zeros(*self.maps.shape[:-2], len(self.rows), len(self.cols))
        for maps in self.maps.split(chunk, dim=-2):
            native = maps.unflatten(-1, self.native_shape)
            total += (native if self.on_native_grid else self.rows @ native @ self.cols.T).square().sum(-3)
        return total

    @cached_property
    def summed_norms(self) -> Tensor:
        """The sum of |x_p|^2 over the grid, (): <R F C, F> on the native maps for the Gram matrices R, C of the resize's axes."""
        native = self.maps.unflatten(-1, self.native_shape)
        resized = self.rows.T @ self.rows @ native @ (self.cols.T @ self.cols)
        return (native * resized).sum((-3, -2, -1), dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Composite:
    """Composite activations of an image, or of several alike, on a grid, kept as native feature maps."""

    blocks: tuple[Block, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.blocks[0].rows), len(self.blocks[0].cols)

    @property
    def n_positions(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def depth_channels(self) -> tuple[int, ...]:
        """How many channels each depth has."""
        return tuple(n for block in self.blocks for n in block.depth_channels)

    @property
    def of_depths(self) -> tuple[Tensor, ...]:
        """The native maps of every depth, (C_d, h * w)."""
        return tuple(maps for block in self.blocks for maps in block.of_depths)

    def split(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """Vectors (n, D) as one (n, C) per block."""
        return vectors.split([sum(block.depth_channels) for block in self.blocks], dim=-1)

    def scores(self, vectors: Tensor, offsets: Tensor) -> Tensor:
        """<x_p, vector> + offset at every grid position, (n, H, W), for vectors (n, D) and offsets (n,)."""
        bands = [band for _, band in self.score_bands(vectors, offsets)]
        return torch.cat(bands, dim=-1) if len(bands) > 1 else bands[0]

    def score_bands(self, vectors: Tensor, offsets: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """<x_p, vector> + offset for vectors (n, D) and offsets (n,), some columns of the grid at a time: which columns, and
        their score maps (n, H, columns)."""
        native = [block.native_scores(part) for block, part in zip(self.blocks, self.split(vectors), strict=True)]
        min(native, key=Tensor.numel).add_(offsets[..., None, None])  # a resize keeps what is the same everywhere
        with_maps = list(zip(self.blocks, native, strict=True))
        resized = [(block, block.rows @ maps) for block, maps in with_maps if not block.on_native_grid]
        unchanged = [maps for block, maps in with_maps if block.on_native_grid]
        for start in range(0, self.shape[1], BAND):
            columns = slice(start, start + BAND)
            parts = [self._band(resized, columns)] if resized else []
            yield columns, reduce(Tensor.add_, [*parts, *(maps[..., columns] for maps in unchanged)])

    def _band(self, resized: Sequence[tuple[Block, Tensor]], columns: slice) -> Tensor:
        """Some columns of the sum of all blocks, whose first axis is resized already, in one product; (n, H, columns)."""
        needed = [block.needed(columns) for block, _ in resized]
        halfway = torch.cat([maps[..., part] for (_, maps), part in zip(resized, needed, strict=True)], dim=-1)
        weights = torch.cat([block.cols[columns, part] for (block, _), part in zip(resized, needed, strict=True)], dim=1)
        return halfway @ weights.T

    def weighted_sums(self, weights: Tensor) -> Tensor:
        """Sum over positions of weight times x_p, (n, D), for weight maps (n, H, W): the adjoint of ``scores``."""
        resized = [block for block in self.blocks if not block.on_native_grid]
        back = iter(self._columns_back(resized, weights))
        native = [weights if block.on_native_grid else block.rows.T @ next(back) for block in self.blocks]
        sums = [maps.flatten(-2) @ block.maps.mT for block, maps in zip(self.blocks, native, strict=True)]
        return torch.cat(sums, dim=-1)

    def _columns_back(self, resized: Sequence[Block], weights: Tensor) -> list[Tensor]:
        """The adjoint of the resize of the second axis for several blocks: (n, H, W) to (n, H, w) each."""
        back = [weights.new_zeros(*weights.shape[:-1], block.cols.shape[1]) for block in resized]
        for start in range(0, self.shape[1] if resized else 0, BAND):
            columns = slice(start, start + BAND)
            needed = [block.needed(columns) for block in resized]
            matrices = [block.cols[columns, part] for block, part in zip(resized, needed, strict=True)]
            together = weights[..., columns] @ torch.cat(matrices, dim=1)
            for maps, part, sums in zip(back, needed, together.split([m.shape[1] for m in matrices], dim=-1), strict=True):
                maps[..., part] += sums
        return back

    def squared_norms(self) -> Tensor:
        """|x_p|^2 at every grid position, (H, W)."""
        return reduce(torch.add, [block.squared_norms() for block in self.blocks])

    @cached_property
    def summed_norms(self) -> Tensor:
        """The sum of |x_p|^2 over all grid positions, ()."""
        return reduce(torch.add, [block.summed_norms for block in self.blocks])

    def at(self, positions: Tensor) -> Tensor:
        """The composite activations of some positions (flat grid indices, (n,)), (n, D)."""
        width = self.shape[1]
        return torch.cat([block.at(positions // width, positions % width) for block in self.blocks], dim=-1)

    def on_grid(self, shape: tuple[int, int]) -> "Composite":
        """These activations on another grid; the native maps are shared."""
        return Composite(tuple(block.on_grid(shape) for block in self.blocks))

    def projected(self, bases: Sequence[Tensor]) -> "Composite":
        """The coordinates of every depth's activations on a basis of its own, (C_d, n_d) each."""
        remaining = iter(bases)
        return Composite(tuple(block.projected([next(remaining) for _ in block.depth_channels]) for block in self.blocks))

    def of_image(self, n: int) -> "Composite":
        """The n-th image alone, of several side by side."""
        return Composite(tuple(replace(block, maps=block.maps[n]) for block in self.blocks))


def fitting_grid(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the grid on which the clusters of an image (H, W) are fitted."""
    height, width = (-(-side // FITTING_STRIDE) for side in image_shape)
    return height, width


def side_by_side(images: Sequence[Composite]) -> Composite:
    """Several images whose depths and grids are alike, as one composite with an axis more."""
    blocks = zip(*(image.blocks for image in images), strict=True)
    return Composite(tuple(replace(alike[0], maps=_stacked([block.maps for block in alike])) for alike in blocks))


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(tensors)) if len(tensors) > 1 else tensors[0].unsqueeze(0)  # one alone is not copied


def resize_matrix(native: int, grid: int) -> Tensor:
    """The bilinear resize of one axis (half-pixel centres, antialiased when shrinking) as a matrix (grid, native)."""
    identity = torch.eye(native)[None, None]
    return F.interpolate(identity, size=(grid, native), mode="bilinear", align_corners=False, antialias=grid < native)[0, 0]


def resize_matrices(native: tuple[int, int], grid: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    """The bilinear resizes of rows (H, h) and columns (W, w) from a native map (h, w) to a grid (H, W); data like ``like``."""
    rows, cols = (resize_matrix(n, g).to(like) for n, g in zip(native, grid, strict=True))
    return rows, cols


def composite_of(feature_maps: Sequence[Tensor], grid: tuple[int, int]) -> Composite:
    """Stacks feature maps, one (C, h, w) per depth and already scaled, without resizing them.

    Neighbouring depths of one native resolution share a block, so that channels are in the order of the depths in every image.
    """
    blocks = []
    for native, members in groupby(feature_maps, key=lambda maps: (maps.shape[1], maps.shape[2])):
        parts = [maps.flatten(1) for maps in members]
        stacked = torch.cat(parts)
        blocks.append(Block(stacked, tuple(map(len, parts)), *resize_matrices(native, grid, stacked)))
    return Composite(tuple(blocks))


def composites_of(
    feature_maps: Sequence[Sequence[Tensor]],
    scales: Sequence[Callable[[Sequence[Tensor]], list[Tensor]]],
    grids: Sequence[tuple[int, int]],
) -> list[Composite]:
    """Every image's composite on a grid of its own, from one (C, h, w) per image and depth; every depth has
    a scale, which is given the maps of all images."""
    scaled = [scale(maps) for scale, maps in zip(scales, zip(*feature_maps, strict=True), strict=True)]
    return [composite_of(maps, grid) for maps, grid in zip(zip(*scaled, strict=True), grids, strict=True)]
