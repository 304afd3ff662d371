"""PPM, PGM and PBM files, as text (P1 to P3) or as bytes (P5, P6), with any largest value up to 65535.

Pillow decodes most of these value by value in Python, and keeps 8 bits of colours that have 16.
"""

import re

import numpy as np

from models.errors import UnreadableImage
from models.photo.deep import Deep, on_screen
from models.photo.limits import DECODING, require_few_pixels, require_little_memory
from models.photo.reads import Read

MAX_TEXT_VALUES = 16_000_000
_MAGIC = re.compile(rb"P([12356])(?=[\s#])")
_NUMBER = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})")
_COMMENT = re.compile(rb"#[^\r\n]*")


def is_netpbm(data: bytes) -> bool:
    """True for the kinds that are read here."""
    return _MAGIC.match(data) is not None


def read_netpbm(data: bytes, name: str) -> Read:
    """The picture; raises UnreadableImage beyond the limits, and ValueError if the file is damaged."""
    kind, n_bands = data[1:2], 3 if data[1:2] in b"36" else 1
    (width, height, *rest), start = _header(data, 2 if kind == b"1" else 3)
    largest = rest[0] if rest else 1
    if not (0 < largest < 65536 and width > 0 and height > 0):
        raise ValueError("not a size, or not a largest value")
    require_few_pixels(name, width, height)
    n_values, is_text = width * height * n_bands, kind in b"123"
    if is_text and n_values > MAX_TEXT_VALUES:
        raise UnreadableImage(
            f"'{name}' holds {width} x {height} pixels as text; at most {MAX_TEXT_VALUES // n_bands / 1e6:.0f} megapixels "
            "are taken so. Save it as PNG."
        )
    n_bytes = n_values * (8 if is_text else 2) + 4 * width * height
    require_little_memory(name, width, height, n_bytes)
    with DECODING.taken(n_bytes):
        values = _values(data[start:], kind, n_values, largest).reshape(height, width, n_bands)
        if largest > 255:
            bands = tuple(values[..., n] for n in range(n_bands))
            shown = on_screen(Deep(bands))
        else:
            shown = values if largest == 255 else (values * (255 / largest)).round().astype(np.uint8)
        return Read(np.broadcast_to(shown.reshape(height, width, -1), (height, width, 3)).astype(np.uint8))


def _header(data: bytes, n_numbers: int) -> tuple[list[int], int]:
    """Width, height and, except for P1, the largest value; where the values begin."""
    numbers, place = [], 2
    for _ in range(n_numbers):
        number = _NUMBER.match(data, place)
        if number is None:
            raise ValueError("a header without its numbers")
        numbers.append(int(number[1]))
        place = number.end()
    return numbers, place + 1  # one blank


def _values(body: bytes, kind: bytes, n_values: int, largest: int) -> np.ndarray:
    """The first ``n_values`` values, (n,), of any integer type, in 0 to ``largest``."""
    if kind in b"56":
        values = np.frombuffer(body, np.uint8 if largest < 256 else ">u2", n_values)
    elif kind == b"1":
        letters = np.frombuffer(_COMMENT.sub(b"", body), np.uint8)
        values = ord("1") - letters[(letters == ord("0")) | (letters == ord("1"))]  # 1 is black
    else:
        values = np.fromstring(_COMMENT.sub(b"", body), np.int64, sep=" ")
    values = values[:n_values]
    if len(values) < n_values or values.min() < 0 or values.max() > largest:
        raise ValueError("too few values, or values out of range")
    return values
