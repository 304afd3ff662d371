"""The nearest centroid of every pixel, for every k, without scoring every pixel.

Between native positions a resize is bilinear, and so is, within a block of a few pixels, the distance to every centroid (but for
|x|^2, which is the same for all) and the difference of two distances. What is bilinear on a rectangle is greatest at a corner: a
centroid that is the nearest one at all four corners is the nearest one everywhere between. So distances are worked out at the
corners of blocks, and pixel by pixel only in blocks whose corners differ. The labels are the exact ones; the observation is ours.

    k  clusters    H, W  grid    g  pixels along a block    R, Q  rows and columns of blocks    M  blocks whose corners differ
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explainers.composite import Block, Composite

BLOCK_SIDES = range(8, 2, -1)  # pixels; the first one that fits is taken: half the stride of the finest depth, as a rule
MAX_SCORES = 2**22  # scores held at a time: so many centroids are taken together as fit
FLAT = 1e-5  # a second difference of resize weights below this is rounding


def label_maps(composite: Composite, centroids: Sequence[Tensor]) -> Tensor:
    """The nearest centroid of every grid position for centroids (k, D) of several k, (n_k, H, W) uint8; the first one where
    several are equally near."""
    found = torch.empty(len(centroids), *composite.shape, dtype=torch.uint8, device=centroids[0].device)
    corners = _Corners.of(composite)
    if corners is None:
        for labels, of_k in zip(found, centroids, strict=True):
            _score_every_pixel(composite, of_k, labels)
        return found
    n_done = 0
    for group in groups(centroids, most=MAX_SCORES // corners.at.n_positions):
        for costs in nearness(corners.at, torch.cat(group)).split(list(map(len, group))):
            found[n_done] = corners.labels(costs)
            n_done += 1
    return found


def nearness(composite: Composite, centroids: Tensor) -> Tensor:
    """|c|^2 - 2 <x, c> for centroids (k, D), (k, H, W): squared distances but for |x|^2, which is the same for all."""
    return composite.scores(-2 * centroids, centroids.square().sum(1))


def groups(centroids: Sequence[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Neighbours with at most so many centroids together, at least one."""
    group: list[Tensor] = []
    for one in centroids:
        if group and sum(map(len, group)) + len(one) > most:
            yield group
            group = []
        group.append(one)
    yield group


def _score_every_pixel(composite: Composite, centroids: Tensor, labels: Tensor) -> None:
    for columns, costs in composite.score_bands(-2 * centroids, centroids.square().sum(1)):
        labels[:, columns] = _first_lowest(costs)


def _first_lowest(costs: Tensor) -> Tensor:
    """Along the first axis the index of the lowest, uint8; the first of several. Four times as fast as argmin."""
    k = len(costs)
    ranks = torch.arange(k, 0, -1, dtype=torch.int8, device=costs.device).reshape(-1, *[1] * (costs.ndim - 1))
    is_lowest = (costs <= costs.amin(0)).view(torch.int8)
    return (k - is_lowest.mul_(ranks).amax(0)).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class _Corners:
    """The grid cut into square blocks, within each of which whatever is linear in x is bilinear."""

    at: Composite  # at the corners of blocks, (R + 1, Q + 1) positions
    side: int  # g

    @staticmethod
    def of(composite: Composite) -> "_Corners | None":
        """None where the native positions lie so that no side fits."""
        side = _block_side([matrix for block in composite.blocks for matrix in (block.rows, block.cols)])
        return side and _Corners(Composite(tuple(_at_corners(block, side) for block in composite.blocks)), side)

    def labels(self, costs: Tensor) -> Tensor:
        """From costs at the corners (k, R + 1, Q + 1) the labels of all pixels, (H, W)."""
        at_corners = _first_lowest(costs)
        n_rows, n_cols = (n - 1 for n in at_corners.shape)
        upper_left, *others = (at_corners[i : i + n_rows, j : j + n_cols] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
        mixed = sum(other != upper_left for other in others).flatten().nonzero().squeeze(1)
        row, col = mixed // n_cols, mixed % n_cols
        corner_idx = row * (n_cols + 1) + col + self._offsets(2, n_cols + 1)  # (4, M)
        of_mixed = costs.flatten(1).index_select(1, corner_idx.flatten()).reshape(len(costs), 4, -1)
        labels = upper_left.reshape(n_rows, 1, n_cols, 1).repeat(1, self.side, 1, self.side)
        pixel_idx = (row * self.side * n_cols + col) * self.side + self._offsets(self.side, self.side * n_cols)  # (g * g, M)
        labels.view(-1)[pixel_idx] = _first_lowest(self._mixing @ of_mixed)
        return labels.reshape(n_rows * self.side, n_cols * self.side)

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
        return torch.einsum("yi,xj->yxij", of_axis, of_axis).reshape(-1, 4)


def _block_side(matrices: Sequence[Tensor]) -> int | None:
    """The longest side of blocks within which all of these resize matrices (grid, native) are linear."""
    kinks = np.unique(np.concatenate([_kinks(matrix) for matrix in matrices]))
    fits = lambda side: all(len(m) % side == 0 for m in matrices) and not (kinks // side == (kinks + 2) // side).any()  # noqa: E731
    return next(filter(fits, BLOCK_SIDES), None)


def _kinks(matrix: Tensor) -> np.ndarray:
    """The first of every three neighbouring grid positions that do not lie on one line."""
    return (matrix.diff(n=2, dim=0).abs().amax(1) > FLAT).nonzero().squeeze(1).cpu().numpy()


def _at_corners(block: Block, side: int) -> Block:
    return replace(block, rows=_extended(block.rows, side), cols=_extended(block.cols, side))


def _extended(matrix: Tensor, side: int) -> Tensor:
    """A resize matrix (grid, native) at the borders of blocks, half a position beyond their first and last one."""
    blocks = matrix.reshape(-1, side, matrix.shape[1])
    before = 1.5 * blocks[:, 0] - 0.5 * blocks[:, 1]
    last = 1.5 * blocks[-1:, -1] - 0.5 * blocks[-1:, -2]
    return torch.cat([before, last])
