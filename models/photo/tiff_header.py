"""What a TIFF file says of its first page (read by tifffile), and which reader shows such a page as it is meant."""

import logging
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
import tifffile

from models.photo.limits import require_few_pixels, require_few_visits
from models.photo.reads import FIRST_PAGE, unsupported

MAX_SEGMENTS = 100_000  # strips or tiles
SAVE_AS = "an 8- or 16-bit TIFF without compression, or as PNG"
WHITE_IS_ZERO, GREY, RGB, CMYK, LAB = 0, 1, 2, 5, 8  # photometric interpretations
NO_COMPRESSION = 1
_PACKED = {NO_COMPRESSION, 5, 8, 32773, 32946, 34925, 50000}  # of any bytes: LZW, Deflate, PackBits, Deflate, LZMA, Zstandard
_OF_PILLOW = _PACKED | {2, 3, 4, 6, 7, 34676, 34677, 50001}  # of whole pixels besides: fax, JPEG, SGI, WebP
_JPEG, _JPEG_SCAN = {6, 7}, b"\xff\xda"
_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PAGES_LOOKED_AT = 16
_OF_SEGMENTS = (273, 279, 324, 325)  # tags: offsets and numbers of bytes of strips and of tiles
_MAX_VALUES, _BYTES = 1_000_000, (1, 2, 6, 7)  # of a tag, unless its type is one of bytes

logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # what it has to say of damaged files is not for people


@dataclass(frozen=True)
class Header:
    """The first page of a TIFF file. Segments are strips or tiles."""

    width: int
    height: int
    sample_type: np.dtype | None  # None if there is none such
    n_bits: int  # of a sample
    n_samples: int  # of a pixel
    photometric: int
    compression: int
    predictor: int
    is_planar: bool  # one band after the other
    extra_samples: tuple[int, ...]
    segment_size: tuple[int, int]  # height and width in pixels
    is_tiled: bool
    segments: tuple[tuple[int, int], ...]  # offset and number of bytes
    byte_order: Literal["<", ">"]
    is_bit_reversed: bool
    no_data: float | None
    orientation: int
    profile: bytes | None
    has_pages: bool  # others besides
    in_words: str

    @property
    def has_alpha(self) -> bool:
        """True if the last sample says how opaque a pixel is."""
        return bool(self.extra_samples) and self.extra_samples[-1] in (1, 2)

    @property
    def n_bands(self) -> int:
        """Bands of colours or measurements."""
        return self.n_samples - self.has_alpha

    @property
    def dtype(self) -> np.dtype:
        """Of a sample; raises ValueError if there is no such type."""
        if self.sample_type is None:
            raise ValueError("samples of an unknown type")
        return self.sample_type

    @property
    def is_deep_print(self) -> bool:
        """True for 16 bits of CMYK or LAB: colours whose samples fill their range."""
        return self.sample_type == np.uint16 and self.n_bands == {CMYK: 4, LAB: 3}.get(self.photometric)

    @property
    def n_bytes_besides(self) -> int:
        """Memory that Pillow takes beside the picture: one segment, and the picture once more where it is turned."""
        height, width = self.segment_size
        of_segment = (height if self.is_tiled else min(height, self.height)) * width * self.n_samples * self.n_bits // 8
        return of_segment + (4 * self.width * self.height if self.orientation > 1 else 0)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of the file, whoever reads it."""
        return (FIRST_PAGE,) if self.has_pages else ()


def is_tiff(data: bytes) -> bool:
    """True for TIFF and BigTIFF."""
    return data.startswith(_MARKS)


def is_for_pillow(header: Header) -> bool:
    """True if Pillow shows the page as it is meant: samples of at most 8 bits, of no more than three bands of colour."""
    if header.photometric in (WHITE_IS_ZERO, GREY, RGB):
        return header.n_bits <= 8 and header.sample_type in (np.uint8, bool) and header.n_bands <= 3
    return not header.is_deep_print


def can_be_unpacked(header: Header) -> bool:
    """True if `tiff_samples` reads the page."""
    dtype = header.sample_type
    is_whole = dtype is not None and dtype.kind in "iuf" and header.n_bits == 8 * dtype.itemsize
    fits = header.photometric in (WHITE_IS_ZERO, GREY, RGB) or header.is_deep_print
    is_packed = header.compression in _PACKED and header.predictor in (1, 2, 3) and not header.is_bit_reversed
    return is_whole and fits and is_packed and all(n_bytes for _, n_bytes in header.segments)


def read_header(data: bytes, name: str) -> Header:
    """The first page; raises UnreadableImage for kinds that nothing here reads, and one of many errors if it is damaged."""
    directory = _directory(data)
    _require_few_values(directory, name)
    with tifffile.TiffFile(BytesIO(data)) as file:
        page = file.pages.first
        if not isinstance(page, tifffile.TiffPage) or page.imagewidth < 1 or page.imagelength < 1:
            raise ValueError("no page with pixels")
        _require_known(page, name)
        header = _header(page, has_pages=_has_pages(data, directory))
    require_few_pixels(name, header.width, header.height)
    if header.compression in _JPEG:
        n_scans = data.count(_JPEG_SCAN) // max(1, len(header.segments))
        require_few_visits(name, n_scans, header.width * header.height)
    return header


@dataclass(frozen=True)
class _Directory:
    """The tags of a page as they stand in the file: by number, the type and the number of values, and the first bytes."""

    tags: dict[int, tuple[int, int, bytes]]
    following: int  # where the next directory begins; 0 behind the last one
    byte_order: str

    @property
    def is_part_of_first(self) -> bool:
        """True for the first page made smaller, and for pages that say which of its pixels count."""
        kind = self.tags.get(254, (0, 0, bytes(4)))[2]
        return bool(struct.unpack_from(self.byte_order + "I", kind)[0] & 0b101)


def _directory(data: bytes, place: int = 0) -> _Directory:
    """The directory at a place, or the first one; raises struct.error if it is cut short."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    of_place, of_count, of_tag, size = ("Q", "Q", "HHQ", 20) if is_big else ("I", "H", "HHI", 12)
    place = place or struct.unpack_from(order + of_place, data, 8 if is_big else 4)[0]
    n_tags = min(struct.unpack_from(order + of_count, data, place)[0], 4096)
    place += struct.calcsize(order + of_count)
    entries = [(*struct.unpack_from(order + of_tag, data, start), start) for start in range(place, place + n_tags * size, size)]
    behind = struct.calcsize(order + of_tag)
    tags = {tag: (kind, count, data[start + behind : start + size]) for tag, kind, count, start in entries}
    following = struct.unpack_from(order + of_place, data, place + n_tags * size)[0]
    return _Directory(tags, following, order)


def _require_few_values(directory: _Directory, name: str) -> None:
    """Raises UnreadableImage if there are more strips or tiles, or values of another tag, than are ever needed."""
    n_segments = max((directory.tags[tag][1] for tag in _OF_SEGMENTS if tag in directory.tags), default=0)
    if n_segments > MAX_SEGMENTS:
        raise unsupported(name, "TIFF", f"its pixels are cut into {n_segments} pieces", SAVE_AS)
    if any(count > _MAX_VALUES for kind, count, _ in directory.tags.values() if kind not in _BYTES):
        raise unsupported(name, "TIFF", "its header holds millions of values", SAVE_AS)


def _has_pages(data: bytes, first: _Directory) -> bool:
    """True if another page follows that is not part of the first one."""
    directory = first
    for _ in range(_PAGES_LOOKED_AT):
        if not directory.following:
            return False
        try:
            directory = _directory(data, directory.following)
        except struct.error:
            return False
        if not directory.is_part_of_first:
            return True
    return False


def _require_known(page: tifffile.TiffPage, name: str) -> None:
    """Raises UnreadableImage for sound pages of kinds that nothing here reads."""
    if page.is_reduced:
        raise unsupported(name, "TIFF", "its first page is only a preview, as in the raw files of cameras", "JPEG or PNG")
    if page.compression not in _OF_PILLOW or page.imagedepth != 1 or not isinstance(page.bitspersample, int):
        raise unsupported(name, "TIFF", _in_words(page), SAVE_AS)
    if page.sampleformat in (5, 6):
        raise unsupported(name, "TIFF", "its values are complex numbers", SAVE_AS)


def _header(page: tifffile.TiffPage, *, has_pages: bool) -> Header:
    profile = page.tags.valueof(34675)
    height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    if height < 1 or width < 1:
        raise ValueError("segments without pixels")
    return Header(
        width=page.imagewidth,
        height=page.imagelength,
        sample_type=page.dtype,
        n_bits=int(page.bitspersample),
        n_samples=page.samplesperpixel,
        photometric=int(page.photometric),
        compression=int(page.compression),
        predictor=int(page.predictor),
        is_planar=page.planarconfig == 2,
        extra_samples=tuple(int(value) for value in page.extrasamples),
        segment_size=(int(height), int(width)),
        is_tiled=page.is_tiled,
        segments=tuple(zip(page.dataoffsets, page.databytecounts, strict=True)),
        byte_order="<" if page.parent.byteorder == "<" else ">",
        is_bit_reversed=page.fillorder == 2,
        no_data=page.nodata if 42113 in page.tags else None,
        orientation=int(page.tags.valueof(274, 1)),
        profile=profile if isinstance(profile, bytes) else None,
        has_pages=has_pages,
        in_words=_in_words(page),
    )


def _in_words(page: tifffile.TiffPage) -> str:
    """Which kind of TIFF this is."""
    n, bits = page.samplesperpixel, page.bitspersample
    kinds = [getattr(value, "name", str(value)).lower() for value in (page.sampleformat, page.photometric, page.compression)]
    return (
        f"{n} {'sample' if n == 1 else 'samples'} of {bits} bits per pixel ({kinds[0]}), "
        f"photometric interpretation {kinds[1]}, compression {kinds[2]}"
    )
