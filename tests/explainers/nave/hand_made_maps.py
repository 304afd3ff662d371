"""Small feature maps of several depths, and their composite as the big matrix that the project does without."""

import torch
from torch.nn import functional as F

GRID = (24, 18)
SHAPES = [(3, 12, 9), (5, 6, 5), (4, 6, 5), (2, 48, 36)]  # two depths share a resolution, one is finer than the grid


def random_maps():
    """One (C, h, w) per depth."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def materialised(feature_maps):
    """The composite as a big matrix (P, D), channels in the order of the depths."""
    resized = [F.interpolate(m[None], size=GRID, mode="bilinear", antialias=m.shape[1] > GRID[0])[0] for m in feature_maps]
    return torch.cat(resized).flatten(1).T
