"""A picture as a person sees it: upright, opaque, 8-bit RGB, with the identity of its file."""

import hashlib
from dataclasses import dataclass

import numpy as np

from models.errors import UnreadableImage


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as a person sees it: upright RGB, with the identity of its file. Equal when the file's bytes are."""

    name: str
    sha256: str
    pixels: np.ndarray  # (H, W, 3) uint8, read-only

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Photo) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape[:2]
        return height, width


def photo_from_array(pixels: np.ndarray, name: str) -> Photo:
    """A photo from rendered pixels, (H, W, 3) uint8; its identity is that of shape and values."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise UnreadableImage(f"'{name}' is an array of {pixels.shape} {pixels.dtype}; (H, W, 3) uint8 is needed.")
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Photo(name, digest, pixels.copy())
