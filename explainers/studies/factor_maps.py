"""Scenes whose factors are drawn apart, each factor as a map, and how well clusters follow it.

    shape, texture, colour, size    of the object under a pixel; only pixels of objects count
    position                        which of 4 x 4 cells of the picture a pixel lies in
    caption                         whether the caption covers a pixel

Clusters are made of all scenes together, so a cluster means one thing in all of them; a cluster of one scene alone could not tell
the shape of its only star from its colour. How well they follow a factor is their adjusted mutual information (Vinh, Epps, Bailey
2010): 1 for the same division, about 0 for what chance gives, however many clusters there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from explainers.drawing.clusters import at_size
from models.photo import Photo, photo_from_array
from models.scenes.factors import FACTORS, factor_scenes
from models.scenes.scenes import RenderedScene, Scene, render

FIRST_SCENE = 14_000_000  # scenes from here on belong to this measure alone
SCENES_PER_SEED = 1_000
SCENE_PX = 224
N_CELLS = 4  # of positions, per side
SIZES = (0.16, 0.305)  # radii that part small, medium and large objects
MAX_PIXELS = 20_000  # that are compared; more change the third digit
NOT_COUNTED = -1
FACTOR_NAMES: tuple[str, ...] = tuple(factor.name for factor in FACTORS)

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class FactorScenes:
    """Scenes as photos, and every factor's maps: one (H, W) per scene, NOT_COUNTED where it says nothing."""

    photos: tuple[Photo, ...]
    maps: Mapping[str, tuple[Array, ...]]


def scenes_of_seed(n_scenes: int, seed: int) -> FactorScenes:
    """The scenes of one seed, other ones for every seed."""
    scenes = factor_scenes(n_scenes, FIRST_SCENE + SCENES_PER_SEED * seed)
    rendered = [render(scene, SCENE_PX) for scene in scenes]
    photos = tuple(photo_from_array(r.image, f"scene-{s.seed}") for r, s in zip(rendered, scenes, strict=True))
    per_scene = [factor_maps(scene, r) for scene, r in zip(scenes, rendered, strict=True)]
    return FactorScenes(photos, {name: tuple(maps[name] for maps in per_scene) for name in FACTOR_NAMES})


def factor_maps(scene: Scene, rendered: RenderedScene) -> dict[str, Array]:
    """Every factor of a rendered scene as a map (H, W) of small integers, NOT_COUNTED where it says nothing."""
    on_object = rendered.object_map > 0
    of_object = {
        "shape": rendered.shape_map,
        "texture": rendered.texture_map,
        "colour": rendered.colour_map,
        "size": np.array([0, *(np.searchsorted(SIZES, thing.radius) for thing in scene.objects)])[rendered.object_map],
    }
    height, width = rendered.object_map.shape
    rows, columns = np.arange(height) * N_CELLS // height, np.arange(width) * N_CELLS // width
    return {
        **{name: np.where(on_object, values.astype(np.int16), NOT_COUNTED) for name, values in of_object.items()},
        "position": (rows[:, None] * N_CELLS + columns).astype(np.int16),
        "caption": rendered.watermark_mask.astype(np.int16),
    }


def alignment(clusters: Sequence[Array], factor: Sequence[Array]) -> float:
    """Adjusted mutual information of cluster maps (h, w) and a factor's maps (H, W), one each per scene, over all that count."""
    labels = np.concatenate([at_size(of_scene, truth.shape).ravel() for of_scene, truth in zip(clusters, factor, strict=True)])
    truth = np.concatenate([of_scene.ravel() for of_scene in factor])
    counted = np.flatnonzero(truth != NOT_COUNTED)
    some = counted[np.linspace(0, len(counted) - 1, min(MAX_PIXELS, len(counted))).astype(int)]
    return float(adjusted_mutual_info_score(truth[some], labels[some])) if len(some) else 0.0


def agreement(first: Sequence[Array], second: Sequence[Array]) -> float:
    """Adjusted mutual information of two encoders' cluster maps, (H, W) and (h, w), of the same scenes."""
    return alignment(second, [labels.astype(np.int16) for labels in first])
