"""From the bytes of a file to a photo, within limits; what cannot be shown is refused with the reason.

Nothing is decoded before the header was checked, and only by decoders on a short list. The server has files decoded in processes
apart (`reading_by`); anybody else decodes here.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from tifffile import TiffFileError

from models.errors import UnreadableImage
from models.photo import jpeg, tiff_header
from models.photo.decoding import read_with_pillow
from models.photo.deep import NoValuesError
from models.photo.kinds import OTHER_PICTURES, PICTURE, kind_of
from models.photo.limits import MAX_BYTES, too_many_bytes, too_many_pixels
from models.photo.netpbm import is_netpbm, read_netpbm
from models.photo.photo import Photo
from models.photo.reads import Read
from models.photo.suffixes import PICTURE_KINDS
from models.photo.tiff import read_tiff

# What decoders raise on damaged files: the first four were met by flipping bytes, the others are kept in reserve.
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
    RuntimeError,
    struct.error,
    zlib.error,
    TiffFileError,
    Image.DecompressionBombError,
)
_NO_BANDS = "The file has no bands to choose from; it is shown in its own colours."


def read_photo_file(path: Path, bands: tuple[int, ...] = ()) -> Photo:
    """The picture in a file, as `read_photo` gives it; raises UnreadableImage also where there is no such file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableImage(too_many_bytes(path.name))
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"'{path}' cannot be read: {error.strerror or error}.") from error
    return read_photo(data, path.name, bands)


def read_photo(data: bytes, name: str, bands: tuple[int, ...] = ()) -> Photo:
    """The picture in a file's bytes (its first frame or page); raises UnreadableImage with the reason.

    ``bands`` are the ones to show of a file that has more than three, counted from 1: three as red, green and blue, or one as
    grey. Other files are shown in their own colours, and a note says so.
    """
    if not data:
        raise UnreadableImage(f"'{name}' is empty (0 bytes). Choose another file.")
    if len(data) > MAX_BYTES:
        raise UnreadableImage(too_many_bytes(name))
    if bands and (len(bands) not in (1, 3) or min(bands) < 1):
        raise UnreadableImage(f"{', '.join(map(str, bands))} cannot be shown: one band or three are needed, counted from 1.")
    read = _readers[-1](data, name, bands)
    notes = (*read.notes, _NO_BANDS) if bands and not read.n_bands else read.notes
    return Photo(name, _identity(data, bands, read), read.pixels, notes, read.n_bands, read.bands)


def read_here(data: bytes, name: str, bands: tuple[int, ...]) -> Read:
    """The picture in a file's bytes, decoded in this process; raises UnreadableImage with the reason."""
    try:
        return _read(data, name, bands)
    except Image.DecompressionBombError as error:
        raise UnreadableImage(too_many_pixels(name, "more pixels than can be shown safely")) from error
    except NoValuesError as error:
        raise UnreadableImage(f"'{name}' holds no values: every pixel is marked as missing. Choose another file.") from error
    except MemoryError as error:
        raise UnreadableImage(f"'{name}' does not fit into the memory that is left. Save it smaller.") from error
    except _DECODING_ERRORS as error:
        raise UnreadableImage(_why_unreadable(data, name, error)) from error


Reader = Callable[[bytes, str, tuple[int, ...]], Read]
_readers: list[Reader] = [read_here]


@contextmanager
def reading_by(reader: Reader) -> Generator[None]:
    """While active, all photos of this process are decoded by ``reader``, which keeps the contract of `read_here`."""
    _readers.append(reader)
    try:
        yield
    finally:
        _readers.remove(reader)


def _read(data: bytes, name: str, bands: tuple[int, ...]) -> Read:
    """The picture, by the reader of its kind."""
    if tiff_header.is_tiff(data):
        header = tiff_header.read_header(data, name)
        if tiff_header.is_for_pillow(header) or not tiff_header.can_be_unpacked(header):
            try:
                return read_with_pillow(data, name, header)
            except Image.UnidentifiedImageError:
                pass  # Pillow has no mode for such samples
        return read_tiff(data, name, header, bands)
    if is_netpbm(data):
        return read_netpbm(data, name)
    if data.startswith(b"\xff\xd8"):
        jpeg.require_known(data, name)
    return read_with_pillow(data, name)


def _identity(data: bytes, bands: tuple[int, ...], read: Read) -> str:
    """The SHA-256 of the file, or of the file with the bands where others than usual are shown."""
    digest = hashlib.sha256(data)
    if bands and read.n_bands and bands != (1, 2, 3):
        digest.update(f"bands {bands}".encode())
    return digest.hexdigest()


def _why_unreadable(data: bytes, name: str, error: Exception) -> str:
    kind = kind_of(data)
    if is_netpbm(data):
        kind = PICTURE
    if kind is None:
        return f"'{name}' is not a picture of a known kind. Save it as {PICTURE_KINDS}."
    if kind in OTHER_PICTURES:
        return f"'{name}': this kind of picture is not supported: it looks like {kind}. Save it as JPEG or PNG."
    if kind == PICTURE and any(word in str(error).lower() for word in ("unsupported", "not supported")):
        return f"'{name}': this kind of picture is not supported: {str(error).rstrip('.')}. Save it as JPEG or PNG."
    if kind == PICTURE:
        return f"'{name}' is damaged or cut short: its pixels cannot be decoded. Choose another copy."
    return f"'{name}' looks like {kind}, not a photo. Save it as JPEG or PNG first."
