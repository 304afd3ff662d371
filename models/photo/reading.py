"""From the bytes of a file to a photo: a picture as a person sees it, upright, opaque, 8-bit RGB, with the identity of its file.

Nothing is decoded before the header was checked, and only by decoders on a short list.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from models.errors import UnreadableImage

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
_WINDOW_PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture as a person sees it: upright RGB, with the identity of its file. Equal when the file's bytes are."""

    name: str
    sha256: str
    pixels: np.ndarray  # (H, W, 3) uint8, read-only

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Photo) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[:2]


def read_photo(data: bytes, name: str) -> Photo:
    """The picture in a file's bytes (its first frame or page); raises UnreadableImage with the reason."""
    _require_plausible_bytes(data, name)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _require_bounded_size(image.size, name)
            image.load()
            rgb = _opaque_rgb(_upright(image))
    except Image.DecompressionBombError as error:
        raise UnreadableImage(_too_many_pixels(name)) from error
    except _DECODING_ERRORS as error:
        raise UnreadableImage(_why_unreadable(data, name)) from error
    return Photo(name, hashlib.sha256(data).hexdigest(), _read_only(np.array(rgb)))


def read_photo_file(path: Path) -> Photo:
    """The picture in a file; raises UnreadableImage also where there is no such file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage(_too_many_bytes(path.name))
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"'{path}' cannot be read: {error.strerror or error}.") from error
    return read_photo(data, path.name)


def photo_from_array(pixels: np.ndarray, name: str) -> Photo:
    """A photo from rendered pixels, (H, W, 3) uint8; its identity is that of shape and values."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise UnreadableImage(f"'{name}' is an array of {pixels.shape} {pixels.dtype}; (H, W, 3) uint8 is needed.")
    pixels = np.ascontiguousarray(pixels)
    digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    return Photo(name, digest, _read_only(pixels.copy()))


def _require_plausible_bytes(data: bytes, name: str) -> None:
    if not data:
        raise UnreadableImage(f"'{name}' is empty (0 bytes). Choose another file.")
    if len(data) > MAX_BYTES:
        raise UnreadableImage(_too_many_bytes(name))


def _require_bounded_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise UnreadableImage(_too_many_pixels(name, f"{width} x {height} pixels"))


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; a damaged EXIF block turns nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except _DECODING_ERRORS:
        return image


def _opaque_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparent parts are composited on white, deep grey values windowed."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_windowed(np.asarray(image))).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _windowed(values: np.ndarray) -> np.ndarray:
    """Grey values of any depth as uint8: the middle 99 % fill the range, so that nothing is clipped to plain white."""
    values = values.astype(np.float32)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("no finite value")
    stride = max(1, finite.size // 1_000_000)  # percentiles of a million samples are as good as those of all
    low, high = np.percentile(finite[::stride], _WINDOW_PERCENTILES)
    if high <= low:  # (nearly) one value: stretch over what is there
        low, high = finite.min(), finite.max()
    if high <= low:  # exactly one value: a plain mid-grey picture
        return np.full(values.shape, 128, np.uint8)
    filled = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    return (255 * (np.clip(filled, low, high) - low) / (high - low)).round().astype(np.uint8)


def _read_only(pixels: np.ndarray) -> np.ndarray:
    pixels.flags.writeable = False
    return pixels


def _too_many_bytes(name: str) -> str:
    return f"'{name}' is larger than {MAX_BYTES // 1_000_000} MB. Save it smaller, or choose another file."


def _too_many_pixels(name: str, found: str = "more pixels than can be shown safely") -> str:
    return f"'{name}' has {found}; at most {MAX_PIXELS // 1_000_000} megapixels are taken. Save it smaller."


def _why_unreadable(data: bytes, name: str) -> str:
    kind = _looks_like(data)
    if kind is None:
        return f"'{name}' is no picture of a known kind. JPEG, PNG, WebP, GIF, BMP and TIFF work."
    if kind == "a picture":
        return f"'{name}' is damaged or cut short: its pixels cannot be decoded. Choose another copy."
    return f"'{name}' looks like {kind}, not a photo. Save it as JPEG or PNG first."


_SIGNATURES = (  # (offset, bytes, what it is)
    (0, b"\xff\xd8", "a picture"),
    (0, b"\x89PNG", "a picture"),
    (0, b"GIF8", "a picture"),
    (0, b"BM", "a picture"),
    (0, b"II*\0", "a picture"),
    (0, b"MM\0*", "a picture"),
    (8, b"WEBP", "a picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\x03\x04", "a ZIP archive or office document"),
    (0, b"\x1f\x8b", "a compressed archive"),
    (4, b"ftyphei", "an HEIC photo"),
    (4, b"ftypmif1", "an HEIC photo"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"8BPS", "a Photoshop document"),
)


def _looks_like(data: bytes) -> str | None:
    for offset, signature, kind in _SIGNATURES:
        if data.startswith(signature, offset):
            return kind
    return _looks_like_text(data[:2000])


def _looks_like_text(start: bytes) -> str | None:
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in text:
        return "an SVG drawing"
    if text.startswith(("<!doctype html", "<html")) or "<body" in text:
        return "a web page (HTML)"
    if text.startswith("<?xml"):
        return "an XML document"
    text = text.rstrip("\ufffd")  # a letter of several bytes, cut in two
    is_text = all(letter != "\ufffd" and (letter.isprintable() or letter in "\t\r\n") for letter in text)
    return "a text file" if text and is_text else None
