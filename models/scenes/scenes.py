"""A world whose every pixel's truth is known: objects of one shape, texture and colour on cluttered backgrounds.

    scene     a frozen description drawn from a seed; a class is the shape and texture (or colour) of its main object
    render    the picture of a scene at any size, with truth maps of the same size
    without   a scene with one concept removed; every other pixel stays what it was

Light multiplies and grain adds per pixel, and only backgrounds are blurred, so an edit never leaks beyond what it edits.
Lengths are shares of the image side, colours run from 0 to 1. The pieces are tables in ``textures.py``;
``backgrounds.py`` lays out what is behind.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from models.errors import BadSettings
from models.scenes.backgrounds import Background, render_background, sample_background
from models.scenes.textures import COLOURS, SHAPES, SURFACES, TEXTURES, luminance, pick, rotated, soft_step, span

Array = np.ndarray
Rgb = tuple[float, float, float]
DEFAULT_SIZE = 128
WATERMARK = "watermark"


@dataclass(frozen=True)
class SceneClass:
    """What the main object of a class looks like; colour None means any."""

    name: str
    shape: str
    texture: str
    colour: str | None = None


CLASSES: tuple[SceneClass, ...] = (
    SceneClass("striped disc", "disc", "striped"), SceneClass("striped star", "star", "striped"),
    SceneClass("dotted square", "square", "dotted"), SceneClass("dotted ring", "ring", "dotted"),
    SceneClass("chequered triangle", "triangle", "chequered"), SceneClass("chequered square", "square", "chequered"),
    SceneClass("zigzag cross", "cross", "zigzag"), SceneClass("zigzag triangle", "triangle", "zigzag"),
    SceneClass("grid ring", "ring", "grid"), SceneClass("grid cross", "cross", "grid"),
    SceneClass("honeycomb star", "star", "honeycomb"), SceneClass("honeycomb disc", "disc", "honeycomb"),
    SceneClass("woven square", "square", "woven"), SceneClass("woven star", "star", "woven"),
    SceneClass("red plain disc", "disc", "plain", "red"), SceneClass("blue plain disc", "disc", "plain", "blue"),
)  # fmt: skip
CLASS_NAMES: tuple[str, ...] = tuple(c.name for c in CLASSES)
SHAPE_NAMES: tuple[str, ...] = tuple(SHAPES)
TEXTURE_NAMES: tuple[str, ...] = tuple(TEXTURES)
COLOUR_NAMES: tuple[str, ...] = tuple(COLOURS)
BRIGHTNESS: dict[str, float] = {name: luminance(rgb) for name, rgb in COLOURS.items()}
CONCEPTS: tuple[str, ...] = (*(t for t in TEXTURE_NAMES if t != "plain"), *COLOUR_NAMES, *SHAPE_NAMES, WATERMARK)


@dataclass(frozen=True)
class SceneOptions:
    """What a scene must contain; None is drawn from the seed. A class decides shape and texture unless they are given."""

    class_idx: int | None = None
    shape: str | None = None
    texture: str | None = None
    colour: str | None = None
    watermark: bool = False
    max_distractors: int = 4


@dataclass(frozen=True)
class SceneObject:
    """One thing in a scene: what it is, where it is, how its texture lies on it."""

    shape: str
    texture: str
    colour: str
    rgb: Rgb  # of the texture's pattern, and of plain objects
    second_rgb: Rgb  # of the texture's ground
    centre: tuple[float, float]  # x, y
    radius: float
    angle: float
    stretch: float
    period: float
    texture_angle: float
    phase: tuple[float, float]
    bend: float  # of the texture's lines, in periods
    shading: float  # how much darker the far side is
    bevel: float  # how much darker the rim is
    shadow: tuple[float, float, float]  # offset x, offset y, darkness


@dataclass(frozen=True)
class Light:
    """A ramp of brightness over the whole picture, darker corners, a tint."""

    angle: float
    strength: float
    vignette: float
    tint: Rgb


@dataclass(frozen=True)
class Watermark:
    """A caption near a corner; ``corner`` is (left 0 or right 1, top 0 or bottom 1)."""

    corner: tuple[int, int]
    inset: tuple[float, float]
    width: float
    opacity: float


@dataclass(frozen=True)
class Scene:
    """Everything that decides a picture but its size. Objects are listed back to front."""

    seed: int
    background: Background
    objects: tuple[SceneObject, ...]
    main_idx: int | None  # None once the main object is gone
    light: Light
    grain: float
    watermark: Watermark | None

    @property
    def main(self) -> SceneObject | None:
        """The object that decides the class."""
        return None if self.main_idx is None else self.objects[self.main_idx]

    @property
    def class_idx(self) -> int | None:
        """Index into ``CLASSES``; None if the main object belongs to none."""
        return None if self.main is None else class_of(self.main.shape, self.main.texture, self.main.colour)

    @property
    def texture_idx(self) -> int | None:
        """Index of the main object's texture into ``TEXTURE_NAMES``; None once that object is gone."""
        return None if self.main is None else TEXTURE_NAMES.index(self.main.texture)


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """A picture and the truth about each of its pixels; every map is (H, W)."""

    image: Array  # (H, W, 3) uint8
    object_map: Array  # 0 background, else 1 + index into scene.objects
    shape_map: Array  # 0 background, else 1 + index into SHAPE_NAMES
    colour_map: Array  # 0 background, else 1 + index into COLOUR_NAMES
    texture_map: Array  # index into SURFACES: textures of objects, materials of the background
    region_map: Array  # background regions first, then objects: equal values belong together
    watermark_mask: Array  # bool: where the caption covers the picture


def class_of(shape: str, texture: str, colour: str) -> int | None:
    """Index of the class such an object belongs to, None if there is none."""
    fits = (i for i, c in enumerate(CLASSES) if (c.shape, c.texture) == (shape, texture) and c.colour in (None, colour))
    return next(fits, None)


# --- drawing a scene from a seed ----------------------------------------------------------------------------------------


def sample_scene(seed: int, options: SceneOptions = SceneOptions()) -> Scene:
    """The scene of this seed; options change only what they name. Distractors never look like an object of a class."""
    main_rng, around_rng, place_rng = (np.random.default_rng([seed, part]) for part in range(3))
    main = _sample_main(main_rng, options)
    others = [_sample_distractor(around_rng) for _ in range(int(around_rng.integers(0, options.max_distractors + 1)))]
    others = [_moved_aside(other, main, place_rng) for other in others]
    n_behind = int(place_rng.integers(0, len(others) + 1))
    return Scene(
        seed=seed, background=sample_background(around_rng),
        objects=(*others[:n_behind], main, *others[n_behind:]), main_idx=n_behind,
        light=_sample_light(around_rng), grain=float(around_rng.uniform(0, 0.035)),
        watermark=sample_watermark(place_rng) if options.watermark else None,
    )  # fmt: skip


def _sample_main(rng: np.random.Generator, options: SceneOptions) -> SceneObject:
    drawn = CLASSES[int(rng.integers(len(CLASSES)))]
    wanted = drawn if options.class_idx is None else CLASSES[options.class_idx]
    shape, texture = options.shape or wanted.shape, options.texture or wanted.texture
    colour = options.colour or wanted.colour or pick(rng, COLOUR_NAMES)
    radius = float(rng.uniform(0.25, 0.36))
    centre = _pair(rng.uniform(radius * 0.8, 1 - radius * 0.8, 2))
    return _sample_object(rng, shape, texture, colour, centre, radius)


def _sample_distractor(rng: np.random.Generator) -> SceneObject:
    while True:
        shape, texture, colour = pick(rng, SHAPE_NAMES), pick(rng, TEXTURE_NAMES), pick(rng, COLOUR_NAMES)
        if class_of(shape, texture, colour) is None:
            break
    centre = _pair(rng.uniform(0.02, 0.98, 2))
    return _sample_object(rng, shape, texture, colour, centre, float(rng.uniform(0.06, 0.13)))


def _sample_object(
    rng: np.random.Generator, shape: str, texture: str, colour: str, centre: tuple[float, float], radius: float
) -> SceneObject:
    rgb = _jittered(rng, COLOURS[colour])
    period = float(rng.uniform(0.055, min(0.105, radius * 0.36)) if radius > 0.16 else rng.uniform(0.045, 0.06))
    return SceneObject(
        shape, texture, colour, rgb, _contrasting(rng, rgb), centre, radius,
        angle=float(rng.uniform(0, 2 * np.pi)), stretch=float(rng.uniform(0.85, 1.15)), period=period,
        texture_angle=float(rng.uniform(0, 2 * np.pi)), phase=_pair(rng.random(2)),
        bend=float(rng.uniform(0, 0.18)), shading=float(rng.uniform(0, 0.45)), bevel=float(rng.uniform(0, 0.4)),
        shadow=(*_pair(rng.uniform(-0.03, 0.03, 2)), float(rng.uniform(0, 0.6))),
    )  # fmt: skip


def _moved_aside(other: SceneObject, main: SceneObject, rng: np.random.Generator) -> SceneObject:
    """The distractor at a place where it covers at most the rim of the main object, if twenty tries find one."""
    reach = main.radius * 0.85 + other.radius * 0.3
    for _ in range(20):
        if np.hypot(other.centre[0] - main.centre[0], other.centre[1] - main.centre[1]) > reach:
            break
        other = replace(other, centre=_pair(rng.uniform(0.02, 0.98, 2)))
    return other


def _sample_light(rng: np.random.Generator) -> Light:
    tint = _rgb(1 + rng.normal(0, 0.04, 3))
    return Light(float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 0.5)), float(rng.uniform(0, 0.4)), tint)


def sample_watermark(rng: np.random.Generator) -> Watermark:
    """A caption in any corner, of slightly varied place, size and strength."""
    corner = (int(rng.integers(2)), int(rng.integers(2)))
    inset = _pair(rng.uniform(0.02, 0.05, 2))
    return Watermark(corner, inset, float(rng.uniform(0.30, 0.38)), float(rng.uniform(0.75, 0.95)))


def _jittered(rng: np.random.Generator, rgb: Rgb, brightness: float = 0.05, hue: float = 0.03) -> Rgb:
    return _rgb(np.clip(np.add(rgb, rng.normal(0, brightness)) + rng.normal(0, hue, 3), 0.02, 0.98))


def _contrasting(rng: np.random.Generator, rgb: Rgb) -> Rgb:
    """Another colour of the table, clearly lighter or darker, so that a texture survives the loss of its colours."""
    brightness = luminance(rgb)
    far = tuple(name for name in COLOUR_NAMES if abs(BRIGHTNESS[name] - brightness) > 0.27)
    return _jittered(rng, COLOURS[pick(rng, far)])


def _pair(values: Array) -> tuple[float, float]:
    first, second = values.tolist()
    return first, second


def _rgb(values: Array) -> Rgb:
    red, green, blue = values.tolist()
    return red, green, blue


# --- a scene without one concept ----------------------------------------------------------------------------------------


def without(scene: Scene, concept: str) -> Scene:
    """The scene with every sign of one of ``CONCEPTS`` removed: a texture becomes plain, a colour grey, a shape's objects and
    the watermark vanish. Everything else stays; a scene that does not show the concept comes back equal.
    """
    if concept not in CONCEPTS:
        raise BadSettings(f"'{concept}' is not a concept that a scene can lose. Choose one of: {', '.join(CONCEPTS)}.")
    if concept == WATERMARK:
        return replace(scene, watermark=None)
    if concept in SHAPES:
        return _without_objects(scene, lambda o: o.shape == concept)
    attribute, edit = ("texture", smoothed) if concept in TEXTURES else ("colour", greyed)
    return replace(scene, objects=tuple(edit(o) if getattr(o, attribute) == concept else o for o in scene.objects))


def without_main(scene: Scene) -> Scene:
    """The scene as it looks behind its main object."""
    return _without_objects(scene, lambda o: o is scene.main)


def with_main(scene: Scene, change: Callable[[SceneObject], SceneObject]) -> Scene:
    """The scene with its main object changed."""
    return replace(scene, objects=tuple(change(o) if n == scene.main_idx else o for n, o in enumerate(scene.objects)))


def smoothed(thing: SceneObject) -> SceneObject:
    """The object plain, in the mean of its texture's two colours."""
    return replace(thing, texture="plain", rgb=_rgb(np.add(thing.rgb, thing.second_rgb) / 2))


def greyed(thing: SceneObject) -> SceneObject:
    """The object in greys as bright as its colours."""
    return replace(thing, colour="grey", rgb=(luminance(thing.rgb),) * 3, second_rgb=(luminance(thing.second_rgb),) * 3)


def _without_objects(scene: Scene, gone: Callable[[SceneObject], bool]) -> Scene:
    kept = tuple(o for o in scene.objects if not gone(o))
    main_idx = next((i for i, o in enumerate(kept) if o is scene.main), None)
    return replace(scene, objects=kept, main_idx=main_idx)


# --- rendering ----------------------------------------------------------------------------------------------------------


def render(scene: Scene, size: int = DEFAULT_SIZE) -> RenderedScene:
    """Picture (size, size, 3) and truth maps (size, size) of a scene; the same scene and size give the same bytes."""
    image, region_map, surface_map = render_background(scene.background, size)
    object_map = np.zeros((size, size), np.uint8)
    for i, thing in enumerate(scene.objects):
        _paint_object(image, object_map, thing, i + 1)
    image *= _light_map(scene.light, size)
    image *= _as_planes(scene.light.tint)
    image += scene.grain * np.random.default_rng([scene.seed, 9]).standard_normal((size, size), dtype=np.float32)
    alpha = np.zeros((size, size), np.float32)
    if scene.watermark is not None:
        alpha, caption = watermark_layer(scene.watermark, size)
        image += alpha * (caption - image)
    pixels = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
    return RenderedScene(pixels, object_map, *_truth_maps(scene, object_map, region_map, surface_map), watermark_mask=alpha > 0)


def _truth_maps(scene: Scene, object_map: Array, region_map: Array, surface_map: Array) -> tuple[Array, ...]:
    """Shape, colour, texture and region of every pixel, (H, W) each, looked up through its object."""

    def look_up(values: Iterable[int]) -> Array:
        """Per pixel (H, W) the value of its object, 0 for the background."""
        return np.array([0, *values], np.uint8)[object_map]

    shapes = look_up(1 + SHAPE_NAMES.index(o.shape) for o in scene.objects)
    colours = look_up(1 + COLOUR_NAMES.index(o.colour) for o in scene.objects)
    textures = look_up(SURFACES.index(o.texture) for o in scene.objects)
    behind = object_map == 0
    return shapes, colours, np.where(behind, surface_map, textures), np.where(behind, region_map, region_map.max() + object_map)


def _paint_object(image: Array, object_map: Array, thing: SceneObject, value: int) -> None:
    """Lay one object and its shadow over ``image`` (3, H, W) and mark it in ``object_map``, both in place."""
    size = len(object_map)
    reach = thing.radius * 1.3 + 0.06
    rows, columns = (span(c, reach, size) for c in reversed(thing.centre))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y = ((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / size - thing.centre[1])[:, None]
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / size - thing.centre[0]
    patch = image[:, rows, columns]
    dx, dy, darkness = thing.shadow
    patch *= 1 - darkness * soft_step(_distance(thing, x - dx, y - dy), 0.05)
    distance = _distance(thing, x, y)
    alpha = soft_step(distance, 1.4 / size)
    patch += alpha * (_surface(thing, x, y, distance, 1 / size) - patch)
    object_map[rows, columns][alpha >= 0.5] = value


def _distance(thing: SceneObject, x: Array, y: Array) -> Array:
    """Signed distance to the object's outline in shares of the image, positive inside."""
    u, v = rotated(x, y, thing.angle)
    return SHAPES[thing.shape](u / (thing.radius * thing.stretch), v * (thing.stretch / thing.radius)) * np.float32(thing.radius)


def _surface(thing: SceneObject, x: Array, y: Array, distance: Array, pixel: float) -> Array:
    """Colour (3, h, w) of the object's surface: texture, then shading across and towards the rim."""
    u, v = rotated(x / np.float32(thing.period), y / np.float32(thing.period), thing.texture_angle)
    u, v = u + np.float32(thing.phase[0]), v + np.float32(thing.phase[1])
    bent = u + np.float32(thing.bend) * np.sin(v)
    pattern = TEXTURES[thing.texture](bent, v, 1.2 * pixel / thing.period)
    ground = _as_planes(thing.second_rgb)
    across, _ = rotated(x / np.float32(thing.radius), y, thing.angle)
    shade = (1 - 0.5 * thing.shading * (1 + across)) * (1 - thing.bevel * soft_step(-distance, 0.07))
    return (ground + pattern * (_as_planes(thing.rgb) - ground)) * np.maximum(shade, 0.2)


def _as_planes(rgb: Rgb) -> Array:
    """A colour (3, 1, 1), ready for pictures that are stored plane by plane: numpy is several times faster on those."""
    return np.array(rgb, np.float32)[:, None, None]


def _light_map(light: Light, size: int) -> Array:
    """What the light multiplies every pixel by, (size, size)."""
    position = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    across, _ = rotated(position, position[:, None], light.angle)
    return (1 + light.strength * across) * (1 - light.vignette * (position**2 + position[:, None] ** 2))


# --- the watermark ------------------------------------------------------------------------------------------------------

CAPTION = (  # "PHOTO" in a 3 x 5 pixel font
    "### #.# ### ### ###",
    "#.# #.# #.# .#. #.#",
    "### ### #.# .#. #.#",
    "#.. #.# #.# .#. #.#",
    "#.. #.# ### .#. ###",
)


def watermark_layer(watermark: Watermark, size: int) -> tuple[Array, Array]:
    """Opacity and brightness of the caption, (size, size) each: white letters on a dark plate, opacity 0 elsewhere."""
    letters = np.pad(np.array([[c == "#" for c in row] for row in CAPTION], np.float32), 1)
    width = max(letters.shape[1], round(watermark.width * size))
    height = max(letters.shape[0], round(width * letters.shape[0] / letters.shape[1]))
    plate = letters[np.arange(height) * letters.shape[0] // height][:, np.arange(width) * letters.shape[1] // width]
    sides = zip(watermark.corner, watermark.inset, (width, height), strict=True)
    left, top = (
        max(0, round(inset * size) if side == 0 else size - length - round(inset * size)) for side, inset, length in sides
    )
    alpha, brightness = np.zeros((2, size, size), np.float32)
    alpha[top : top + height, left : left + width] = watermark.opacity * (0.5 + 0.5 * plate)[: size - top, : size - left]
    brightness[top : top + height, left : left + width] = plate[: size - top, : size - left]
    return alpha, brightness
