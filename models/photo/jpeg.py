"""What a JPEG file's markers say of the work that it asks for, before anything is decoded.

A scan is one pass over all blocks of 8 x 8 pixels. A photograph has one, or some ten if it is progressive; each costs time, and
coefficients of several scans are held in memory.
"""

import re
from dataclasses import dataclass

from PIL import JpegImagePlugin

from models.errors import UnreadableImage
from models.photo.limits import MAX_DECODED_BYTES, MAX_PIXELS, require_few_visits, takes_too_long
from models.photo.reads import unsupported

FACTORS = (1, 2, 4, 8)  # by which libjpeg makes a picture smaller while it decodes
_MAX_MARKERS = 10_000
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])", re.DOTALL)
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # that libjpeg decodes; the others are lossless, hierarchical or JPEG-LS
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}


@dataclass(frozen=True)
class Decoding:
    """How a JPEG file is decoded: how many times smaller on either side, and the bytes of memory that this takes."""

    factor: int
    n_bytes: int


def require_known(data: bytes, name: str) -> None:
    """Raises UnreadableImage if the pixels are coded in a way that libjpeg does not decode."""
    for code, place in _markers(data, name):
        if code in _OTHER_FRAMES:
            raise unsupported(name, "JPEG", "its compression is lossless or hierarchical", "PNG, or as an ordinary JPEG")
        if code in _FRAMES:
            if (bits := data[place + 2 : place + 3]) not in (b"", b"\x08"):
                raise unsupported(name, "JPEG", f"it has {bits[0]} bits per sample, not 8", "PNG, or as an ordinary JPEG")
            return


def decoding(image: JpegImagePlugin.JpegImageFile, data: bytes, name: str) -> Decoding:
    """The largest way to decode the picture within the limits; raises UnreadableImage where there is none."""
    n_pixels, n_scans = image.width * image.height, n_scans_of(data, name)
    require_few_visits(name, n_scans, n_pixels)
    shares = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
    of_coefficients = 2 * n_pixels * sum(shares) // max(shares) if n_scans > 1 else 0
    for factor in FACTORS:
        pixels = n_pixels // factor**2
        n_bytes = of_coefficients + 7 * pixels  # 4 as they are decoded, 3 as they are kept
        if pixels <= MAX_PIXELS and n_bytes <= MAX_DECODED_BYTES:
            return Decoding(factor, n_bytes)
    raise UnreadableImage(takes_too_long(name))


def n_scans_of(data: bytes, name: str) -> int:
    """How many scans there are up to the end of the first picture; raises UnreadableImage among far too many markers."""
    return sum(code == _SCAN for code, _ in _markers(data, name))


def _markers(data: bytes, name: str) -> list[tuple[int, int]]:
    """Code and place of the content of every marker of the first picture; compressed data is passed over."""
    markers, place = [], 2
    while (marker := _MARKER.search(data, place)) and marker[1][0] != _END:
        place = marker.end()
        if marker[1][0] == _START:
            continue
        markers.append((marker[1][0], place))
        place += max(2, int.from_bytes(data[place : place + 2], "big"))
        if len(markers) > _MAX_MARKERS:
            raise UnreadableImage(takes_too_long(name))
    return markers
