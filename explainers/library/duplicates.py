"""Do two files show the same picture? A small perceptual hash: the picture shrunk to 16 x 16 pixels.

Saved again, resized or slightly brightened, a picture keeps its thumbprint to within a few grey levels; another picture does not.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

SIDE = 16
MAX_DIFFERENCE = 3.0  # root mean square, in grey levels; a JPEG saved again differs by less than 2
_AT_ONCE = 512  # thumbprints that are compared with all others at a time
Thumbprints = Sequence[np.ndarray]  # (16 * 16 * 3,) uint8 each


def thumbprint(pixels: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 as 16 x 16 x 3 values in a row, (768,) uint8."""
    shrunk = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(shrunk, np.uint8).reshape(-1)


def duplicate_pairs(thumbprints: Thumbprints, others: Thumbprints) -> list[tuple[int, int]]:
    """Every pair (index into the first, index into the others) of thumbprints (768,) that show the same picture."""
    if not thumbprints or not others:
        return []
    columns = np.stack(others).astype(np.float32)
    pairs = []
    for start in range(0, len(thumbprints), _AT_ONCE):
        rows = np.stack(thumbprints[start : start + _AT_ONCE]).astype(np.float32)
        squared = (rows**2).sum(1)[:, None] + (columns**2).sum(1) - 2 * rows @ columns.T
        near = np.argwhere(squared <= MAX_DIFFERENCE**2 * columns.shape[1])
        pairs += [(start + int(i), int(j)) for i, j in near]
    return pairs
