"""A concept one can see: maps of noise whose channel 1 is on in the left column."""

import torch

from explainers.visual_tcav.fitting import FitSettings, fit_concepts

QUICK = FitSettings(n_null=40, n_bootstrap=20, seed=0)
N_CHANNELS = 64  # few pseudo-concepts point along any one of them


def noise(n: int, seed: int, n_channels: int = N_CHANNELS) -> torch.Tensor:
    return torch.rand(n, n_channels, 3, 3, generator=torch.Generator().manual_seed(seed))


def with_concept(n: int, seed: int) -> torch.Tensor:
    """Noise whose channel 1 is on in the left column."""
    maps = noise(n, seed)
    maps[:, 1, :, 0] += 5
    return maps


def source(maps: torch.Tensor):
    return lambda: ([m] for m in maps)


def fitted(maps: torch.Tensor, settings: FitSettings = QUICK):
    (of_depth,) = fit_concepts({"left": source(maps)}, source(noise(40, 9)), settings)["left"]
    return of_depth
