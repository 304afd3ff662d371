"""A concept one can see: maps of noise whose channel 1 is on in the left column; and linear networks on such maps."""

import torch

from explainers.integrated_gradients import path_gradients
from explainers.visual_tcav.attribution import Evidence, evidence_of
from explainers.visual_tcav.fitting import FitSettings, FittedConcept, fit_concepts
from explainers.visual_tcav.nulls import PseudoConcepts, null_size
from explainers.visual_tcav.stack import CavStack

QUICK = FitSettings(n_null=40, n_bootstrap=20, seed=0)
N_CHANNELS = 64  # few pseudo-concepts point along any one of them
WEIGHT = torch.eye(N_CHANNELS)[[1, 0]]  # class 0 is the sum of channel 1, class 1 that of channel 0


def noise(n: int, seed: int, n_channels: int = N_CHANNELS) -> torch.Tensor:
    return torch.rand(n, n_channels, 3, 3, generator=torch.Generator().manual_seed(seed))


def with_concept(n: int, seed: int) -> torch.Tensor:
    """Noise whose channel 1 is on in the left column."""
    maps = noise(n, seed)
    maps[:, 1, :, 0] += 5
    return maps


def source(maps: torch.Tensor):
    return lambda: ([m] for m in maps)


def fitted(maps: torch.Tensor, settings: FitSettings = QUICK) -> FittedConcept:
    (of_depth,) = fit_concepts({"left": source(maps)}, source(noise(40, 9)), settings).concepts["left"]
    return of_depth


def pseudo_concepts(n_concept: int, settings: FitSettings = QUICK) -> PseudoConcepts:
    """What chance gives for a concept of so many images."""
    (of_size,) = fit_concepts({}, source(noise(40, 9)), settings, [null_size(n_concept, 40)]).pseudo_concepts.values()
    return of_size[0]


def stack(maps: torch.Tensor, settings: FitSettings = QUICK) -> CavStack:
    """A concept and all that it is tested against."""
    return CavStack.of(fitted(maps, settings), pseudo_concepts(len(maps), settings))


def linear(weight: torch.Tensor):
    """A network whose logits are weighted sums of channels."""
    return lambda maps: maps.sum((2, 3)) @ weight.T


def evidence(maps: torch.Tensor, weight: torch.Tensor = WEIGHT, class_idx: tuple[int, ...] = (0, 1)) -> Evidence:
    """What speaks for some classes of the linear network with these weights (n_classes, C), in maps (C, H, W)."""
    path = path_gradients(linear(weight), maps, list(class_idx) if len(weight) > 1 else [0], n_steps=2)
    return evidence_of(path, maps, class_idx, lambda batch: batch)
