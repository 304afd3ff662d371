"""PNG masks: every value but 0 is an object. Palettes, greys and colours alike; black is what belongs to no object.

255 (or the cream of VOC's borders) is left out of account if there are other objects; a file of 0 and 255 alone is one object.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from explainers.drawing.clusters import at_size
from explainers.truth.objects import MAX_OBJECTS, Place, TrueObject, Truth, require_objects
from models.errors import UnreadableTruth

MAX_PIXELS = 2**27
_VALUES, _COLOURS = {"1", "P", "L", "I", "I;16"}, {"RGB", "RGBA"}
_VOC_BORDER = {"values": 255, "colours": 224 << 16 | 224 << 8 | 192}


def read_png(data: bytes, place: Place) -> Truth:
    """The objects of a PNG mask, by their values."""
    values, kind = _values(data, place)
    values = at_size(values, place.map_shape)
    border = _VOC_BORDER[kind]
    present = [value for value in np.unique(values).tolist() if value]
    left_out = values == border if len(present) > 1 else np.zeros(values.shape, dtype=bool)
    inside = [value for value in present if not (len(present) > 1 and value == border)]
    written = "value {}" if kind == "values" else "colour #{:06X}"
    objects = [TrueObject(written.format(value), mask=values == value) for value in inside[: MAX_OBJECTS + 1]]
    return Truth(require_objects(objects), left_out)


def _values(data: bytes, place: Place) -> tuple[np.ndarray, str]:
    """One whole number per pixel (H, W), and whether it is a value or a colour."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise UnreadableTruth(f"It has {width} × {height} px; at most {MAX_PIXELS} are taken.")
            place.require_same_sides((height, width))
            if picture.mode in _VALUES:
                return np.asarray(picture).astype(np.int64 if picture.mode == "I" else np.int32), "values"
            if picture.mode not in _COLOURS:
                raise UnreadableTruth(f"Its pixels are of the kind {picture.mode}; save it with a palette, as grey or as RGB.")
            red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.int32), 2, 0)
            return red << 16 | green << 8 | blue, "colours"
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, struct.error, Image.DecompressionBombError) as error:
        raise UnreadableTruth("It is not a PNG that can be read.") from error
