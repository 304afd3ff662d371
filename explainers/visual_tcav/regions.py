"""Which positions of a feature map a region of an image covers, and how far: weights by which activations are averaged.

Nothing is cut out and nothing painted over: the encoder sees the whole image, and only the averages are over the region. A
position counts by the share of it that lies inside, so a region smaller than one position still has its weights.
"""

import torch
from torch import Tensor

from models.errors import BadConcept


def region_weights(region: Tensor, shape: tuple[int, int]) -> Tensor:
    """How much of every position of a map of ``shape`` (h, w) lies in a region (H, W) of 0 and 1: (h, w) in [0, 1].

    Exact area averages, whatever the two sizes. Raises BadConcept for an empty region.
    """
    if not region.any():
        raise BadConcept("A region among the examples is empty. Remove that example.")
    rows, columns = (_shares(*sides, region.device) for sides in zip(region.shape, shape, strict=True))
    return (rows @ region.double() @ columns.T).float()


def _shares(n_pixels: int, n_positions: int, device: torch.device) -> Tensor:
    """The share of every position along one side that each pixel makes up, (n_positions, n_pixels); rows sum to 1."""
    pixels = torch.arange(n_pixels + 1, dtype=torch.float64, device=device) / n_pixels
    positions = torch.arange(n_positions + 1, dtype=torch.float64, device=device) / n_positions
    ends = torch.minimum(positions[1:, None], pixels[None, 1:])
    starts = torch.maximum(positions[:-1, None], pixels[None, :-1])
    return (ends - starts).clamp_min(0) * n_positions
