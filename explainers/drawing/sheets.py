"""Pictures that say what they show: a line of text below one picture, or many pictures on one sheet; and sheets for programs."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _QUIET = (255, 255, 255), (14, 20, 23), (92, 105, 112)
_GAP = 16  # px between the pictures of a sheet


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture (H, W, 3) uint8 above a strip that holds the text, (H + strip, W, 3); the text is cut where it does not fit."""
    height, width = picture.shape[:2]
    size = max(11, round(min(height, width) / 32))
    sheet = Image.new("RGB", (width, height + 2 * size), _PAPER)
    sheet.paste(Image.fromarray(picture))
    ImageDraw.Draw(sheet).text((size // 2, height + size // 3), text, _INK, ImageFont.load_default(size))
    return np.asarray(sheet)


def contact_sheet(pictures: Sequence[np.ndarray], names: Sequence[str], title: str, n_columns: int = 4) -> np.ndarray:
    """Pictures (h, w, 3) uint8 of equal longer sides in rows, each above its name, all below the title; (H, W, 3) uint8."""
    side = max(max(picture.shape[:2]) for picture in pictures)
    n_columns = min(n_columns, len(pictures))
    n_rows = -(-len(pictures) // n_columns)
    cell, line, head = side + _GAP, 24, 48
    sheet = Image.new("RGB", (n_columns * cell + _GAP, head + n_rows * (cell + line)), _PAPER)
    pen, small = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    pen.text((_GAP, 14), title, _INK, ImageFont.load_default(20))
    for n, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        x, y = _GAP + n % n_columns * cell, head + n // n_columns * (cell + line)
        sheet.paste(Image.fromarray(picture), (x, y + side - picture.shape[0]))
        pen.text((x, y + side + 4), name[: side // 8], _QUIET, small)
    return np.asarray(sheet)


def n_across(n_pictures: int) -> int:
    """How many pictures stand in a row of a sprite sheet: as many as make it square."""
    return max(1, math.ceil(math.sqrt(n_pictures)))


def sprite_sheet(pictures: Iterable[np.ndarray], n_pictures: int, side: int) -> np.ndarray:
    """Pictures (h, w, 3) uint8, no side longer than ``side``, each in the middle of its own square, row after row; (H, W, 3)."""
    across = n_across(n_pictures)
    sheet = np.full((side * -(-n_pictures // across), side * across, 3), _PAPER, np.uint8)
    for n, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        top, left = n // across * side + (side - height) // 2, n % across * side + (side - width) // 2
        sheet[top : top + height, left : left + width] = picture
    return sheet
