"""TIFF pages that Pillow does not show as they are meant: deep samples, signed or real ones, and many bands."""

import numpy as np
from PIL import Image

from models.errors import UnreadableImage
from models.photo.colour import opaque_srgb
from models.photo.deep import Deep, on_screen
from models.photo.limits import DECODING, require_little_memory
from models.photo.reads import Read, unsupported, upright
from models.photo.tiff_header import CMYK, SAVE_AS, WHITE_IS_ZERO, Header, can_be_unpacked
from models.photo.tiff_samples import bytes_needed, read_samples


def read_tiff(data: bytes, name: str, header: Header, bands: tuple[int, ...]) -> Read:
    """The first page, with three bands of many, or the ones asked for, from 1; deep values are windowed.

    Raises UnreadableImage beyond the limits and where there are no such bands, ValueError if the file is damaged.
    """
    if not can_be_unpacked(header):
        raise unsupported(name, "TIFF", header.in_words, SAVE_AS)
    may_choose = header.n_bands > 3 and not header.is_deep_print
    shown = bands if bands and may_choose else _default_bands(header)
    if max(shown) > header.n_bands:
        raise UnreadableImage(f"'{name}' has {header.n_bands} bands; there is no band {max(shown)}. Choose other bands.")
    kept = [*(band - 1 for band in shown), *([header.n_samples - 1] if header.has_alpha else [])]
    n_pixels = header.width * header.height
    n_bytes = bytes_needed(header, len(kept)) + n_pixels * (3 + 7 * bool(header.profile))
    require_little_memory(name, header.width, header.height, n_bytes)
    with DECODING.taken(n_bytes):
        samples = read_samples(data, header, kept)
        pixels, of_profile = _on_screen(samples, header, len(shown))
        pixels = upright(pixels, header.orientation)
    notes = (*header.notes, *of_profile, *_said_of_bands(shown, header.n_bands))
    return Read(pixels, notes, header.n_bands if may_choose else 0, shown if may_choose else ())


def _default_bands(header: Header) -> tuple[int, ...]:
    """The bands that are shown unless others are asked for, from 1."""
    if header.is_deep_print:
        return tuple(range(1, header.n_bands + 1))
    return (1, 2, 3) if header.n_bands >= 3 else (1,)


def _said_of_bands(shown: tuple[int, ...], n_bands: int) -> tuple[str, ...]:
    if len(shown) == n_bands:
        return ()
    if len(shown) == 1:
        return (f"The file has {n_bands} bands; band {shown[0]} is shown.",)
    return (f"The file has {n_bands} bands; {', '.join(map(str, shown))} are shown as red, green and blue.",)


def _on_screen(samples: np.ndarray, header: Header, n_colours: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, 3) uint8 of the samples (H, W, n) that were kept, and what must be said of the colour profile."""
    if header.is_deep_print:
        return opaque_srgb(_print(samples, header), header.profile)
    pixels = _eight_bits(samples, header, n_colours) if header.dtype == np.uint8 else on_screen(_deep(samples, header, n_colours))
    if header.profile is not None and header.n_bands <= 3:
        return opaque_srgb(Image.fromarray(pixels), header.profile)
    return np.broadcast_to(pixels.reshape(*samples.shape[:2], -1), (*samples.shape[:2], 3)).copy(), ()


def _print(samples: np.ndarray, header: Header) -> Image.Image:
    """16-bit samples of CMYK or LAB, (H, W, n), as Pillow has them with 8 bits."""
    mode = "CMYK" if header.photometric == CMYK else "LAB"
    eight_bits = (samples[..., : header.n_bands] >> 8).astype(np.uint8)
    return Image.frombytes(mode, (header.width, header.height), eight_bits.tobytes())


def _eight_bits(samples: np.ndarray, header: Header, n_colours: int) -> np.ndarray:
    """Bands of 8 bits as they are, (H, W) or (H, W, 3) uint8; transparent parts are white."""
    pixels = samples[..., :n_colours]
    if header.photometric == WHITE_IS_ZERO:
        pixels = 255 - pixels
    if header.has_alpha:
        mode = "L" if n_colours == 1 else "RGB"
        size = (header.width, header.height)
        picture = Image.frombytes(mode, size, np.ascontiguousarray(pixels).tobytes())
        alpha = Image.frombytes("L", size, samples[..., -1].tobytes())
        return np.asarray(Image.composite(picture, Image.new(mode, size, "white"), alpha))
    return np.ascontiguousarray(pixels[..., 0] if n_colours == 1 else pixels)


def _deep(samples: np.ndarray, header: Header, n_colours: int) -> Deep:
    return Deep(
        tuple(samples[..., n] for n in range(n_colours)),
        alpha=samples[..., -1] if header.has_alpha else None,
        is_premultiplied=header.has_alpha and header.extra_samples[-1] == 1,
        is_white_zero=header.photometric == WHITE_IS_ZERO,
        fills_range=header.profile is not None and n_colours == 3,
        no_data=header.no_data,
    )
