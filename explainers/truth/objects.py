"""What is drawn into a photo, brought to the size of a segmentation map of the same photo."""

from dataclasses import dataclass

import numpy as np

from explainers.maps.boxes import Box
from models.errors import UnreadableTruth

MAX_OBJECTS = 200
_ASPECT_TOLERANCE = 0.03  # of the ratio of the sides: formats round, another photo is farther off


@dataclass(frozen=True)
class Place:
    """Which photo a file is read for, and at which size."""

    photo_name: str
    photo_shape: tuple[int, int]  # height and width in pixels
    map_shape: tuple[int, int]

    def require_same_sides(self, shape: tuple[int, int]) -> None:
        """Raises UnreadableTruth where what was drawn has other proportions than the photo."""
        (height, width), (photo_height, photo_width) = shape, self.photo_shape
        if height < 1 or width < 1 or abs(width * photo_height / (height * photo_width) - 1) > _ASPECT_TOLERANCE:
            raise UnreadableTruth(
                f"It was drawn on a picture of {width} × {height} px; the photo has {photo_width} × {photo_height} px. "
                "Choose the file that belongs to this photo."
            )

    def box(self, corners: tuple[float, float, float, float], shape: tuple[int, int]) -> Box:
        """A box from left, top, right and bottom on a picture (H, W); raises UnreadableTruth where it is none."""
        left, top, right, bottom = corners
        height, width = self.map_shape
        columns = np.clip([left * width / shape[1], right * width / shape[1]], 0, width).round().astype(int).tolist()
        rows = np.clip([top * height / shape[0], bottom * height / shape[0]], 0, height).round().astype(int).tolist()
        if not (left < right and top < bottom) or columns[0] >= width or rows[0] >= height:
            raise UnreadableTruth(f"The box from {left:g}, {top:g} to {right:g}, {bottom:g} holds nothing of the photo.")
        return Box(rows[0], columns[0], max(rows[1] - rows[0], 1), max(columns[1] - columns[0], 1))


@dataclass(frozen=True, eq=False)
class TrueObject:
    """One object: a boolean mask of the map's size, or a box alone."""

    name: str
    mask: np.ndarray | None = None  # (h, w) bool
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Truth:
    """The objects of one photo; some pixels may be left out of account."""

    objects: tuple[TrueObject, ...]
    left_out: np.ndarray  # (h, w) bool

    @property
    def has_boxes(self) -> bool:
        """Whether any object is a box alone."""
        return any(thing.box is not None for thing in self.objects)


def require_objects(objects: list[TrueObject]) -> tuple[TrueObject, ...]:
    """The objects, if there are some and not too many; raises UnreadableTruth otherwise."""
    if not objects:
        raise UnreadableTruth("There is no object in it for this photo. Draw one, or choose another file.")
    if len(objects) > MAX_OBJECTS:
        raise UnreadableTruth(f"There are {len(objects)} objects in it; at most {MAX_OBJECTS} are taken.")
    return tuple(objects)
