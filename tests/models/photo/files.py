"""Files of pictures, made for tests."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image


def encoded(image: Image.Image, fmt: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, photometric: str = "minisblack", **options) -> bytes:
    """A TIFF of one page, (H, W) or (H, W, bands) of any type."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric=photometric, metadata=None, **options)
    return buffer.getvalue()


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits per sample: (H, W, n) with n = 1 to 4 for grey, grey and alpha, RGB, RGBA."""
    height, width, n = values.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[n]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*part) for part in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def rgb_profile(red, green, blue, gamma: float = 2.2) -> bytes:
    """An ICC profile of an RGB space, by the XYZ values (D50) of its primaries."""
    xyz = [(b"wtpt", (0.9642, 1.0, 0.8249)), (b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)]
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(79)), (b"cprt", b"text\0\0\0\0none\0")]
    tags += [(tag, b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)) for tag, values in xyz]
    return _profile(b"RGB ", [*tags, *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC"))])


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of greys whose light is their value to the power of ``gamma``."""
    white = b"XYZ \0\0\0\0" + b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(79)), (b"cprt", b"text\0\0\0\0none\0")]
    return _profile(b"GRAY", [*tags, (b"wtpt", white), (b"kTRC", curve)])


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, content in tags:
        padded = content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(body), len(padded))
        body += padded
    head = struct.pack(">I", start + len(body)) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + body
