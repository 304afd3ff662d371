"""Pictures at the size that a screen needs."""

import numpy as np
from PIL import Image

_SIDES = (768, 1280)  # px of the longer side; downloads have full size


def for_screen(pixels: np.ndarray, sides: tuple[int, int] = _SIDES) -> np.ndarray:
    """The picture with its longer side within ``sides``, which fills the screen and loads fast, (h, w, 3)."""
    height, width = pixels.shape[:2]
    scale = float(np.clip(max(height, width), *sides)) / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
