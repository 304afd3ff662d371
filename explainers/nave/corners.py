"""All pixels of a grid from the corners of its blocks.

Between native positions a resize is bilinear, and so is, within a block of a few pixels, the distance to every centroid (but for
|x|^2, which is the same for all) and the difference of two distances. What is bilinear on a rectangle is greatest at a corner: a
centroid that is the nearest one at all four corners is the nearest one everywhere between. So distances are worked out at the
corners of blocks, and pixel by pixel only in blocks whose corners differ. Nothing is approximated; the observation is ours.

    k  clusters    H, W  grid    g  pixels along a block    R, Q  rows and columns of blocks    M  blocks whose corners differ
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
import torch
from torch import Tensor

from explainers.nave.assignment import nearest_idx
from explainers.nave.composite import Composite

BLOCK_SIDES = range(8, 2, -1)  # pixels; the first one that fits is taken: half the stride of the finest depth, as a rule
FLAT = 1e-5  # a second difference of resize weights below this is rounding
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # of a block: down, right


@dataclass(frozen=True, eq=False)
class Corners:
    """A grid cut into square blocks, within each of which whatever is linear in x is bilinear."""

    at: Composite  # at the corners of blocks, (R + 1, Q + 1) positions
    side: int  # g

    @staticmethod
    def of(composite: Composite) -> "Corners | None":
        """The grid of a composite cut into blocks; None where the native positions lie so that no side fits."""
        side = _block_side([matrix for block in composite.blocks for matrix in (block.rows, block.cols)])
        if side is None:
            return None
        extended = [(block, _extended(block.rows, side), _extended(block.cols, side)) for block in composite.blocks]
        return Corners(Composite(tuple(replace(block, rows=rows, cols=cols) for block, rows, cols in extended)), side)

    @property
    def n_blocks(self) -> tuple[int, int]:
        """R and Q."""
        n_rows, n_cols = self.at.shape
        return n_rows - 1, n_cols - 1

    def labels(self, costs: Tensor) -> Tensor:
        """From costs at the corners (k, R + 1, Q + 1) the nearest centroid of every pixel, (H, W) uint8."""
        cut = self._cut(costs)
        (n_rows, n_cols), side = self.n_blocks, self.side
        labels = cut.upper_left.reshape(n_rows, 1, n_cols, 1).repeat(1, side, 1, side)
        first_pixel = (cut.mixed // n_cols * side * n_cols + cut.mixed % n_cols) * side
        labels.view(-1)[first_pixel + self._offsets(side, side * n_cols)] = cut.labels_within
        return labels.reshape(n_rows * side, n_cols * side)

    def weights(self, costs: Tensor) -> Tensor:
        """From costs at the corners how much each counts for each centroid, (k, R + 1, Q + 1).

        Whatever is linear in x, summed over the pixels that are nearest to a centroid, is the same sum over corners with these
        weights: the adjoint of mixing, applied to which pixels are nearest.
        """
        cut, k = self._cut(costs), len(costs)
        every = torch.arange(k, device=costs.device).unsqueeze(1)
        is_nearest = (cut.upper_left.flatten() == every).to(costs.dtype)  # (k, R * Q)
        of_corners = (is_nearest * (self.side**2 / len(CORNERS))).repeat(len(CORNERS), 1, 1)
        within = (cut.labels_within == every.unsqueeze(2)).to(costs.dtype)  # (k, g * g, M)
        of_corners[:, :, cut.mixed] = (self._mixing.T @ within).transpose(0, 1)
        weights = torch.zeros_like(costs)
        for (down, right), part in zip(CORNERS, of_corners.unflatten(2, self.n_blocks), strict=True):
            weights[:, down : down + self.n_blocks[0], right : right + self.n_blocks[1]] += part
        return weights

    def _cut(self, costs: Tensor) -> "_Cut":
        at_corners = nearest_idx(costs)
        n_rows, n_cols = self.n_blocks
        upper_left, *others = (at_corners[down : down + n_rows, right : right + n_cols] for down, right in CORNERS)
        mixed = reduce(torch.logical_or, [other != upper_left for other in others]).flatten().nonzero().squeeze(1)
        corner_idx = mixed + mixed // n_cols + self._offsets(2, n_cols + 1)  # (4, M)
        of_mixed = costs.flatten(1).index_select(1, corner_idx.flatten()).reshape(len(costs), len(CORNERS), -1)
        return _Cut(upper_left, mixed, nearest_idx(self._mixing @ of_mixed))

    def _offsets(self, side: int, width: int) -> Tensor:
        """Flat indices of a square of so many positions in a grid of that width, (side * side, 1)."""
        within = torch.arange(side, device=self._mixing.device)
        return (within.unsqueeze(1) * width + within).reshape(-1, 1)

    @cached_property
    def _mixing(self) -> Tensor:
        """How every pixel of a block mixes its four corners, (g * g, 4)."""
        maps = self.at.blocks[0].maps
        share = (torch.arange(self.side, device=maps.device, dtype=maps.dtype) + 0.5) / self.side
        of_axis = torch.stack([1 - share, share], dim=1)
        return torch.einsum("yi,xj->yxij", of_axis, of_axis).reshape(-1, len(CORNERS))


@dataclass(frozen=True, eq=False)
class _Cut:
    """Which blocks belong to one centroid, and the pixels of the others."""

    upper_left: Tensor  # (R, Q): the nearest centroid at that corner
    mixed: Tensor  # (M,): flat indices of the blocks whose corners differ
    labels_within: Tensor  # (g * g, M): the nearest centroid of each of their pixels


def _block_side(matrices: Sequence[Tensor]) -> int | None:
    """The longest side of blocks within which all of these resize matrices (grid, native) are linear."""
    kinks = np.unique(np.concatenate([_kinks(matrix) for matrix in matrices]))

    def fits(side: int) -> bool:
        return all(len(matrix) % side == 0 for matrix in matrices) and not (kinks // side == (kinks + 2) // side).any()

    return next(filter(fits, BLOCK_SIDES), None)


def _kinks(matrix: Tensor) -> np.ndarray:
    """The first of every three neighbouring grid positions that do not lie on one line."""
    return (matrix.diff(n=2, dim=0).abs().amax(1) > FLAT).nonzero().squeeze(1).cpu().numpy()


def _extended(matrix: Tensor, side: int) -> Tensor:
    """A resize matrix (grid, native) at the borders of blocks, half a position beyond their first and last one."""
    blocks = matrix.reshape(-1, side, matrix.shape[1])
    before = 1.5 * blocks[:, 0] - 0.5 * blocks[:, 1]
    last = 1.5 * blocks[-1:, -1] - 0.5 * blocks[-1:, -2]
    return torch.cat([before, last])
