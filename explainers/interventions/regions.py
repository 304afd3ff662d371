"""A region of a photo replaced: by its surroundings, by the rest of the photo, or by a region of another photo.

A replacement is what a region has more than what takes its place; strength scales just that, as it does with a concept
(explainers/interventions/components.py): at 0 the region is replaced, at 1 nothing is changed. A position that lies in the region
in part is changed in part.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explainers.interventions.settings import Filling


def surroundings(inside: Tensor) -> Tensor:
    """The positions that touch a region (H, W) bool from outside, also at corners, (H, W) bool."""
    grown = F.max_pool2d(inside.float()[None, None], 3, stride=1, padding=1)[0, 0] > 0
    return grown & ~inside


def mean_over(feature_map: Tensor, positions: Tensor) -> Tensor:
    """Mean activation (C,) of a feature map (C, H, W) over positions (H, W) bool; of all of it where there are none."""
    values = feature_map.flatten(1)
    return values[:, positions.flatten()].mean(1) if positions.any() else values.mean(1)


def replacement(feature_map: Tensor, inside: Tensor, filling: Tensor, n_prefix_tokens: int = 0) -> Tensor:
    """What a region (H, W) of a feature map (C, H, W) has more than its filling (C,), token by token, (1, P + H*W, C).

    The region is bool, or says how much of every position lies in it. Zero outside of it, and on the P prefix tokens, which
    belong to no place.
    """
    more = (feature_map - filling[:, None, None]) * inside
    tokens = more.flatten(1).T
    return torch.cat([tokens.new_zeros(n_prefix_tokens, tokens.shape[1]), tokens])[None]


def moved(inside: Tensor) -> Tensor:
    """A region (H, W) at every other place of the photo, over its edges, (H*W - 1, H, W): what a region of that shape means by
    chance."""
    height, width = inside.shape
    shifts = [(row, column) for row in range(height) for column in range(width)][1:]
    return torch.stack([inside, *(inside.roll(shift, (0, 1)) for shift in shifts)])[1:]


def with_other_places(inside: Tensor, n_others: int, seed: int) -> Tensor:
    """A region (H, W), and below it the same shape at other places, (1 + n, H, W); ``n_others`` of them, drawn, where there are
    more."""
    others = moved(inside)
    drawn = np.random.default_rng(seed).permutation(len(others))[:n_others]
    return torch.cat([inside[None], others[torch.from_numpy(np.sort(drawn)).to(inside.device)]])


def fillings_of(feature_map: Tensor, places: Tensor, filling: Filling) -> Tensor:
    """What takes the place of regions (J, H, W) of a feature map (C, H, W): the mean of what touches each, or of all, (J, C)."""
    if filling == "photo":
        return feature_map.flatten(1).mean(1).expand(len(places), -1)
    return torch.stack([mean_over(feature_map, surroundings(place > 0)) for place in places])
