"""PNG files with 16 bits of colour, or of grey with transparency: Pillow keeps the upper 8 of them.

So they are decoded twice, once for the upper and once for the lower bytes, by naming the one or the other order of bytes.
"""

from collections.abc import Callable
from typing import TypeGuard

import numpy as np
from PIL import Image, PngImagePlugin

from models.photo.deep import Deep, tiles
from models.photo.limits import TimedBytes

_TILE = 2048
_N_SAMPLES = {"LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}  # by what Pillow takes of them


def is_deep(image: Image.Image) -> TypeGuard[PngImagePlugin.PngImageFile]:
    """True for an opened PNG of 16 bits per sample whose lower bits Pillow would drop."""
    return isinstance(image, PngImagePlugin.PngImageFile) and bool(image.tile) and image.tile[0].args in _N_SAMPLES


def bytes_per_pixel(image: PngImagePlugin.PngImageFile) -> int:
    """Memory that `read_deep` takes."""
    return 4 + 2 * _N_SAMPLES[str(image.tile[0].args)]


def read_deep(image: PngImagePlugin.PngImageFile, data: bytes, name: str) -> Deep:
    """All 16 bits of the samples of an opened PNG; with a colour profile, they are known to fill their range."""
    rawmode = str(image.tile[0].args)
    n_samples = _N_SAMPLES[rawmode]
    samples = np.empty((image.height, image.width, n_samples), np.uint16)
    if n_samples == 2:  # four bytes a pixel
        _each_tile(data, name, "RGBA", lambda where, tile: np.copyto(samples[where], tile.view(">u2")))
    else:
        _each_tile(data, name, rawmode, lambda where, tile: np.copyto(samples[where], tile.astype(np.uint16) << 8))
        lower = rawmode.replace("16B", "16L")
        _each_tile(data, name, lower, lambda where, tile: np.bitwise_or(samples[where], tile, out=samples[where]))
    has_alpha = n_samples in (2, 4)
    colours = tuple(samples[..., n] for n in range(n_samples - has_alpha))
    is_known = "icc_profile" in image.info and len(colours) == 3
    return Deep(colours, alpha=samples[..., -1] if has_alpha else None, fills_range=is_known)


def _each_tile(data: bytes, name: str, rawmode: str, take: Callable[[tuple[slice, slice], np.ndarray], object]) -> None:
    """Decodes the file with its bytes in another order, and hands on every tile as (where, (h, w, n) uint8)."""
    with PngImagePlugin.PngImageFile(TimedBytes(data, name)) as image:
        image.tile = [image.tile[0]._replace(args=rawmode)]
        image.load()
        for rows, columns in tiles(image.height, image.width, _TILE):
            box = (columns.start, rows.start, columns.stop, rows.stop)
            take((rows, columns), np.asarray(image.crop(box)))
