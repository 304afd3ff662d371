"""Collages: pictures without objects or classes, whose regions look like those of photographs.

Leaves of every size cover one another; each has a colour of a common palette, its own light, and a texture of natural
roughness. Such pictures have the statistics of photographs (dead leaves: Lee, Mumford, Huang, IJCV 2001), and what is learnt
from them carries over (Baradad et al., *Learning to See by Looking at Noise*, NeurIPS 2021). Every pixel's leaf is known.
"""

import colorsys

import numpy as np
from scipy.ndimage import gaussian_filter

from models.scenes.textures import TEXTURES, pick

Array = np.ndarray
SIZE = 192  # pixels per side
N_LEAVES = (6, 60)
RADII = (0.08, 0.7)  # of leaves, in shares of the side; their density falls with the power below
RADIUS_POWER = 1.2
ROUGHNESS = (0.5, 0.9, 1.3, 1.7)  # slopes of the amplitude spectrum; photographs have about 1
CONTRASTS = (0.0, 0.05, 0.12, 0.25)
SHAPES = ("ellipse", "box", "cushion", "wavy")
_Y, _X = (np.mgrid[:SIZE, :SIZE].astype(np.float32) + 0.5) / SIZE


def collage(seed: int) -> tuple[Array, Array]:
    """Picture (3, SIZE, SIZE) uint8 and the leaf that is seen at every pixel, (SIZE, SIZE) uint8."""
    rng = np.random.default_rng([7, seed])
    fields = [_rough(rng, slope) for slope in ROUGHNESS]
    palette = [_colour(rng) for _ in range(int(rng.integers(3, 9)))]
    n_leaves = int(np.exp(rng.uniform(*np.log(N_LEAVES))))
    radii = _radii(rng, n_leaves)
    image, leaves = np.empty((3, SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE), np.uint8)
    for idx in range(n_leaves + 1):
        covered, u, v = _leaf(rng, radii[idx - 1]) if idx else (np.ones((SIZE, SIZE), bool), 2 * _X - 1, 2 * _Y - 1)
        surface = palette[rng.integers(len(palette))] + rng.normal(0, 0.05, 3).astype(np.float32)
        shaded = surface[:, None, None] * _light(rng, u, v) * (1 + _texture(rng, fields))
        image[:, covered], leaves[covered] = shaded[:, covered], idx
    if rng.random() < 0.6:
        blur_px = rng.uniform(0.3, 1.5)
        image = gaussian_filter(image, (0, blur_px, blur_px))
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8), leaves


def _colour(rng: np.random.Generator) -> Array:
    """A colour (3,), mostly of little saturation, as in photographs."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.beta(1.5, 3), rng.beta(2, 1.8)), np.float32)


def _radii(rng: np.random.Generator, n: int) -> Array:
    """Radii of n leaves, large ones first, so that small ones mostly lie above, with some disorder."""
    low, high = (r**-RADIUS_POWER for r in RADII)
    radii = np.sort((low + rng.random(n) * (high - low)) ** (-1 / RADIUS_POWER))[::-1]
    return np.where(rng.random(n) < 0.7, radii, rng.permutation(radii))


def _leaf(rng: np.random.Generator, radius: float) -> tuple[Array, Array, Array]:
    """Where a leaf lies (bool), and its own coordinates, 1 at its rim."""
    x, y = rng.random(2)
    angle, stretch = rng.uniform(0, np.pi), np.exp(rng.normal(0, 0.35))
    u = ((_X - x) * np.cos(angle) + (_Y - y) * np.sin(angle)) / (radius * stretch)
    v = ((_Y - y) * np.cos(angle) - (_X - x) * np.sin(angle)) / (radius / stretch)
    return _distance(rng, pick(rng, SHAPES), u, v) < 1, u, v


def _distance(rng: np.random.Generator, shape: str, u: Array, v: Array) -> Array:
    """Distance of every place from the middle of a leaf, in units of its radius."""
    if shape == "box":
        return np.maximum(np.abs(u), np.abs(v))
    if shape == "cushion":
        return (np.abs(u) ** 3 + np.abs(v) ** 3) ** (1 / 3)
    distance = np.hypot(u, v)
    if shape == "ellipse":
        return distance
    around, phases = np.arctan2(v, u), rng.uniform(0, 2 * np.pi, 2)
    coarse, fine = rng.integers(2, 6), rng.integers(3, 9)
    return distance / (1 + 0.25 * np.sin(coarse * around + phases[0]) + 0.15 * np.sin(fine * around + phases[1]))


def _light(rng: np.random.Generator, u: Array, v: Array) -> Array:
    """A ramp of brightness over a leaf."""
    strength, angle = rng.uniform(0, 0.25), rng.uniform(0, 2 * np.pi)
    return 1 + strength * (u * np.cos(angle) + v * np.sin(angle))


def _texture(rng: np.random.Generator, fields: list[Array]) -> Array:
    """Roughness of some slope and contrast; on one leaf in seven a regular pattern with it."""
    shift = tuple(int(s) for s in rng.integers(SIZE, size=2))
    texture = np.roll(fields[rng.integers(len(fields))], shift, (0, 1)) * np.float32(rng.choice(CONTRASTS))
    if rng.random() < 1 / 7:
        period = rng.uniform(0.03, 0.12)
        pattern = TEXTURES[pick(rng, tuple(TEXTURES))](_X / period, _Y / period, 1.2 / SIZE / period)
        texture = texture + rng.uniform(0.1, 0.4) * (pattern - 0.5)
    return texture


def _rough(rng: np.random.Generator, slope: float) -> Array:
    """Noise (SIZE, SIZE) of unit scale whose amplitude falls with frequency to the power of ``slope``."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE))
    frequency[0, 0] = np.inf  # the mean is zero
    spectrum = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) / frequency**slope
    field = np.fft.irfft2(spectrum, s=(SIZE, SIZE)).astype(np.float32)
    return field / field.std()
