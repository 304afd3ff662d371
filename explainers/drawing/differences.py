"""Drawing where two label maps differ: the photo in grey, the more violet, the less two clusters have in common.

Violet, because none of the first twenty colours of clusters (clusters.py) comes near that hue: what differs is never taken for a
cluster.

photo       (H, W, 3) uint8
difference  (h, w) in [0, 1]; it covers the whole photo, at any resolution
"""

import numpy as np

from explainers.drawing.clusters import at_size
from explainers.drawing.heat import in_grey

COLOUR = (124, 72, 255)


def difference_overlay(photo: np.ndarray, difference: np.ndarray, opacity: float = 0.9) -> np.ndarray:
    """The photo in grey, tinted by as much as the maps differ there, (H, W, 3) uint8 at the photo's size."""
    share = (opacity * at_size(difference, photo.shape[:2]))[..., None].astype(np.float32)
    grey = in_grey(photo)
    return (grey + share * (np.array(COLOUR, np.float32) - grey) + 0.5).astype(np.uint8)


def scale(opacity: float = 0.9, height: int = 12, width: int = 160) -> np.ndarray:
    """The scale from no difference (left) to nothing in common (right), over a middle grey, (height, width, 3) uint8."""
    grey = np.full((height, width, 3), 170, np.uint8)
    return difference_overlay(grey, np.linspace(0, 1, width)[None], opacity)
