"""Values of more than 8 bits, as scanners, depth cameras and satellites write them, made fit for a screen."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_WINDOW_PERCENTILES = (0.5, 99.5)
_MAX_SAMPLES = 1_000_000  # percentiles of a million samples are as good as those of all
_FEW, _PER_TILE = 1000, 10_000  # samples: too few to go by; at most of one tile
_MID_GREY = 128
_TILE = 1024  # pixels; every step holds float64 values of one tile only


class NoValuesError(ValueError):
    """Every pixel of a picture is marked as missing."""


@dataclass(frozen=True, eq=False)
class Deep:
    """Bands of values of any real type.

    ``fills_range`` is whether the values are known to be colours, with the largest value of their type for the brightest one.
    """

    bands: tuple[np.ndarray, ...]  # one for grey, or three; (H, W) each
    alpha: np.ndarray | None = None  # (H, W): how opaque a pixel is, of the same type
    is_premultiplied: bool = False
    is_white_zero: bool = False
    fills_range: bool = False
    no_data: float | None = None


def on_screen(deep: Deep) -> np.ndarray:
    """The picture, (H, W) uint8 if grey, else (H, W, 3).

    One window for all bands, the middle 99 % of the values, fills the range, so that nothing is clipped to plain white and no
    hue is changed. Values that are not finite or not data count as darkest; transparent parts are white. Raises NoValuesError if
    no value is data.
    """
    low, high = _window(deep)
    height, width = deep.bands[0].shape
    shown = np.empty((height, width, len(deep.bands)), np.uint8)
    for tile in tiles(height, width, _TILE):
        for n, band in enumerate(deep.bands):
            shown[(*tile, n)] = _shown(deep, band, tile, low, high).round().astype(np.uint8)
    return shown[..., 0] if len(deep.bands) == 1 else shown


def tiles(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of squares that cover (height, width); those at the edges are smaller."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield slice(top, min(top + side, height)), slice(left, min(left + side, width))


def _window(deep: Deep) -> tuple[float, float]:
    """The values that are shown as black and as white; equal if all values are."""
    height, width = deep.bands[0].shape
    step = max(1, int((height * width * len(deep.bands) / _MAX_SAMPLES) ** 0.5))
    seen, has_data = _seen(deep, (slice(None, None, step), slice(None, None, step)))
    if seen.size < _FEW and step > 1:  # data on small parts only
        of_tiles = [_seen(deep, tile) for tile in tiles(height, width, _TILE)]
        seen = np.concatenate([values[:: 1 + values.size // _PER_TILE] for values, _ in of_tiles])
        has_data = any(has for _, has in of_tiles)
    if not has_data:
        raise NoValuesError
    if not seen.size:  # wholly transparent
        return 0.0, 0.0
    largest = _largest(deep)
    if deep.fills_range and seen.max() > largest / 4:  # else: colours of a sensor whose values do not fill their type
        return 0.0, largest
    low, high = np.percentile(seen, _WINDOW_PERCENTILES)
    if high <= low:  # (nearly) one value: stretch over what is there
        low, high = seen.min(), seen.max()
    return float(low), float(high)


def _seen(deep: Deep, where: tuple[slice, slice]) -> tuple[np.ndarray, bool]:
    """The values (n,) there that are data and not transparent, and whether there is data at all, seen or not."""
    values = [_values(deep, band, where) for band in deep.bands]
    seen = np.concatenate([v[_is_data(deep, v) & _is_opaque(deep, where)] for v in values])
    return seen, bool(seen.size) or any(_is_data(deep, v).any() for v in values)


def _shown(deep: Deep, band: np.ndarray, tile: tuple[slice, slice], low: float, high: float) -> np.ndarray:
    """One band of a tile, (h, w) float64 in 0 to 255."""
    values = _values(deep, band, tile)
    if high <= low:  # exactly one value: a plain mid-grey picture
        shown = np.full(values.shape, float(_MID_GREY))
    else:
        finite = np.asarray(np.nan_to_num(values, nan=low, posinf=high, neginf=low), np.float64)
        share = (np.clip(finite, low, high) - low) / (high - low)
        shown = 255 * (1 - share if deep.is_white_zero else share)
        shown[_is_gap(deep, values)] = 0
    if deep.alpha is None:
        return shown
    opaque = deep.alpha[tile] / _largest(deep)
    return shown * opaque + 255 * (1 - opaque)


def _values(deep: Deep, band: np.ndarray, where: tuple[slice, slice]) -> np.ndarray:
    """The values there as float64, without the factor that transparent pixels may carry."""
    values = band[where].astype(np.float64)
    if deep.alpha is None or not deep.is_premultiplied:
        return values
    alpha = deep.alpha[where]
    return np.divide(values * _largest(deep), alpha, out=np.zeros_like(values), where=alpha > 0)


def _is_gap(deep: Deep, values: np.ndarray) -> np.ndarray:
    """Where there is nothing to be shown, not even a brightest or darkest value."""
    return np.isnan(values) | (values == deep.no_data if deep.no_data is not None else False)


def _is_data(deep: Deep, values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & ~_is_gap(deep, values)


def _is_opaque(deep: Deep, where: tuple[slice, slice]) -> np.ndarray | bool:
    return True if deep.alpha is None else deep.alpha[where] > 0


def _largest(deep: Deep) -> float:
    dtype = deep.bands[0].dtype
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
