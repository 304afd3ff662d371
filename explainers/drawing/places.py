"""Drawing places of a photo: how similar they are to one of them, and activations as colours.

photo       (H, W, 3) uint8
similarity  (h, w) in [-1, 1]; it covers the whole photo, at any resolution
colours     (h, w, 3) uint8; they cover the whole photo, at any resolution

The live view in the browser draws by the same rules. The colours of the scale are viridis (Smith, van der Walt 2015): equal steps
look equal, also without red or green cones and in grey.
"""

import numpy as np
from PIL import Image, ImageDraw

from explainers.drawing.heat import in_grey

_STOPS = np.array(
    [(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137), (53, 183, 121), (109, 205, 89),
     (180, 222, 44), (253, 231, 37)]
)  # fmt: skip
N_STEPS = 256
_AT = np.linspace(0, len(_STOPS) - 1, N_STEPS)
SCALE = np.stack([np.interp(_AT, range(len(_STOPS)), _STOPS[:, c]) for c in range(3)], 1).round().astype(np.uint8)
"""(256, 3): the colours of similarities from 0 to 1. Less than 0 is drawn like 0."""

_RING, _LINE, _CASING = 1 / 60, (255, 255, 255), (20, 20, 20)  # radius of the ring by the shorter side


def resized(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values (h, w) mixed bilinearly to (H, W) float32."""
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize(shape[::-1], Image.Resampling.BILINEAR))


def similarity_overlay(
    photo: np.ndarray,
    similarity: np.ndarray,
    threshold: float,
    opacity: float = 0.85,
    place: tuple[float, float] | None = None,
) -> np.ndarray:
    """The photo in grey, coloured where the similarity (h, w) reaches ``threshold``, (H, W, 3) uint8 at the photo's size.

    A ring marks the ``place``: shares of the width and of the height.
    """
    values = resized(similarity, photo.shape[:2])
    colours = SCALE[(values.clip(0, 1) * (N_STEPS - 1) + 0.5).astype(np.uint8)].astype(np.float32)
    grey, share = in_grey(photo), np.where(values >= threshold, opacity, 0).astype(np.float32)[..., None]
    picture = (grey + share * (colours - grey) + 0.5).astype(np.uint8)
    return picture if place is None else _with_ring(picture, place)


def _with_ring(picture: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    height, width = picture.shape[:2]
    radius, line = max(3.0, min(height, width) * _RING), max(1, round(min(height, width) / 400))
    x, y = (share * side for share, side in zip(place, (width, height), strict=True))
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    for colour, wider in ((_CASING, line), (_LINE, 0)):
        reach = radius + wider
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour, width=line + 2 * wider)
    return np.asarray(image)


def colours_overlay(photo: np.ndarray, colours: np.ndarray, opacity: float = 1.0) -> np.ndarray:
    """The photo under colours (h, w, 3), (H, W, 3) uint8 at the photo's size."""
    height, width = photo.shape[:2]
    above = np.asarray(Image.fromarray(colours).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    return (photo + np.float32(opacity) * (above - photo) + 0.5).astype(np.uint8)


def scale(height: int = 12, width: int = 192) -> np.ndarray:
    """The scale from similarity 0 (left) to 1 (right), (height, width, 3) uint8."""
    columns = np.linspace(0, N_STEPS - 1, width).round().astype(int)
    return np.broadcast_to(SCALE[columns], (height, width, 3)).copy()
