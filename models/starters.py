"""The starter concepts, and a random counterpart of scenes: pictures that the bundled encoders never saw, all from one seed.

    python -m models.starters

    textures    on the main object of a scene, in shapes that make no class of it: size, scale, colours, contrast, light vary
    colours     the same objects, plain, in one colour
    watermark   the caption of the watermark encoder on whole scenes: nothing else tells them from the random counterpart
    scenes      whole scenes, as they come: the random counterpart

Every set is one archive <kind>-<name>.zip: one file to copy, to count and to compare, where hundreds of small files would fill
the checkout. The same seed gives the same bytes.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from models.scenes import (
    COLOUR_NAMES,
    DEFAULT_SIZE,
    SHAPE_NAMES,
    WATERMARK,
    Scene,
    SceneObject,
    SceneOptions,
    class_of,
    render,
    sample_scene,
    sample_watermark,
    watermark_layer,
    with_main,
)
from models.textures import TEXTURES

Array = np.ndarray
N_RANDOM = 120
STARTERS_FOLDER = Path(__file__).parents[1] / "assets/concepts"
COMMAND = "python -m models.starters"
SEED = 0
FIRST_SCENE = 20_000_000  # far from the seeds of training and test scenes
FIRST_THING = 30_000_000
TEXTURE_CONCEPTS: tuple[str, ...] = tuple(name for name in TEXTURES if name != "plain")
COLOUR_CONCEPTS: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white")
_QUALITY = 85
_MANIFEST = "manifest.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that an archive can name


@dataclass(frozen=True)
class StarterSet:
    """One archive: what it shows, how many pictures, and how the picture of a generator is drawn, (3, H, W) from 0 to 1."""

    name: str
    kind: str
    n_images: int
    draw: Callable[[np.random.Generator, int], Array]

    @property
    def file_name(self) -> str:
        """The archive's name, which says kind and name."""
        return f"{self.kind}-{self.name}.zip"


# --- pictures -------------------------------------------------------------------------------------------------------------


def on_things(texture: str, colour: str | None = None) -> Callable[[np.random.Generator, int], Array]:
    """Draws scenes whose main object has the texture (and the colour)."""
    return lambda rng, idx: _planes(render(scene_with_thing(rng, idx, texture, colour)).image)


def scene_with_thing(rng: np.random.Generator, idx: int, texture: str, colour: str | None = None) -> Scene:
    """Its main object has the texture (and the colour), and each shape in turn that makes no class of it."""
    shapes = [shape for shape in SHAPE_NAMES if class_of(shape, texture, colour or COLOUR_NAMES[0]) is None]
    options = SceneOptions(shape=shapes[idx % len(shapes)], texture=texture, colour=colour)
    scene = sample_scene(FIRST_THING + int(rng.integers(2**30)), options)
    return with_main(scene, _of_another_size(scene.main, rng))


def _of_another_size(thing: SceneObject, rng: np.random.Generator) -> SceneObject:
    """Larger on the whole, its texture coarser or finer than training scenes have it, at another place."""
    radius = float(rng.uniform(0.25, 0.4))
    period = float(np.exp(rng.uniform(np.log(0.05), np.log(min(0.16, 0.36 * radius)))))
    centre = tuple(float(c) for c in rng.uniform(0.8 * radius, 1 - 0.8 * radius, 2))
    return replace(thing, radius=radius, period=period, centre=centre)


def captioned(rng: np.random.Generator, idx: int) -> Array:
    """A scene with the caption; no scene of the random counterpart is among them."""
    alpha, caption = watermark_layer(sample_watermark(rng), DEFAULT_SIZE)
    scene = whole_scene(rng, N_RANDOM + idx)
    return scene + alpha * (caption - scene)


def whole_scene(rng: np.random.Generator, idx: int) -> Array:
    """The scene of a seed of its own, whatever the generator."""
    return _planes(render(sample_scene(FIRST_SCENE + idx)).image)


def _planes(image: Array) -> Array:
    return image.transpose(2, 0, 1) / np.float32(255)


STARTERS: tuple[StarterSet, ...] = (
    *(StarterSet(name, "concept", 48, on_things(name)) for name in TEXTURE_CONCEPTS),
    *(StarterSet(name, "concept", 48, on_things("plain", name)) for name in COLOUR_CONCEPTS),
    StarterSet(WATERMARK, "concept", 48, captioned),
    StarterSet("scenes", "random", N_RANDOM, whole_scene),
)


def picture(starter: StarterSet, idx: int, seed: int = SEED) -> Array:
    """One picture of a set, (H, W, 3) uint8; it depends on the set's name, its place in the set, and the seed alone."""
    planes = starter.draw(generator_of(starter.name, idx, seed), idx)
    return np.clip(planes * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def generator_of(name: str, idx: int, seed: int = SEED) -> np.random.Generator:
    """What decides one picture of a set."""
    return np.random.default_rng([seed, idx, *name.encode()])


# --- writing --------------------------------------------------------------------------------------------------------------


def packed(starter: StarterSet, seed: int = SEED) -> bytes:
    """The archive of a set: JPEG files in order, all of one date."""
    archive_bytes = BytesIO()
    with zipfile.ZipFile(archive_bytes, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _files(starter, seed):
            archive.writestr(zipfile.ZipInfo(name, date_time=_DATE), data)
    return archive_bytes.getvalue()


def _files(starter: StarterSet, seed: int) -> Iterator[tuple[str, bytes]]:
    for idx in range(starter.n_images):
        encoded = BytesIO()
        Image.fromarray(picture(starter, idx, seed)).save(encoded, "JPEG", quality=_QUALITY, subsampling=0)
        yield f"{starter.name}-{idx:03d}.jpg", encoded.getvalue()


def write_starters(folder: Path, seed: int = SEED) -> None:
    """Every archive and a manifest that says where they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    for starter in STARTERS:
        (folder / starter.file_name).write_bytes(packed(starter, seed))
    sets = [{"name": s.name, "kind": s.kind, "file": s.file_name, "n_images": s.n_images} for s in STARTERS]
    manifest = {"command": COMMAND, "seed": seed, "first_scene": FIRST_SCENE, "size_px": DEFAULT_SIZE, "sets": sets}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Render the starter concepts.")
    parser.add_argument("--out", type=Path, default=STARTERS_FOLDER)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args(arguments)
    write_starters(chosen.out, chosen.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
