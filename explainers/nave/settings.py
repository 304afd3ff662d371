"""What decides a segmentation map besides encoder and image, and how depths are scaled so that they can be stacked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from models.errors import BadSettings

Fit = Literal["grid", "full", "fast"]
Scaling = Literal["balanced", "raw", "unit"]
CLUSTER_RANGE = (2, 40)
INPUT_SIZE_RANGE = (32, 1024)
FITS: dict[Fit, str] = {
    "grid": "Exact k-means on a grid of a quarter of the input size.",
    "full": "Exact k-means on every pixel of the input: about half as long again.",
    "fast": "K-means on a sample of positions and their main components, not refined: an approximation.",
}
"""On which positions clusters are found, and what it means."""


@dataclass(frozen=True)
class NaveSettings:
    """What decides a segmentation map, besides the encoder and the image."""

    depths: tuple[int, ...] = ()  # () asks the service for the encoder's default depths
    scaling: Scaling = "balanced"
    input_size: int = 448
    min_clusters: int = 2
    max_clusters: int = 20
    seed: int = 0
    fit: Fit = "grid"  # see FITS

    @property
    def ks(self) -> tuple[int, ...]:
        """Every number of clusters for which there is a map."""
        return tuple(range(self.min_clusters, self.max_clusters + 1))


@dataclass(frozen=True)
class ComponentSettings:
    """What decides which places are alike, besides the encoder and the images."""

    depths: tuple[int, ...] = ()  # () asks the service for the encoder's default depths
    scaling: Scaling = "balanced"
    input_size: int = NaveSettings.input_size


# --- scalings: feature maps (C, h, w) of one depth, one per image that is clustered together, to as many of the same shapes ---


@dataclass(frozen=True, eq=False)
class Balance:
    """What `balanced` takes from the maps of one depth: kept, it scales the maps of other images as it scaled those."""

    means: Tensor  # (C, 1, 1)
    length: Tensor  # (): root of the mean squared norm without the means; 0 where all maps are constant

    def scaled(self, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (C, h, w) less the means, divided by the length."""
        centred = [maps - self.means for maps in feature_maps]
        return [maps / self.length for maps in centred] if self.length > 0 else centred


def balance_of(feature_maps: Sequence[Tensor]) -> Balance:
    """Channel means and length of the maps (C, h, w) of one depth, over all images together."""
    n_positions = sum(maps[0].numel() for maps in feature_maps)
    sums = reduce(torch.add, [maps.sum((1, 2), keepdim=True, dtype=torch.float64) for maps in feature_maps])
    means = (sums / n_positions).to(feature_maps[0].dtype)
    squares = reduce(torch.add, [(maps - means).square_().sum() for maps in feature_maps])
    return Balance(means, (squares / n_positions).sqrt())


def balanced(feature_maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps (C, h, w) without their channel means, divided by the root of the mean squared norm: every depth weighs alike.

    Maps that are constant become zero.
    """
    return balance_of(feature_maps).scaled(feature_maps)


def raw(feature_maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps (C, h, w) as the encoder left them: a depth with larger activations weighs more."""
    return list(feature_maps)


def unit(feature_maps: Sequence[Tensor]) -> list[Tensor]:
    """Maps (C, h, w) with every position's activation at length one; a zero activation stays zero."""
    norms = [maps.norm(dim=0, keepdim=True) for maps in feature_maps]
    return [maps / torch.where(norm > 0, norm, 1) for maps, norm in zip(feature_maps, norms, strict=True)]


Scale = Callable[[Sequence[Tensor]], list[Tensor]]
SCALINGS: dict[str, Scale] = {"balanced": balanced, "raw": raw, "unit": unit}


def scales_of(scaling: str, n_depths: int, balances: Sequence[Balance] = ()) -> list[Scale]:
    """How every depth is scaled: by the balances, one per depth, that are at hand, else by the images' own maps."""
    return [balance.scaled for balance in balances] or [SCALINGS[scaling]] * n_depths


def require_valid(settings: NaveSettings, n_depths: int) -> None:
    """Raises BadSettings for anything an encoder with that many depths cannot do."""
    low, high = CLUSTER_RANGE
    if not low <= settings.min_clusters <= settings.max_clusters <= high:
        raise BadSettings(
            f"Clusters {settings.min_clusters} to {settings.max_clusters} were asked for; choose a range within {low} to {high}."
        )
    smallest, largest = INPUT_SIZE_RANGE
    if not smallest <= settings.input_size <= largest:
        raise BadSettings(f"An input size of {settings.input_size} px was asked for; choose {smallest} to {largest} px.")
    if settings.scaling not in SCALINGS:
        raise BadSettings(f"There is no scaling '{settings.scaling}'; choose one of {', '.join(SCALINGS)}.")
    if settings.fit not in FITS:
        raise BadSettings(f"There is no fit '{settings.fit}'; choose one of {', '.join(FITS)}.")
    missing = sorted({d for d in settings.depths if not 0 <= d < n_depths})
    if missing:
        raise BadSettings(f"This encoder has depths 0 to {n_depths - 1}; {', '.join(map(str, missing))} is not among them.")
    if settings.seed < 0:
        raise BadSettings(f"The seed is {settings.seed}; it must be 0 or more.")
