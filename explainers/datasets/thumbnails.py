"""Small pictures that an index keeps of its photos."""

import io

import numpy as np
from PIL import Image

from explainers.drawing import overlay
from models.errors import UnreadableImage

SIDE = 128  # px, of the longer one
REGION_SIDE = 96  # px, of a region's picture where there are hundreds
QUALITY = 85
_DAMAGED = "A small picture of this index is damaged. Make the index again."


def thumbnail(pixels: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as a small JPEG."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def read_thumbnail(data: bytes, side: int | None = None) -> np.ndarray:
    """The picture (h, w, 3) uint8 in the bytes of a thumbnail; with no side longer than ``side`` px, if given. Raises
    UnreadableImage where they are none of ours."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if max(picture.size) <= SIDE:
                return _shrunk(picture.convert("RGB"), side)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImage(_DAMAGED) from error
    raise UnreadableImage(_DAMAGED)


def _shrunk(picture: Image.Image, side: int | None) -> np.ndarray:
    if side is not None:
        picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def with_region(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) in which all but a region (h, w) is faded."""
    return overlay(picture, mask.astype(np.uint8), 0.0, only=(1,))
