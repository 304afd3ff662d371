"""A decoded picture of 8 bits per sample as opaque sRGB: profiles applied, transparent parts on white, smaller where asked for.

Works on tiles, so that it needs little memory beside the picture and the result.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from models.photo.deep import tiles

BAD_PROFILE = "Its colour profile cannot be used and was left out: colours may be off."
_TILE = 2048  # pixels, a multiple of every factor of reduction
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}  # of colour spaces, as profiles name them
_PLAIN = {"1": "L", "YCbCr": "RGB", "RGBX": "RGB", "RGBa": "RGBA", "La": "LA", "HSV": "RGB", "LX": "L"}


@dataclass(frozen=True)
class ToSrgb:
    """Turns tiles of one mode into sRGB."""

    mode: str
    transform: ImageCms.ImageCmsTransform


def opaque_srgb(image: Image.Image, profile: bytes | None, factor: int = 1) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, 3) uint8 of a decoded picture, ``factor`` times smaller on either side; what must be said about its colours."""
    to_srgb, notes = None, ()
    if profile:
        try:
            to_srgb = _to_srgb(profile, image.mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError, KeyError):
            notes = (BAD_PROFILE,)
    if to_srgb is None and image.mode == "LAB":
        to_srgb = ToSrgb("LAB", _transform(ImageCms.createProfile("LAB"), "LAB"))
    height, width = -(-image.height // factor), -(-image.width // factor)
    pixels = np.empty((height, width, 3), np.uint8)
    for rows, columns in tiles(height, width, _TILE // factor):
        box = (columns.start, rows.start, columns.stop, rows.stop)
        left, top, right, bottom = (factor * side for side in box)
        tile = image.crop((left, top, min(right, image.width), min(bottom, image.height)))
        pixels[rows, columns] = np.asarray(_tile(tile, to_srgb, factor))
    return pixels, notes


def _to_srgb(profile: bytes, mode: str) -> ToSrgb | None:
    """What a profile asks for; None if it is sRGB itself. Raises one of several errors if it is damaged or of another mode."""
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    of_profile = _MODES[source.profile.xcolor_space]
    is_coloured = _with_plain_mode(Image.new(mode, (1, 1))).mode in ("RGB", "RGBA")
    fits = {"RGB": mode not in ("CMYK", "LAB"), "L": not is_coloured, "CMYK": mode == "CMYK", "LAB": mode == "LAB"}
    if not fits[of_profile] or (of_profile == "L" and mode in ("CMYK", "LAB")):
        raise ValueError("a profile of another kind of picture")
    transform = _transform(source, of_profile)
    return None if of_profile == "RGB" and _changes_nothing(transform) else ToSrgb(of_profile, transform)


def _transform(source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """True for sRGB itself: asking 729 colours takes less time than transforming millions of pixels."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    transformed = np.asarray(transform.apply(Image.fromarray(colours)))
    return bool(np.abs(transformed.astype(int) - colours).max() <= 1)


def _tile(tile: Image.Image, to_srgb: ToSrgb | None, factor: int) -> Image.Image:
    """A tile as RGB."""
    tile = _with_plain_mode(tile)
    if factor > 1:
        tile = tile.reduce(factor)
    alpha = tile.getchannel("A") if tile.mode in ("LA", "RGBA") else None
    if alpha is not None:
        tile = tile.convert(tile.mode.removesuffix("A"))
    if to_srgb is not None:
        tile = to_srgb.transform.apply(tile if tile.mode == to_srgb.mode else tile.convert(to_srgb.mode))
    tile = tile.convert("RGB")
    return tile if alpha is None else Image.composite(tile, Image.new("RGB", tile.size, "white"), alpha)


def _with_plain_mode(image: Image.Image) -> Image.Image:
    """In one of the modes L, LA, RGB, RGBA, CMYK and LAB."""
    if image.has_transparency_data:
        return image if image.mode in ("LA", "RGBA") else image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("P", "PA"):
        return image.convert("RGB")
    return image.convert(_PLAIN[image.mode]) if image.mode in _PLAIN else image
