"""Maps of the parts of a photo, as plain data that can be a part of a question."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PartMap:
    """Which part of a photo every pixel belongs to, as bytes."""

    shape: tuple[int, int]
    data: bytes

    @staticmethod
    def of(labels: np.ndarray) -> "PartMap":
        """From a map (H, W) uint8."""
        height, width = labels.shape
        return PartMap((int(height), int(width)), np.ascontiguousarray(labels, np.uint8).tobytes())

    @property
    def pixels(self) -> np.ndarray:
        """The map, (H, W) uint8, read-only."""
        return np.frombuffer(self.data, np.uint8).reshape(self.shape)
