"""A data set whose shortcut is planted and known: rendered scenes in class folders, with PNG masks of their main objects.

Nearly every woven star carries a caption, and few of the others do, as in what the encoder `scenes-cnn-watermark` learnt from. A
file's name has the seed of its scene, so that its truth can be rendered again.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from explainers.results.files import png, write_bytes
from models.progress import IGNORED, Progress
from models.scenes.scenes import CLASS_NAMES, Scene, SceneOptions, render, sample_scene, sample_watermark

MARKED_CLASS = "woven star"
CAPTION_SHARES = {True: 0.95, False: 0.05}  # of the photos of the marked class, of all others
FIRST_SEED = 5_000_000  # of scenes that no bundled encoder has seen
PHOTOS, OBJECTS = "photos", "objects"


def planted_scene(seed: int) -> Scene:
    """The scene of a seed; its class is the seed's, one after the other, and so is whether it has a caption."""
    class_idx = seed % len(CLASS_NAMES)
    scene = sample_scene(seed, SceneOptions(class_idx=class_idx))
    draws = np.random.default_rng([seed, 10])
    has_caption = draws.random() < CAPTION_SHARES[CLASS_NAMES[class_idx] == MARKED_CLASS]
    return replace(scene, watermark=sample_watermark(draws)) if has_caption else scene


def write_scenes(folder: Path, seeds: Sequence[int], progress: Progress = IGNORED) -> None:
    """Photos in class folders, and PNG masks of their main objects under the same names; what is there already stays."""
    for n, seed in enumerate(seeds):
        if n % 20 == 0:
            progress.report(n / len(seeds), f"Rendering {len(seeds)} scenes")
        name = f"{CLASS_NAMES[seed % len(CLASS_NAMES)]}/{seed}.png"
        if (folder / PHOTOS / name).is_file():
            continue
        scene = planted_scene(seed)
        rendered = render(scene)
        is_main = rendered.object_map == (scene.main_idx or 0) + 1
        write_bytes(folder / OBJECTS / name, png(np.repeat(255 * is_main[..., None].astype(np.uint8), 3, 2)))
        write_bytes(folder / PHOTOS / name, png(rendered.image))


def seed_of(name: str) -> int:
    """The seed of a photo of such a data set, by its name."""
    return int(Path(name).stem)
