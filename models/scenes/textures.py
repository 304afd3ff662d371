"""What scenes are made of: shapes, textures, background materials and colours, each a table of small functions.

    shape     signed distance (H, W) at local coordinates x, y: positive inside, about one unit from the centre to the tip
    texture   pattern (H, W) in [0, 1] at u, v counted in periods; ``pixel`` is one pixel in periods and softens every edge
    material  background field (H, W), about -1 to 1, drawn from a generator at a given size
    colour    a name and its usual red, green and blue, 0 to 1

Textures and materials together are the surfaces; a pixel's truth is its place in ``SURFACES``.
"""

from collections.abc import Callable
from functools import lru_cache, reduce

import numpy as np
from threadpoolctl import ThreadpoolController

Array = np.ndarray
Shape = Callable[[Array, Array], Array]
Texture = Callable[[Array, Array, float], Array]
Material = Callable[[np.random.Generator, int], Array]

_MATRICES = ThreadpoolController()  # of the libraries behind numpy's matrix product


def product(*matrices: Array) -> Array:
    """The product of matrices (A, B), (B, C) ..., by one thread: with more, its last bits would differ between machines."""
    with _MATRICES.limit(limits=1, user_api="blas"):
        return reduce(np.matmul, matrices)


def soft_step(distance: Array, width: float) -> Array:
    """0 where ``distance`` (any shape) is below -width/2, 1 above width/2, linear between; of the shape of ``distance``."""
    return np.clip(distance / width + 0.5, 0.0, 1.0)


def pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    """One of the names, each as probable as the others."""
    return names[int(rng.integers(len(names)))]


def span(centre: float, reach: float, size: int) -> slice:
    """The pixels within ``reach`` of ``centre``, both in shares of the image, cut off at its border."""
    return slice(max(0, int((centre - reach) * size)), min(size, int((centre + reach) * size) + 1))


def rotated(x: Array, y: Array, angle: float) -> tuple[Array, Array]:
    """Coordinates of any shapes that go together, (W,) and (H, 1) say, seen from axes turned by ``angle``: (H, W) each."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, c * y - s * x


# --- shapes ------------------------------------------------------------------------------------------------------------


def _disc(x: Array, y: Array) -> Array:
    return 0.92 - np.hypot(x, y)


def _square(x: Array, y: Array) -> Array:
    return 0.8 - np.maximum(np.abs(x), np.abs(y))


def _triangle(x: Array, y: Array) -> Array:
    slanted = 0.866 * np.abs(x) - 0.5 * y
    return 0.56 - np.maximum(slanted, y + 0.12) - 0.06


def _star(x: Array, y: Array) -> Array:
    sector = 2 * np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + sector / 2) % sector - sector / 2)  # 0 at a tip, sector/2 in a notch
    radius = np.hypot(x, y)
    tip, notch = 1.08, 0.52
    across, along = notch * np.sin(sector / 2), tip - notch * np.cos(sector / 2)
    return (across * (tip - radius * np.cos(angle)) - along * radius * np.sin(angle)) / np.hypot(across, along)


def _cross(x: Array, y: Array) -> Array:
    ax, ay = np.abs(x), np.abs(y)
    return np.minimum(0.95 - np.maximum(ax, ay), 0.36 - np.minimum(ax, ay))


def _ring(x: Array, y: Array) -> Array:
    return 0.34 - np.abs(np.hypot(x, y) - 0.64)


SHAPES: dict[str, Shape] = {
    "disc": _disc, "square": _square, "triangle": _triangle, "star": _star, "cross": _cross, "ring": _ring,
}  # fmt: skip


# --- textures ----------------------------------------------------------------------------------------------------------


def _to_cell_centre(u: Array) -> Array:
    """Distance to the middle of the unit cell, 0 to 0.5."""
    return np.abs(u - np.floor(u) - 0.5)


def _striped(u: Array, v: Array, pixel: float) -> Array:
    return soft_step(_to_cell_centre(u) - 0.25, pixel)


def _dotted(u: Array, v: Array, pixel: float) -> Array:
    return soft_step(0.31 - np.hypot(_to_cell_centre(u), _to_cell_centre(v)), pixel)


def _chequered(u: Array, v: Array, pixel: float) -> Array:
    across = 2 * soft_step(_to_cell_centre(u * 0.6) - 0.25, pixel * 0.6) - 1
    down = 2 * soft_step(_to_cell_centre(v * 0.6) - 0.25, pixel * 0.6) - 1
    return 0.5 + 0.5 * across * down


def _zigzag(u: Array, v: Array, pixel: float) -> Array:
    return soft_step(_to_cell_centre(u + 1.5 * _to_cell_centre(v * 0.55)) - 0.25, pixel * 1.3)


def _grid(u: Array, v: Array, pixel: float) -> Array:
    return soft_step(0.14 - np.minimum(_to_cell_centre(u), _to_cell_centre(v)), pixel)


def _honeycomb(u: Array, v: Array, pixel: float) -> Array:
    root = np.float32(3**0.5)
    u, v = u * 0.8, v * 0.8
    even = _hexagon_radius(_to_cell_centre(u), _to_row_centre(v, root))
    odd = _hexagon_radius(_to_cell_centre(u + 0.5), _to_row_centre(v + root / 2, root))
    return soft_step(np.minimum(even, odd) - 0.38, pixel * 0.8)


def _to_row_centre(v: Array, period: np.floating) -> Array:
    return np.abs(v - period * np.floor(v / period) - period / 2)


def _hexagon_radius(x: Array, y: Array) -> Array:
    return np.maximum(x, 0.5 * x + 0.866 * y)


def _woven(u: Array, v: Array, pixel: float) -> Array:
    column, row = np.floor(u), np.floor(v)
    over = (column + row) % 2
    across, down = 4 * (u - column) * (column + 1 - u), 4 * (v - row) * (row + 1 - v)  # rounded strands
    return over * (0.55 + 0.45 * down) + (1 - over) * 0.45 * across


def _plain(u: Array, v: Array, pixel: float) -> Array:
    return np.ones_like(u)


TEXTURES: dict[str, Texture] = {
    "striped": _striped, "dotted": _dotted, "chequered": _chequered, "zigzag": _zigzag,
    "grid": _grid, "honeycomb": _honeycomb, "woven": _woven, "plain": _plain,
}  # fmt: skip


# --- background materials ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _interpolation(size: int, n_cells: int) -> Array:
    """Weights (size, n_cells + 1) that spread values at n_cells + 1 knots smoothly over ``size`` pixels."""
    position = (np.arange(size) + 0.5) / size * n_cells
    near = 1 - np.clip(np.abs(position[:, None] - np.arange(n_cells + 1)), 0, 1)
    return (near * near * (3 - 2 * near)).astype(np.float32)


def noise_field(rng: np.random.Generator, size: int, cells: tuple[int, ...], falloff: float, stretch: int = 1) -> Array:
    """Value noise (size, size) of unit scale: octaves of ``cells`` cells across, amplitude cells ** -falloff."""
    field = np.zeros((size, size), np.float32)
    power = 0.0
    for n_cells in cells:
        n_rows = max(1, n_cells // stretch)
        knots = rng.standard_normal((n_rows + 1, n_cells + 1), dtype=np.float32)
        amplitude = n_cells**-falloff
        field += amplitude * product(_interpolation(size, n_rows), knots, _interpolation(size, n_cells).T)
        power += amplitude**2
    return field / np.float32(0.74 * power**0.5)  # 0.74: what interpolation leaves of the knots' deviation


def _tilted(rng: np.random.Generator, size: int) -> Array:
    """A ramp (size, size) from about -0.5 to 0.5 in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    ramp = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    return np.float32(np.cos(angle)) * ramp + np.float32(np.sin(angle)) * ramp[:, None]


def _smooth(rng: np.random.Generator, size: int) -> Array:
    return 0.9 * _tilted(rng, size) + 0.3 * noise_field(rng, size, (2, 4), 1.0)


def _clouds(rng: np.random.Generator, size: int) -> Array:
    return 0.55 * noise_field(rng, size, (3, 6, 12, 24, 48), rng.uniform(0.5, 1.1))


def _marble(rng: np.random.Generator, size: int) -> Array:
    return np.sin(rng.uniform(12, 40) * _tilted(rng, size) + rng.uniform(1.5, 3) * noise_field(rng, size, (4, 8, 16, 32), 0.9))


def _waves(rng: np.random.Generator, size: int) -> Array:
    bent = rng.uniform(40, 90) * _tilted(rng, size) + rng.uniform(0.8, 2) * noise_field(rng, size, (3, 6), 0.7)
    return 0.7 * np.sin(bent) * (0.6 + 0.4 * noise_field(rng, size, (4, 8), 0.5))


def _grain(rng: np.random.Generator, size: int) -> Array:
    field = 0.6 * noise_field(rng, size, (12, 24, 48), rng.uniform(0, 0.5), stretch=int(rng.integers(4, 9)))
    return field.T if rng.random() < 0.5 else field


def _speckle(rng: np.random.Generator, size: int) -> Array:
    return np.tanh(rng.uniform(1, 3) * (noise_field(rng, size, (int(rng.integers(24, 64)),), 0) - rng.uniform(0, 0.8)))


def _veins(rng: np.random.Generator, size: int) -> Array:
    return 1 - 1.6 * np.abs(noise_field(rng, size, (6, 12, 24), rng.uniform(0.4, 0.9)))


MATERIALS: dict[str, Material] = {
    "smooth": _smooth, "clouds": _clouds, "marble": _marble, "waves": _waves,
    "grain": _grain, "speckle": _speckle, "veins": _veins,
}  # fmt: skip
SURFACES: tuple[str, ...] = (*TEXTURES, *MATERIALS)


# --- colours -----------------------------------------------------------------------------------------------------------

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.82, 0.13, 0.12), "orange": (0.92, 0.50, 0.10), "yellow": (0.92, 0.83, 0.20), "green": (0.18, 0.58, 0.22),
    "blue": (0.13, 0.28, 0.80), "purple": (0.50, 0.20, 0.62), "pink": (0.93, 0.55, 0.68), "brown": (0.42, 0.26, 0.14),
    "white": (0.93, 0.93, 0.91), "grey": (0.52, 0.52, 0.52), "black": (0.09, 0.09, 0.10),
}  # fmt: skip
GROUNDS: dict[str, tuple[float, float, float]] = {
    "sky": (0.55, 0.70, 0.88), "foliage": (0.27, 0.37, 0.16), "earth": (0.40, 0.31, 0.22), "stone": (0.50, 0.49, 0.46),
    "sand": (0.74, 0.66, 0.50), "water": (0.22, 0.38, 0.45), "night": (0.13, 0.13, 0.18), "snow": (0.84, 0.86, 0.89),
    "brick": (0.55, 0.32, 0.25), "meadow": (0.48, 0.54, 0.24), "skin": (0.76, 0.57, 0.46),
}  # fmt: skip


def luminance(rgb: tuple[float, ...]) -> float:
    """Perceived brightness of a colour, 0 to 1."""
    return float(np.dot(rgb, (0.299, 0.587, 0.114)))
