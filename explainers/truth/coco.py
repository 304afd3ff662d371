"""COCO JSON: polygons, RLE and boxes of one photo. Nothing is trusted: sizes, counts and types are checked before they are used.

RLE runs down the columns, background first. A compressed count has five bits a character, the least first, of which bit 5 says
that more follow; from the fourth count on it is the difference to the one two before it.
"""

import json
import math
from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from explainers.truth.objects import Place, TrueObject, Truth, require_objects
from models.errors import UnreadableTruth

MAX_SIDE = 65535  # px of a picture that is drawn on
MAX_COUNTS = 2**20  # characters or runs of one object
_MAX_BITS = 35  # of one count


def read_coco(data: bytes, place: Place) -> Truth:
    """The objects of the photo with that name, or of the only one in the file; crowds are passed over."""
    try:
        record = json.loads(data)
        image = _image_of(record["images"], place.photo_name)
        shape = (_whole(image["height"]), _whole(image["width"]))
        place.require_same_sides(shape)
        names = {category["id"]: str(category["name"]) for category in record.get("categories", [])}
        of_image = [thing for thing in record["annotations"] if thing["image_id"] == image["id"] and not thing.get("iscrowd")]
        objects = [_object(thing, names.get(thing.get("category_id"), "object")[:80], shape, place) for thing in of_image]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableTruth("It is not a COCO file with images, annotations and categories.") from error
    return Truth(require_objects(objects), np.zeros(place.map_shape, dtype=bool))


def _image_of(images: list[dict[str, Any]], photo_name: str) -> dict[str, Any]:
    """The image of the photo: by its name, by its name without suffix, or because there is no other."""
    for part in (lambda path: path.name, lambda path: path.stem):
        wanted = part(PurePath(photo_name)).casefold()
        named = [image for image in images if part(PurePath(str(image["file_name"]))).casefold() == wanted]
        if named:
            return named[0]
    if len(images) != 1:
        raise UnreadableTruth(f"It is about {len(images)} images, and none of them is called '{photo_name}'.")
    return images[0]


def _object(annotation: dict[str, Any], name: str, shape: tuple[int, int], place: Place) -> TrueObject:
    drawn = annotation.get("segmentation")
    if isinstance(drawn, dict):
        return TrueObject(name, mask=_from_rle(drawn, place.map_shape))
    if drawn:
        return TrueObject(name, mask=_from_polygons(drawn, shape, place.map_shape))
    left, top, width, height = map(_finite, annotation["bbox"])
    return TrueObject(name, box=place.box((left, top, left + width, top + height), shape))


def _from_rle(drawn: dict[str, Any], map_shape: tuple[int, int]) -> np.ndarray:
    """The boolean mask (h, w) of runs over a picture (H, W), looked up at the middles of the map's pixels."""
    height, width = map(_whole, drawn["size"])
    counts = drawn["counts"]
    if len(counts) > MAX_COUNTS:
        raise UnreadableTruth(f"An object has more than {MAX_COUNTS} runs; draw it simpler.")
    runs = np.array(_unpacked(counts) if isinstance(counts, str) else [_whole(count, 0) for count in counts], dtype=np.int64)
    ends = np.cumsum(runs)
    if not len(runs) or runs.min() < 0 or ends[-1] != height * width:
        raise UnreadableTruth(f"The runs of an object do not add up to a picture of {width} × {height} px.")
    rows, columns = ((2 * np.arange(n) + 1) * n_from // (2 * n) for n, n_from in zip(map_shape, (height, width), strict=True))
    return np.searchsorted(ends, columns * height + rows[:, None], side="right") % 2 == 1


def _unpacked(text: str) -> list[int]:
    """The counts of a compressed RLE."""
    counts: list[int] = []
    value, bits = 0, 0
    for character in text.encode("ascii", "replace"):
        part = character - 48
        if not 0 <= part < 64 or bits > _MAX_BITS:
            raise ValueError("no character of a compressed RLE")
        value |= (part & 31) << bits
        bits += 5
        if part & 32:
            continue
        value -= (1 << bits) if part & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, bits = 0, 0
    return counts


def _from_polygons(drawn: list[list[float]], shape: tuple[int, int], map_shape: tuple[int, int]) -> np.ndarray:
    """The boolean mask (h, w) of polygons on a picture (H, W)."""
    canvas = Image.new("1", map_shape[::-1])
    scale = np.array([map_shape[1] / shape[1], map_shape[0] / shape[0]])
    for flat in drawn:
        if len(flat) > MAX_COUNTS:
            raise UnreadableTruth(f"A polygon has more than {MAX_COUNTS // 2} corners; draw it simpler.")
        corners = np.array([_finite(value) for value in flat]).reshape(-1, 2) * scale - 0.5  # Pillow's pixels have whole middles
        if len(corners) < 3:
            raise UnreadableTruth("A polygon has fewer than three corners.")
        sides = np.array(map_shape[::-1])
        ImageDraw.Draw(canvas).polygon([*map(tuple, np.clip(corners, -sides, 2 * sides).tolist())], fill=1)
    return np.asarray(canvas)


def _whole(value: Any, low: int = 1) -> int:
    """A whole number that a picture can have."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= (MAX_SIDE if low else MAX_SIDE**2):
        raise ValueError("no number of pixels")
    return value


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return float(value)
