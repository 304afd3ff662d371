"""Small pictures that an index keeps of its photos."""

import io

import numpy as np
from PIL import Image

SIDE = 128  # px, of the longer one
QUALITY = 85


def thumbnail(pixels: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as a small JPEG."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def read_thumbnail(data: bytes) -> np.ndarray:
    """The picture (h, w, 3) uint8 in the bytes of a thumbnail of our own."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
