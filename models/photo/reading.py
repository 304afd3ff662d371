"""From the bytes of a file to a photo, within limits; what cannot be shown is refused with the reason.

Nothing is decoded before the header was checked, and only by decoders on a short list.
"""

import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from models.errors import UnreadableImage
from models.photo.grey import windowed
from models.photo.kinds import PICTURE, kind_of
from models.photo.photo import Photo

MAX_BYTES = 200_000_000
MAX_PIXELS = 89_000_000  # just under the size at which Pillow itself warns of a decompression bomb
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM")
# What Pillow's decoders raise on damaged files: the first four were met by flipping bytes, the others are kept in reserve.
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_photo_file(path: Path) -> Photo:
    """The picture in a file; raises UnreadableImage also where there is no such file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage(_too_many_bytes(path.name))
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"'{path}' cannot be read: {error.strerror or error}.") from error
    return read_photo(data, path.name)


def read_photo(data: bytes, name: str) -> Photo:
    """The picture in a file's bytes (its first frame or page); raises UnreadableImage with the reason."""
    if not data:
        raise UnreadableImage(f"'{name}' is empty (0 bytes). Choose another file.")
    if len(data) > MAX_BYTES:
        raise UnreadableImage(_too_many_bytes(name))
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(_too_many_pixels(name, f"{image.width} x {image.height} pixels"))
            image.load()
            rgb = _opaque_rgb(_upright(image))
    except Image.DecompressionBombError as error:
        raise UnreadableImage(_too_many_pixels(name, "more pixels than can be shown safely")) from error
    except _DECODING_ERRORS as error:
        raise UnreadableImage(_why_unreadable(data, name)) from error
    return Photo(name, hashlib.sha256(data).hexdigest(), np.array(rgb))


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; a damaged EXIF block turns nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except _DECODING_ERRORS:
        return image


def _opaque_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparent parts are composited on white, deep grey values windowed."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(windowed(np.asarray(image))).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _too_many_bytes(name: str) -> str:
    return f"'{name}' is larger than {MAX_BYTES // 1_000_000} MB. Save it smaller, or choose another file."


def _too_many_pixels(name: str, size: str) -> str:
    return f"'{name}' has {size}; at most {MAX_PIXELS // 1_000_000} megapixels are taken. Save it smaller."


def _why_unreadable(data: bytes, name: str) -> str:
    kind = kind_of(data)
    if kind is None:
        return f"'{name}' is not a picture of a known kind. JPEG, PNG, WebP, GIF, BMP and TIFF work."
    if kind == PICTURE:
        return f"'{name}' is damaged or cut short: its pixels cannot be decoded. Choose another copy."
    return f"'{name}' looks like {kind}, not a photo. Save it as JPEG or PNG first."
