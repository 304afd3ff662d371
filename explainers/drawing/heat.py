"""Drawing a concept map over its photo: transparent where the concept is not seen, dark red to pale yellow where it is.

photo        (H, W, 3) uint8
concept map  (h, w) in [0, 1]; it covers the whole photo, at any resolution

Without torch, because pages draw in threads of their own: as long as such a thread holds OpenMP threads, those of the service's
worker wait for each other asleep, and everything there takes twice as long.
"""

import numpy as np
from PIL import Image

_STOPS = np.array([(40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)])


def heat_overlay(photo: np.ndarray, concept_map: np.ndarray, opacity: float = 0.7, threshold: float = 0.1) -> np.ndarray:
    """The photo in grey, coloured where the concept map (h, w) exceeds ``threshold``, (H, W, 3) uint8 at the photo's size."""
    height, width = photo.shape[:2]
    heat = np.asarray(Image.fromarray(concept_map.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    grey = in_grey(photo)
    share = np.where(heat > threshold, opacity * np.minimum(1, 0.35 + heat), 0)[..., None]
    return (grey + share * (heat_colours(heat) - grey) + 0.5).astype(np.uint8)


def in_grey(photo: np.ndarray) -> np.ndarray:
    """The photo (H, W, 3) without its colours, as bright as people see them; (H, W, 3) float32."""
    return (photo @ np.array([0.299, 0.587, 0.114], np.float32))[..., None] * np.ones(3, np.float32)


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """Colours (..., 3) float32 of values (...) in [0, 1]."""
    at = np.linspace(0, 1, len(_STOPS))
    return np.stack([np.interp(heat, at, _STOPS[:, channel]) for channel in range(3)], -1).astype(np.float32)
