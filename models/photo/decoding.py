"""Pictures that Pillow decodes as they are meant: what that costs, the first of several, upright, in sRGB."""

import warnings

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin
from pillow_heif import register_heif_opener

from models.errors import UnreadableImage
from models.photo import jpeg, png
from models.photo.colour import opaque_srgb
from models.photo.deep import Deep, on_screen
from models.photo.limits import (
    DECODING,
    MAX_DECODED_BYTES,
    MB,
    TimedBytes,
    require_few_pixels,
    require_little_memory,
    takes_too_long,
)
from models.photo.reads import FIRST_OF_SEVERAL, Read, upright
from models.photo.tiff_header import Header

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "AVIF", "HEIF")
_DECODER_BYTES = {"WEBP": 17, "AVIF": 14, "HEIF": 9}  # per pixel, the picture included; measured (tests/benchmarks, decoding)
_REDUCED = (1, 2, 4)
_MAX_RUN_LENGTHS = 1 * MB  # of a BMP, which Pillow reads byte by byte in Python
_DEEP_MODES = ("I", "F")
_ANIMATED = "The file is an animation; its first frame is shown."
_MAIN_OF_SEVERAL = "The file holds several pictures; the main one is shown."
_SEVERAL = {"GIF": _ANIMATED, "WEBP": _ANIMATED, "PNG": _ANIMATED, "AVIF": _ANIMATED, "HEIF": _MAIN_OF_SEVERAL}

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pixels are counted here


def read_with_pillow(data: bytes, name: str, header: Header | None = None) -> Read:
    """The picture; ``header`` is that of a TIFF file.

    Raises UnreadableImage beyond the limits, and one of many errors if the file is damaged.
    """
    with Image.open(TimedBytes(data, name), formats=FORMATS) as image:
        factor, n_bytes = _plan(image, data, name)
        full_size = image.size
        if header is not None:
            n_bytes += header.n_bytes_besides
            require_little_memory(name, *full_size, n_bytes)
        with DECODING.taken(n_bytes):
            notes = header.notes if header else _said_of_several(image)
            pixels, of_profile = _pixels(image, data, name, factor)
            pixels = upright(pixels, _orientation(image))
    if factor > 1:
        width, height = full_size
        notes = (*notes, f"The file has {width} x {height} pixels and is read {factor} times smaller, to save memory.")
    return Read(pixels, (*notes, *of_profile))


def _said_of_several(image: Image.Image) -> tuple[str, ...]:
    is_one = not getattr(image, "is_animated", False)
    return () if is_one else (_SEVERAL.get(image.format or "", FIRST_OF_SEVERAL),)


def _plan(image: Image.Image, data: bytes, name: str) -> tuple[int, int]:
    """How many times smaller the picture is read, and how many bytes this takes; raises UnreadableImage beyond the limits."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        how = jpeg.decoding(image, data, name)
        return how.factor, how.n_bytes
    require_few_pixels(name, image.width, image.height)
    if isinstance(image, BmpImagePlugin.BmpImageFile) and image.tile[0].codec_name == "bmp_rle" and len(data) > _MAX_RUN_LENGTHS:
        raise UnreadableImage(takes_too_long(name))
    n_pixels = image.width * image.height
    if png.is_deep(image):
        n_bytes = n_pixels * png.bytes_per_pixel(image)
    elif image.format in _DECODER_BYTES:
        n_bytes = n_pixels * _DECODER_BYTES[image.format]
    else:
        each = {"1": 1, "L": 1, "P": 1, "I;16": 4, "I": 9, "F": 9}.get(image.mode, 4)
        factors = (1,) if image.mode.startswith(_DEEP_MODES) else _REDUCED
        costs = [int(n_pixels * (each + 3 / factor**2)) for factor in factors]
        fitting = next((n for n, cost in enumerate(costs) if cost <= MAX_DECODED_BYTES), -1)
        require_little_memory(name, image.width, image.height, costs[fitting])
        return factors[fitting], costs[fitting]
    require_little_memory(name, image.width, image.height, n_bytes)
    return 1, n_bytes


def _pixels(image: Image.Image, data: bytes, name: str, factor: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, 3) uint8 as the file has them, and what must be said of the colour profile."""
    profile = image.info.get("icc_profile")
    if png.is_deep(image):
        image = Image.fromarray(on_screen(png.read_deep(image, data, name)))
    elif isinstance(image, JpegImagePlugin.JpegImageFile):
        if factor > 1:
            image.draft(image.mode, (image.width // factor, image.height // factor))
        factor = 1
    image.load()
    if image.mode.startswith(_DEEP_MODES):
        image = Image.fromarray(on_screen(Deep((np.asarray(image),))))
    return opaque_srgb(image, profile, factor)


def _orientation(image: Image.Image) -> object:
    """The EXIF orientation; None in a damaged EXIF block. Files whose decoder turns them have none left."""
    try:
        return image.getexif().get(0x0112)
    except (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, NotImplementedError):
        return None
