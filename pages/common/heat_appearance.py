"""How concept maps are drawn over a photo."""

from dataclasses import dataclass

import numpy as np

from explainers.drawing.heat import heat_overlay

OPACITY, THRESHOLD = 80, 15  # percent


@dataclass(frozen=True)
class HeatAppearance:
    """How concept maps are drawn over a photo."""

    opacity: float = OPACITY / 100
    threshold: float = THRESHOLD / 100

    def draw(self, pixels: np.ndarray, concept_map: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) uint8 of a photo's pixels (H, W, 3) under a concept map (h, w)."""
        return heat_overlay(pixels, concept_map, self.opacity, self.threshold)
