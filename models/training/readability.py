"""How well each factor of a scene can be read off a bundled encoder by a straight line, depth by depth.

What concerns the main object is read off the mean activation over its pixels, as a cluster is; the caption off the whole map.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from models.encoder.building import TimmModel
from models.encoder.read_out import mean_within, read_choice, read_number
from models.scenes.factors import FACTORS, Factor, factor_scenes
from models.scenes.scenes import Scene, render
from models.training.recipes import MEAN, STD

FIRST_SEED = 40_000_000  # scenes from here on belong to this measurement alone
N_FITTED, N_JUDGED = 1200, 600
Readability = dict[str, list[float]]  # per factor one number per depth


def readability(encoder: TimmModel, n_fitted: int = N_FITTED, n_judged: int = N_JUDGED) -> Readability:
    """Balanced accuracy, or R2 of numbers, of every factor at every depth on ``n_judged`` scenes that nothing was fitted on."""
    scenes, images, inside = _scenes(n_fitted + n_judged)
    at_main, whole = activations(encoder, images, inside)
    return {
        factor.name: [read(factor, scenes, depth, n_fitted) for depth in (at_main if factor.of_main else whole)]
        for factor in FACTORS
    }


def read(factor: Factor, scenes: Sequence[Scene], depth: Tensor, n_fitted: int) -> float:
    """How well one factor is read off the activations (N, C) of one depth."""
    reading = read_choice if factor.n_values else read_number
    return reading(depth.double().numpy(), factor.of(scenes), n_fitted)


@torch.no_grad()
def activations(encoder: TimmModel, images: Tensor, inside: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Per depth the mean activations (N, C) over the pixels ``inside`` (N, S, S) bool and over the whole map, of images
    (N, 3, S, S) uint8.
    """
    at_main: list[list[Tensor]] = []
    whole: list[list[Tensor]] = []
    for chunk, within in zip(images.split(64), inside.split(64), strict=True):
        maps = encoder.forward_intermediates((chunk.float() / 255 - MEAN) / STD, intermediates_only=True, output_fmt="NCHW")
        at_main.append([mean_within(feature_map, within) for feature_map in maps])
        whole.append([feature_map.mean((2, 3)) for feature_map in maps])
    return _joined(at_main), _joined(whole)


def _joined(chunks: list[list[Tensor]]) -> list[Tensor]:
    return [torch.cat(depth) for depth in zip(*chunks, strict=True)]


@lru_cache(maxsize=1)  # the same scenes for every encoder of one run
def _scenes(n_scenes: int) -> tuple[list[Scene], Tensor, Tensor]:
    """Scenes, their pictures (N, 3, S, S) uint8, and where the main object shows (N, S, S)."""
    scenes = factor_scenes(n_scenes, FIRST_SEED)
    rendered = [render(scene) for scene in scenes]
    images = np.stack([r.image.transpose(2, 0, 1) for r in rendered])
    inside = np.stack([r.object_map == 1 + (s.main_idx or 0) for r, s in zip(rendered, scenes, strict=True)])
    return scenes, torch.from_numpy(images), torch.from_numpy(inside)
