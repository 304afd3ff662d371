"""The samples of a TIFF page, of any type, in any layout and under every compression of bytes that libtiff knows.

libtiff (through Pillow) unpacks segments when it is asked for rows of bytes: it is given the same segments under a header that
says so. Predictors, the order of bytes and the choice of bands are undone here, group by group, so only what is kept is held.

    segment   a strip or a tile, as it is compressed
    sample    one value of one band at one pixel
    plane     the samples that lie together: all bands, or one of them
"""

import struct
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from models.photo.limits import MB
from models.photo.tiff_header import NO_COMPRESSION, Header

_GROUP_BYTES = 32 * MB  # that are unpacked at a time, or one row of segments
_FLOATING_POINT = 3  # a predictor


def read_samples(data: bytes, header: Header, kept: Sequence[int]) -> np.ndarray:
    """The samples of the kept bands, counted from 0: (H, W, n) in the byte order of this machine."""
    samples = np.empty((header.height, header.width, len(kept)), header.dtype.newbyteorder("="))
    if not header.is_planar:
        for rows, values in _rows(data, header, 0):
            samples[rows] = values[..., kept]
        return samples
    for n, band in enumerate(kept):
        for rows, values in _rows(data, header, band):
            samples[rows, :, n] = values[..., 0]
    return samples


def bytes_needed(header: Header, n_kept: int) -> int:
    """Memory that `read_samples` takes."""
    _, row_bytes = _layout(header)
    height = header.segment_size[0]
    at_once = min(max(_GROUP_BYTES, row_bytes * height), row_bytes * max(header.height, height))
    return header.height * header.width * n_kept * header.dtype.itemsize + 3 * at_once


def _layout(header: Header) -> tuple[int, int]:
    """How many segments lie beside each other in a plane, and how many bytes a row of all of them has."""
    _, width = header.segment_size
    across = -(-header.width // width)
    return across, across * width * _in_plane(header) * header.dtype.itemsize


def _in_plane(header: Header) -> int:
    """Samples of a pixel that lie together."""
    return 1 if header.is_planar else header.n_samples


def _rows(data: bytes, header: Header, plane: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows of a plane after the other, with their values (h, W, n)."""
    segment_height, segment_width = header.segment_size
    across, row_bytes = _layout(header)
    down = -(-header.height // segment_height)
    n_at_once = max(1, _GROUP_BYTES // (row_bytes * segment_height))
    for first in range(0, down, n_at_once):
        last = min(first + n_at_once, down)
        rows = slice(first * segment_height, min(last * segment_height, header.height))
        segments = header.segments[(plane * down + first) * across : (plane * down + last) * across]
        shape = (rows.stop - rows.start, row_bytes)
        unpack = _joined if header.compression == NO_COMPRESSION else _decompressed
        parts = unpack(data, header, segments, shape).reshape(shape[0], across, segment_width, -1)
        values = _unpredicted(parts, header).reshape(shape[0], across * segment_width, -1)
        yield rows, values[:, : header.width]


def _joined(data: bytes, header: Header, segments: Sequence[tuple[int, int]], shape: tuple[int, int]) -> np.ndarray:
    """The bytes of rows of segments that are not compressed, ``shape`` uint8."""
    if not header.is_tiled:
        joined = b"".join(data[offset : offset + n_bytes] for offset, n_bytes in segments)
        return np.frombuffer(joined, np.uint8, shape[0] * shape[1]).reshape(shape)
    height, across = header.segment_size[0], _layout(header)[0]
    rows, bytes_across = np.empty((-(-shape[0] // height) * height, shape[1]), np.uint8), shape[1] // across
    for n, (offset, _) in enumerate(segments):
        top, left = n // across * height, n % across * bytes_across
        tile = np.frombuffer(data, np.uint8, height * bytes_across, offset)
        rows[top : top + height, left : left + bytes_across] = tile.reshape(height, bytes_across)
    return rows[: shape[0]]


def _decompressed(data: bytes, header: Header, segments: Sequence[tuple[int, int]], shape: tuple[int, int]) -> np.ndarray:
    """The bytes of rows of compressed segments, ``shape`` uint8."""
    height, width = header.segment_size
    n_rows, row_bytes = shape
    tags: dict[int, Sequence[int]] = {256: [row_bytes], 257: [n_rows], 258: [8], 259: [header.compression], 262: [1], 277: [1]}
    offsets, counts = zip(*segments, strict=True)
    first, last = min(offsets), max(offset + n_bytes for offset, n_bytes in segments)
    moved = [offset - first + 8 for offset in offsets]
    if header.is_tiled:
        tags |= {322: [width * _in_plane(header) * header.dtype.itemsize], 323: [height], 324: moved, 325: counts}
    else:
        tags |= {273: moved, 278: [height], 279: counts}
    file, place = _file(data[first:last], tags)
    return np.asarray(Image.frombytes("L", (row_bytes, n_rows), file, "libtiff", ("L", False, place)))


def _file(body: bytes, tags: dict[int, Sequence[int]]) -> tuple[bytes, int]:
    """A TIFF file with these bytes from place 8 on, and a header with these tags behind them; where the header is."""
    place = 8 + len(body) + len(body) % 2
    place_of_lists = place + 2 + 12 * len(tags) + 4
    entries, lists = struct.pack("<H", len(tags)), b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, lists = struct.pack("<I", place_of_lists + len(lists)), lists + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    return b"".join((b"II*\0", struct.pack("<I", place), body, bytes(len(body) % 2), entries, bytes(4), lists)), place


def _unpredicted(parts: np.ndarray, header: Header) -> np.ndarray:
    """The values of segments' rows, bytes (h, across, w, bytes of a pixel), with the differences of predictors summed up."""
    rows, across, width, _ = parts.shape
    n, dtype = _in_plane(header), header.dtype
    if header.predictor == _FLOATING_POINT:  # differences of bytes; the most significant ones of all values come first
        summed = np.cumsum(parts.reshape(rows, across, -1, n), axis=2, dtype=np.uint8)
        by_value = summed.reshape(rows, across, dtype.itemsize, width * n).swapaxes(2, 3)
        return np.ascontiguousarray(by_value).view(dtype.newbyteorder(">"))
    values = np.ascontiguousarray(parts).view(dtype.newbyteorder(header.byte_order)).astype(dtype.newbyteorder("="), copy=False)
    if header.predictor == 1:
        return values
    differences = values.view(f"u{dtype.itemsize}").reshape(rows, across, width, n)
    return np.cumsum(differences, axis=2, dtype=differences.dtype).view(values.dtype)
