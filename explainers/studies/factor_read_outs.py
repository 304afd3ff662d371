"""How well each factor of scenes is read off each depth of an encoder by a straight line (models/encoder/read_out.py).

What concerns the main object is read off the mean activation over its pixels, the caption off the whole map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explainers.studies.random_twins import RANDOM, with_random
from models.encoder import Encoder
from models.encoder.read_out import mean_within, read_choice, read_number
from models.photo import Photo, photo_from_array
from models.progress import Progress
from models.scenes.factors import FACTORS, Factor, factor_scenes
from models.scenes.scenes import Scene, render

FIRST_SCENE = 15_000_000  # scenes from here on belong to this measure alone
N_FITTED, N_JUDGED = 400, 200
BATCH = 32
SCENE_PX = 128  # the bundled encoders' own size

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class ReadScenes:
    """Scenes to read factors from: photos, and where the main object shows (N, H, W) bool."""

    scenes: tuple[Scene, ...]
    photos: tuple[Photo, ...]
    masks: Tensor


def readable_rows(encoders: Sequence[Encoder], seeds: Sequence[int], progress: Progress) -> list[dict[str, Any]]:
    """Per encoder, depth and seed every factor's value, for random weights likewise.

    A seed decides which scenes are fitted and which judged, and the random weights.
    """
    read = read_scenes(N_FITTED + N_JUDGED)
    kept: dict[str, list[tuple[Array, Array]]] = {}
    rows = []
    for n, seed in enumerate(seeds):
        order = np.random.default_rng(seed).permutation(len(read.scenes))
        for name, encoder in with_random(encoders, seed).items():
            progress.report(n / len(seeds), f"{name}: reading factors, seed {seed}")
            activations = kept.get(name) or activations_of(encoder, read, progress)
            if not name.endswith(RANDOM):
                kept[name] = activations
            rows += [{"encoder": name, "seed": seed, **row} for row in _of_depths(activations, read, order)]
    return rows


@lru_cache(maxsize=1)
def read_scenes(n_scenes: int) -> ReadScenes:
    """Scenes whose factors are drawn apart, and where their main objects show; always the same."""
    scenes = factor_scenes(n_scenes, FIRST_SCENE)
    rendered = [render(scene, SCENE_PX) for scene in scenes]
    photos = tuple(photo_from_array(r.image, f"scene-{s.seed}") for r, s in zip(rendered, scenes, strict=True))
    masks = np.stack([r.object_map == 1 + (s.main_idx or 0) for r, s in zip(rendered, scenes, strict=True)])
    return ReadScenes(tuple(scenes), photos, torch.from_numpy(masks))


def activations_of(encoder: Encoder, read: ReadScenes, progress: Progress) -> list[tuple[Array, Array]]:
    """Per depth the mean activations (N, C) over the main object's pixels, and over the whole map."""
    depths = [depth.idx for depth in encoder.info.depths]
    at_main: list[list[Tensor]] = [[] for _ in depths]
    whole: list[list[Tensor]] = [[] for _ in depths]
    size = SCENE_PX if not encoder.info.fixed_input else encoder.info.preprocessing.input_size
    for start in range(0, len(read.photos), BATCH):
        progress.check()
        images = torch.stack([encoder.prepare(photo, size) for photo in read.photos[start : start + BATCH]])
        masks = read.masks[start : start + BATCH].to(encoder.device)
        for depth, maps in zip(depths, encoder.feature_maps(images, depths), strict=True):
            at_main[depth].append(mean_within(maps, masks).cpu())
            whole[depth].append(maps.mean((2, 3)).cpu())
    return [(torch.cat(m).double().numpy(), torch.cat(w).double().numpy()) for m, w in zip(at_main, whole, strict=True)]


def _of_depths(activations: Sequence[tuple[Array, Array]], read: ReadScenes, order: Array) -> Iterator[dict[str, Any]]:
    for depth, (at_main, whole) in enumerate(activations):
        values = {f.name: _read(f, (at_main if f.of_main else whole)[order], f.of(read.scenes)[order]) for f in FACTORS}
        yield {"depth": depth, **values}


def _read(factor: Factor, activations: Array, truth: Array) -> float:
    read = read_choice if factor.n_values else read_number
    return read(activations, truth, N_FITTED)
