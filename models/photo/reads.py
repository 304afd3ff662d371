"""What every reader of a kind of file gives back, and what readers share: sentences, and turning a picture upright."""

from dataclasses import dataclass

import numpy as np

from models.errors import UnreadableImage

FIRST_OF_SEVERAL = "The file holds several pictures; the first is shown."
FIRST_PAGE = "The file has several pages; page 1 is shown."
_UPRIGHT = {  # by the EXIF orientation; each keeps the axis of the bands in its place
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}


@dataclass(frozen=True, eq=False)
class Read:
    """A picture out of a file, with sentences about what of the file it shows; bands as in `Photo`."""

    pixels: np.ndarray  # (H, W, 3) uint8
    notes: tuple[str, ...] = ()
    n_bands: int = 0
    bands: tuple[int, ...] = ()


def upright(pixels: np.ndarray, orientation: object) -> np.ndarray:
    """(H, W, 3) turned as an EXIF orientation says; a value that means nothing turns nothing."""
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def unsupported(name: str, kind: str, what: str, instead: str = "PNG or JPEG") -> UnreadableImage:
    """The refusal of a sound file that no reader here understands."""
    return UnreadableImage(f"'{name}': this kind of {kind} is not supported: {what}. Save it as {instead}.")
