"""What makes a scene, factor by factor: scenes in which the factors are drawn apart, and the truth of each.

In scenes as they come, a class ties a shape to a texture. Here the main object's shape, texture and colour, its place, its size
and the caption are drawn independently, so what is read of one factor is not read off another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.scenes.scenes import COLOUR_NAMES, SHAPE_NAMES, TEXTURE_NAMES, Scene, SceneObject, SceneOptions, sample_scene
from models.scenes.textures import pick

Array = np.ndarray


@dataclass(frozen=True)
class Factor:
    """One factor: its truth in a scene; how many values it can have, 0 for numbers; whether it concerns the main object alone."""

    name: str
    truth: Callable[[Scene], tuple[float, ...]]
    n_values: int
    of_main: bool = True

    @property
    def chance(self) -> float:
        """What reading it without seeing anything gives: balanced accuracy of a choice, R2 of a number."""
        return 1 / self.n_values if self.n_values else 0.0

    def of(self, scenes: Sequence[Scene]) -> Array:
        """The truth of scenes: integers (N,) of a choice, numbers (N, T) otherwise."""
        truth = np.array([self.truth(scene) for scene in scenes])
        return truth[:, 0].astype(int) if self.n_values else truth


def _main(scene: Scene) -> SceneObject:
    if scene.main is None:
        raise ValueError(f"scene {scene.seed} has no main object")
    return scene.main


FACTORS: tuple[Factor, ...] = (
    Factor("shape", lambda scene: (SHAPE_NAMES.index(_main(scene).shape),), len(SHAPE_NAMES)),
    Factor("texture", lambda scene: (TEXTURE_NAMES.index(_main(scene).texture),), len(TEXTURE_NAMES)),
    Factor("colour", lambda scene: (COLOUR_NAMES.index(_main(scene).colour),), len(COLOUR_NAMES)),
    Factor("position", lambda scene: _main(scene).centre, 0),
    Factor("size", lambda scene: (_main(scene).radius,), 0),
    Factor("caption", lambda scene: (scene.watermark is not None,), 2, of_main=False),
)


def factor_scenes(n_scenes: int, first_seed: int) -> list[Scene]:
    """Scenes of consecutive seeds whose factors are drawn apart; the same seed gives the same scene."""
    return [factor_scene(first_seed + i) for i in range(n_scenes)]


def factor_scene(seed: int) -> Scene:
    """The scene of one seed."""
    rng = np.random.default_rng([seed, 3])
    shape, texture, colour = (pick(rng, names) for names in (SHAPE_NAMES, TEXTURE_NAMES, COLOUR_NAMES))
    options = SceneOptions(shape=shape, texture=texture, colour=colour, watermark=bool(rng.random() < 0.5))
    return sample_scene(seed, options)
