"""Where scenes happen: regions laid out like skies, fields, patches or heaps of leaves, each of one colour and material."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.scenes.textures import GROUNDS, MATERIALS, SURFACES, noise_field, pick, product, rotated, span

Array = np.ndarray


@dataclass(frozen=True)
class Background:
    """Regions laid out by rule, each with a ground colour and one of a few materials."""

    layout: str
    n_regions: int
    grounds: tuple[str, ...]
    materials: tuple[str, ...]
    contrast: float
    blur: float
    seed: int


def sample_background(rng: np.random.Generator) -> Background:
    """Any layout, with two to five ground colours and one to three materials."""
    layout = pick(rng, tuple(LAYOUTS))
    n_regions = int(rng.integers(*LAYOUTS[layout].n_regions))
    return Background(
        layout, n_regions, grounds=tuple(pick(rng, tuple(GROUNDS)) for _ in range(int(rng.integers(2, 6)))),
        materials=tuple(pick(rng, tuple(MATERIALS)) for _ in range(int(rng.integers(1, 4)))),
        contrast=float(rng.uniform(0.04, 0.22)), blur=float(rng.uniform(0.4, 1.1)) / 128, seed=int(rng.integers(2**31)),
    )  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How regions are laid out, and how many there may be."""

    region_map: Callable[[np.random.Generator, int, int], Array]  # generator, size, number of regions -> (size, size) uint8
    n_regions: tuple[int, int]  # from, below


def _one_region(rng: np.random.Generator, size: int, n: int) -> Array:
    return np.zeros((size, size), np.uint8)


def _bands(rng: np.random.Generator, size: int, n: int) -> Array:
    """Sky above hills above ground: horizons that slope and wander."""
    x = (np.arange(size, dtype=np.float32) + 0.5) / size
    heights = np.sort(rng.uniform(0.15, 0.85, n - 1))
    below = [(x[:, None] > _horizon(rng, x, height)).astype(np.uint8) for height in heights]
    return sum(below, start=np.zeros((size, size), np.uint8))


def _horizon(rng: np.random.Generator, x: Array, height: float) -> Array:
    """Height (size,) of a line that slopes and wanders."""
    return height + rng.normal(0, 0.15) * (x - 0.5) + rng.uniform(0, 0.07) * noise_field(rng, len(x), (3, 6, 12), 0.8)[0]


def _patches(rng: np.random.Generator, size: int, n: int) -> Array:
    """The nearest of n sites, with crooked borders."""
    x = (np.arange(size, dtype=np.float32) + 0.5) / size
    wander = rng.uniform(0, 0.04)
    u, v = x + wander * noise_field(rng, size, (4, 8), 0.6), x[:, None] + wander * noise_field(rng, size, (4, 8), 0.6)
    sites = rng.random((n, 2), dtype=np.float32)
    return np.argmin([(u - sx) ** 2 + (v - sy) ** 2 for sx, sy in sites], axis=0).astype(np.uint8)


def _blobs(rng: np.random.Generator, size: int, n: int) -> Array:
    """Contours of a cloud."""
    field = noise_field(rng, size, (3, 6, 12, 24), rng.uniform(0.8, 1.4))
    return np.digitize(field, np.linspace(-0.8, 0.8, n + 1)[1:-1]).astype(np.uint8)


def _leaves(rng: np.random.Generator, size: int, n: int) -> Array:
    """Dead leaves: discs, ellipses and blocks of power-law size, the later covering the earlier."""
    region_map = np.zeros((size, size), np.uint8)
    radii = np.minimum(0.05 * (1 - 0.985 * rng.random(n)) ** -0.5, 0.4)  # density falls with the cube of the size
    places = rng.random((n, 2)), rng.uniform(0, np.pi, n), rng.uniform(0.6, 1.6, n), rng.integers(0, 3, n)
    leaves = zip(radii.tolist(), *(p.tolist() for p in places), strict=True)
    for i, (radius, (cx, cy), angle, stretch, n_squarings) in enumerate(leaves, start=1):
        rows, columns = span(cy, radius * 1.8, size), span(cx, radius * 1.8, size)
        y = ((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / size - cy)[:, None] / radius
        x = ((np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / size - cx) / radius
        u, v = (np.square(w) for w in rotated(x * stretch, y / stretch, angle))
        for _ in range(n_squarings):  # an ellipse, then ever squarer
            u, v = u * u, v * v
        region_map[rows, columns][u + v < 1] = i
    return region_map


LAYOUTS: dict[str, Layout] = {
    "one": Layout(_one_region, (1, 2)), "bands": Layout(_bands, (2, 5)), "patches": Layout(_patches, (3, 10)),
    "blobs": Layout(_blobs, (2, 5)), "leaves": Layout(_leaves, (15, 55)), "more leaves": Layout(_leaves, (15, 55)),
}  # fmt: skip


def render_background(background: Background, size: int) -> tuple[Array, Array, Array]:
    """Picture (3, size, size) from 0 to 1, and region and surface of every pixel, (size, size) uint8 each."""
    rng = np.random.default_rng(background.seed)
    region_map = LAYOUTS[background.layout].region_map(rng, size, background.n_regions)
    n_regions = int(region_map.max()) + 1
    fields = [MATERIALS[m](rng, size).astype(np.float32) for m in background.materials]
    ground_of, material_of = rng.integers(len(background.grounds), size=n_regions), rng.integers(len(fields), size=n_regions)
    grounds = np.array([GROUNDS[g] for g in background.grounds], np.float32)[ground_of]
    varied = grounds + 0.10 * rng.standard_normal((n_regions, 1)) + 0.04 * rng.standard_normal((n_regions, 3))
    colours = varied.astype(np.float32)
    strengths = background.contrast * rng.uniform(0.3, 1.2, (n_regions, 1))
    tones = (rng.normal(1, 0.25, (n_regions, 3)) * strengths).astype(np.float32)  # nearly grey: brightness varies most
    region_idx = region_map.astype(np.intp)  # numpy looks up by this type fastest
    material_map = material_of.take(region_idx)
    field = np.choose(material_map, fields)
    image = np.stack([colours[:, c].take(region_idx) + tones[:, c].take(region_idx) * field for c in range(3)])
    surfaces = np.array([SURFACES.index(m) for m in background.materials], np.uint8)
    return np.clip(_blurred(image, background.blur), 0.02, 1), region_map, surfaces.take(material_map)


def _blurred(image: Array, width: float) -> Array:
    """Gaussian blur of standard deviation ``width`` (a share of the side)."""
    size = image.shape[-1]
    kernel = _blur_matrix(size, round(width * size, 1))
    planes = [product(kernel, plane, kernel.T) for plane in image]  # one by one: numpy's batched product is far slower
    return np.stack(planes)


@lru_cache(maxsize=128)
def _blur_matrix(size: int, deviation_px: float) -> Array:
    """Weights (size, size) of every pixel of a line for every other."""
    offset = np.arange(size)[:, None] - np.arange(size)
    weights = np.exp(-0.5 * (offset / max(deviation_px, 0.1)) ** 2)
    weights[weights < 1e-6] = 0  # denormal numbers would make the product ten times slower
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
