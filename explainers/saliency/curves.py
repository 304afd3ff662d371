"""Deletion and insertion: does the answer follow the map, and more than it follows a random order?

Source: Petsiuk, Das, Saenko, *RISE*, BMVC 2018. Pixels are ranked by a map that is stretched over the photo.

    deletion    the highest are removed first; the sooner the class's probability falls, the smaller the area under the curve
    insertion   from nothing on, the highest are restored first; the sooner it rises, the larger the area
    removed     in the mean colour of the photo. RISE deletes to grey and inserts from a blurred photo; here both use the mean,
                because blur leaves colours: of a rendered red disc, blurred away, the network was still 93 % sure
    chance      the same curves of random orders: a random number at every position of the depth's grid, stretched alike

With one filling, what an order inserts is what its reverse leaves undeleted. A reversed random order is a random order, so the
curves of random orders under deletion, read backwards, are those under insertion, and are computed once.

No library that is well kept does this: Captum has no such curve, and others run random orders one by one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, holm, p_value

COVERAGE = 0.95


@dataclass(frozen=True, eq=False)
class Curve:
    """The probability of a class while a photo is removed, or restored, in the order of a map."""

    probabilities: np.ndarray  # (n_shares + 1,)
    area: float  # under the curve, in [0, 1]
    p_value: float  # how often random orders do as well
    corrected_p_value: float  # after Holm, over everything shown together

    @property
    def significant(self) -> bool:
        """Whether a random order rarely does as well, over everything shown together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


@dataclass(frozen=True, eq=False)
class Chance:
    """What random orders give."""

    low: np.ndarray  # (n_shares + 1,): the middle 95 % at every share
    high: np.ndarray  # (n_shares + 1,)
    mean_area: float
    area_interval: tuple[float, float]  # the middle 95 % of areas


# --- orders -------------------------------------------------------------------------------------------------------------


def order_of(values: np.ndarray, shape: Sequence[int], seed: int) -> np.ndarray:
    """Which share of the pixels goes before each, (H, W) float32 in [0, 1), if the highest of a map (h, w) stretched over
    ``shape`` go first, ``shape`` being (H, W). Equal ones go in random order, so that no corner is preferred."""
    stretched = F.interpolate(torch.from_numpy(values).double()[None, None], tuple(shape), mode="bilinear", align_corners=False)
    ties = np.random.default_rng([seed, *shape]).random(math.prod(shape))
    order = np.lexsort((ties, -stretched.flatten().numpy()))
    shares = np.empty(len(order), np.float32)
    shares[order] = np.arange(len(order), dtype=np.float32) / len(order)
    return shares.reshape(shape)


def random_maps(grid: tuple[int, int], n_random: int, seed: int) -> np.ndarray:
    """A random number at every position of a grid, (n_random, h, w)."""
    return np.random.default_rng([seed, *grid]).random((n_random, *grid))


def middle_first(grid: tuple[int, int]) -> np.ndarray:
    """Minus the distance from the middle of the photo, as a share of its sides, (h, w): photographers put things there."""
    rows, columns = (np.abs((np.arange(side) + 0.5) / side - 0.5) for side in grid)
    return -np.hypot(rows[:, None], columns[None])


# --- photos with something removed --------------------------------------------------------------------------------------


def emptied(image: Tensor) -> Tensor:
    """The image (3, H, W) in its mean colour."""
    return image.mean((1, 2), keepdim=True).expand_as(image)


def removed(image: Tensor, filling: Tensor, orders: Tensor, shares: Tensor) -> Tensor:
    """An image (3, H, W), filled from another (3, H, W) where the orders (B, H, W) come before the shares (B,): (B, 3, H, W)."""
    return torch.where((orders < shares[:, None, None])[:, None], filling, image)


# --- what curves are worth ----------------------------------------------------------------------------------------------


def area_under(probabilities: np.ndarray) -> np.ndarray:
    """Area under curves (..., n_shares + 1) over shares from 0 to 1, (...)."""
    return np.trapezoid(probabilities, dx=1 / (probabilities.shape[-1] - 1))


def curve_of(probabilities: np.ndarray, random: np.ndarray, *, small_is_good: bool) -> Curve:
    """A curve (n_shares + 1,) beside those of random orders (n_random, n_shares + 1); not yet corrected for being several."""
    area, sign = float(area_under(probabilities)), -1 if small_is_good else 1
    p = p_value(sign * area, sign * area_under(random))
    return Curve(probabilities, area, p, p)


def chance_of(random: np.ndarray) -> Chance:
    """What random orders give, from their curves (n_random, n_shares + 1)."""
    low, high = np.quantile(random, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    areas = area_under(random)
    return Chance(low, high, float(areas.mean()), confidence_interval(areas, COVERAGE))


def corrected(curves: Sequence[Curve]) -> list[Curve]:
    """With p-values corrected over all that are given."""
    p_values = holm([curve.p_value for curve in curves])
    return [replace(curve, corrected_p_value=p) for curve, p in zip(curves, p_values, strict=True)]
