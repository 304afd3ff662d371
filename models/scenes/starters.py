"""The starter concepts, and a random counterpart of scenes: pictures that the bundled encoders never saw, all from one seed.

    python -m models.scenes.starters

    textures    one half over most of a scene's background: scale, angle, colours, contrast, light and bend vary
                the other half on the main object of a scene, in shapes that make no class of it
    colours     one half plain surfaces, unevenly lit; the other half such objects, plain
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
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from models.scenes.backgrounds import render_background, sample_background
from models.scenes.scenes import (
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
from models.scenes.textures import COLOURS, TEXTURES, luminance, noise_field, pick, rotated, soft_step

Array = np.ndarray
N_RANDOM = 120
STARTERS_FOLDER = Path(__file__).parents[2] / "assets/concepts"
COMMAND = "python -m models.scenes.starters"
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


def textured(texture: str) -> Callable[[np.random.Generator, int], Array]:
    """Draws the texture over a scene's background, (3, H, W): over all of it two times in three, else over a large patch."""

    def draw(rng: np.random.Generator, idx: int) -> Array:
        """The picture (3, H, W) of a place in the set."""
        size = DEFAULT_SIZE
        behind, _, _ = render_background(sample_background(rng), size)
        surface = _texture(rng, texture, size)
        cover = _patch(rng, size) if idx % 3 == 2 else np.ones((size, size), np.float32)
        return _grained(rng, behind + cover * (_lit(rng, surface) - behind))

    return draw


def coloured(colour: str) -> Callable[[np.random.Generator, int], Array]:
    """Draws a plain surface of the colour, (3, H, W)."""

    def draw(rng: np.random.Generator, idx: int) -> Array:
        """The picture (3, H, W), whatever its place in the set."""
        rgb = _jittered(rng, COLOURS[colour], brightness=0.04, hue=0.015)
        plain = np.broadcast_to(_as_planes(rgb), (3, DEFAULT_SIZE, DEFAULT_SIZE))
        clouds = noise_field(rng, DEFAULT_SIZE, (2, 4), 0.8)
        cloudy = plain * (1 + rng.uniform(0.02, 0.05) * clouds) + 0.016 * clouds  # the sum, that black varies too
        return _grained(rng, _lit(rng, cloudy), strongest=0.02)

    return draw


def half_on_things(
    surface: Callable[[np.random.Generator, int], Array], texture: str, colour: str | None = None
) -> Callable[[np.random.Generator, int], Array]:
    """Draws pictures (3, H, W): ``surface`` draws every other one, the rest are scenes whose main object has the texture
    (and the colour).
    """

    def draw(rng: np.random.Generator, idx: int) -> Array:
        """The picture (3, H, W) of a place in the set."""
        if shows_thing(idx):
            return _planes(render(scene_with_thing(rng, idx, texture, colour)).image)
        return surface(rng, idx)

    return draw


def shows_thing(idx: int) -> bool:
    """Whether a picture of a texture or colour shows it on a thing."""
    return idx % 2 == 1


def scene_with_thing(rng: np.random.Generator, idx: int, texture: str, colour: str | None = None) -> Scene:
    """A scene whose main object has the texture (and the colour), and each shape in turn that makes no class of it."""
    shapes = [shape for shape in SHAPE_NAMES if class_of(shape, texture, colour or COLOUR_NAMES[0]) is None]
    options = SceneOptions(shape=shapes[idx // 2 % len(shapes)], texture=texture, colour=colour)
    scene = sample_scene(FIRST_THING + int(rng.integers(2**30)), options)
    return with_main(scene, partial(_of_another_size, rng))


def _of_another_size(rng: np.random.Generator, thing: SceneObject) -> SceneObject:
    """The object larger on the whole, its texture coarser or finer than training scenes have it, at another place."""
    radius = float(rng.uniform(0.25, 0.4))
    period = float(np.exp(rng.uniform(np.log(0.05), np.log(min(0.16, 0.36 * radius)))))
    x, y = rng.uniform(0.8 * radius, 1 - 0.8 * radius, 2).tolist()
    return replace(thing, radius=radius, period=period, centre=(x, y))


def captioned(rng: np.random.Generator, idx: int) -> Array:
    """A scene with the caption, (3, H, W); no scene of the random counterpart is among them."""
    alpha, caption = watermark_layer(sample_watermark(rng), DEFAULT_SIZE)
    scene = whole_scene(rng, N_RANDOM + idx)
    return scene + alpha * (caption - scene)


def whole_scene(rng: np.random.Generator, idx: int) -> Array:
    """The scene of a seed of its own, (3, H, W), whatever the generator."""
    return _planes(render(sample_scene(FIRST_SCENE + idx)).image)


def _planes(image: Array) -> Array:
    return image.transpose(2, 0, 1) / np.float32(255)


STARTERS: tuple[StarterSet, ...] = (
    *(StarterSet(name, "concept", 48, half_on_things(textured(name), name)) for name in TEXTURE_CONCEPTS),
    *(StarterSet(name, "concept", 48, half_on_things(coloured(name), "plain", name)) for name in COLOUR_CONCEPTS),
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


# --- pieces of pictures ---------------------------------------------------------------------------------------------------


def _texture(rng: np.random.Generator, texture: str, size: int) -> Array:
    """The texture over the whole picture in two colours, (3, size, size)."""
    period = float(np.exp(rng.uniform(np.log(0.05), np.log(0.16))))  # objects of scenes have 0.055 to 0.105
    x = (np.arange(size, dtype=np.float32) + 0.5) / size
    u, v = rotated(x / np.float32(period), x[:, None] / np.float32(period), rng.uniform(0, 2 * np.pi))
    u, v = u + np.float32(rng.random()), v + np.float32(rng.random())
    u = u + np.float32(rng.uniform(0, 0.18)) * np.sin(v)
    pattern = TEXTURES[texture](u, v, 1.2 / size / period)
    first, second = (_as_planes(rgb) for rgb in _two_colours(rng))
    return second + pattern * (first - second)


def _two_colours(rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Two colours of the table, varied, one clearly lighter than the other."""
    while True:
        first, second = (_jittered(rng, COLOURS[pick(rng, tuple(COLOURS))]) for _ in range(2))
        if abs(luminance(first) - luminance(second)) > 0.2:
            return first, second


def _jittered(rng: np.random.Generator, rgb: tuple[float, ...], brightness: float = 0.06, hue: float = 0.04) -> tuple[float, ...]:
    return tuple(float(c) for c in np.clip(np.add(rgb, rng.normal(0, brightness)) + rng.normal(0, hue, 3), 0.03, 0.97))


def _patch(rng: np.random.Generator, size: int) -> Array:
    """A large crooked blob, 0 to 1, (size, size): at least half of the picture."""
    x = (np.arange(size, dtype=np.float32) + 0.5) / size
    centre_x, centre_y = rng.uniform(0.42, 0.58, 2)
    distance = np.hypot(x - centre_x, x[:, None] - centre_y) + 0.05 * noise_field(rng, size, (3, 6), 0.7)
    return soft_step(rng.uniform(0.46, 0.55) - distance, 1.4 / size).astype(np.float32)


def _lit(rng: np.random.Generator, planes: Array) -> Array:
    """The picture (3, H, W) under a ramp of brightness, with a faint tint."""
    size = planes.shape[-1]
    position = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    across, _ = rotated(position, position[:, None], rng.uniform(0, 2 * np.pi))
    return planes * (1 + rng.uniform(0.05, 0.45) * across) * _as_planes(1 + rng.normal(0, 0.015, 3))


def _grained(rng: np.random.Generator, planes: Array, strongest: float = 0.03) -> Array:
    return planes + rng.uniform(0, strongest) * rng.standard_normal(planes.shape[1:], dtype=np.float32)


def _as_planes(rgb: tuple[float, ...] | Array) -> Array:
    return np.array(rgb, np.float32)[:, None, None]


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
