"""A picture as a person sees it: upright, opaque, 8-bit sRGB, with the identity of its file."""

import hashlib
from dataclasses import dataclass

import numpy as np

from models.errors import UnreadableImage


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as a person sees it: upright sRGB, with the identity of its file. Equal when file and chosen bands are.

    ``notes`` are sentences about what of the file is shown. Bands count from 1; a file of at most three bands of colour offers
    none to choose from.
    """

    name: str
    sha256: str
    pixels: np.ndarray  # (H, W, 3) uint8, read-only
    notes: tuple[str, ...] = ()
    n_bands: int = 0  # that can be chosen from
    bands: tuple[int, ...] = ()  # the ones shown

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
