"""Archives of images: other people's, read entry by entry and never unpacked, and our own.

Every entry of an archive comes out as bytes or as a refusal. Nothing is written to disk here, and no path of an archive is
ever used as one. What an archive claims about its sizes is not believed: entries are decompressed in pieces, and the pieces
are counted.
"""

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

from explainers.library.sets import Refusal
from models.errors import BadConcept
from models.photo.junk import is_users_file

MAX_ENTRIES = 5_000
MAX_ENTRY_BYTES = 200_000_000
MAX_TOTAL_BYTES = 2_000_000_000
MAX_RATIO = 100  # photographs hardly shrink; only what is meant to burst shrinks a hundredfold ...
RATIO_MATTERS_FROM = 10_000_000  # ... or is small
_PIECE = 1 << 20
_DIRECTORY_MARK = b"PK\x01\x02"
ARCHIVE_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python decompresses the others without a bound
_UTF8_FLAG = 0x800
# What zipfile raises on damaged archives.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    LookupError,
)


@dataclass(frozen=True)
class Entry:
    """One file of an archive: its path inside, with forward slashes, and its bytes."""

    name: str
    data: bytes


def read_archive(data: bytes, name: str, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Entry | Refusal]:
    """The wanted files of a .zip one by one, as bytes or refused; folders and the junk of desktops are passed over.

    An archive that cannot be opened at all is one refusal.
    """
    try:
        if data.count(_DIRECTORY_MARK) > MAX_ENTRIES:
            raise BadConcept(f"'{name}' holds more than {MAX_ENTRIES} files. Split it into smaller archives.")
        with zipfile.ZipFile(BytesIO(data)) as archive:
            yield from _entries(archive, wanted)
    except BadConcept as error:
        yield Refusal(name, str(error))
    except ZIP_ERRORS:
        yield Refusal(name, f"'{name}' is not a readable .zip archive. Pack the images again.")


def _entries(archive: zipfile.ZipFile, wanted: Callable[[str], bool]) -> Iterator[Entry | Refusal]:
    """The wanted files of an open archive, which together have at most MAX_TOTAL_BYTES."""
    left = MAX_TOTAL_BYTES
    for info, path in files_of(archive, wanted):
        entry = _entry(archive, info, path, left)
        if isinstance(entry, Entry):
            left -= len(entry.data)
        yield entry


def files_of(archive: zipfile.ZipFile, wanted: Callable[[str], bool]) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """The wanted files of an open archive with their paths; raises BadZipFile where they share their bytes."""
    _require_apart(archive)
    for info in archive.infolist():
        path = _name_of(info).replace("\\", "/")
        if not info.is_dir() and not path.endswith("/") and is_users_file(path) and wanted(path):
            yield info, path


def _require_apart(archive: zipfile.ZipFile) -> None:
    """Raises BadZipFile where entries share their bytes: thousands of files from a few bytes, as no photos come."""
    starts = sorted((info.header_offset, info.compress_size) for info in archive.infolist())
    if any(start + n_bytes > following for (start, n_bytes), (following, _) in pairwise(starts)):
        raise zipfile.BadZipFile


def _name_of(info: zipfile.ZipInfo) -> str:
    """The name of an entry. macOS and many servers write UTF-8 without saying so."""
    name = info.filename
    if not info.flag_bits & _UTF8_FLAG:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, left: int) -> Entry | Refusal:
    """One file, whose bytes are at most ``left``."""
    if (reason := why_untouched(info, path)) is not None:
        return Refusal(path, f"'{path}' {reason}")
    try:
        data = bounded(archive, info, min(left, MAX_ENTRY_BYTES))
    except ZIP_ERRORS:
        return Refusal(path, f"'{path}' is damaged inside the archive.")
    if data is None:
        return Refusal(path, f"'{path}' unpacks to more than is taken from one archive. Pack fewer or smaller images.")
    if data.startswith(ARCHIVE_MARKS):
        return Refusal(path, f"'{path}' is an archive inside the archive. Pack the images themselves.")
    return Entry(path, data)


def leads_outside(path: str) -> bool:
    """Whether a path within an archive, with forward slashes, is one outside of it."""
    return path.startswith("/") or path[1:2] == ":" or ".." in path.split("/")


def why_untouched(info: zipfile.ZipInfo, path: str) -> str | None:
    """Why this entry is not even read."""
    mode = info.external_attr >> 16
    if leads_outside(path):
        return "leads out of the archive by its path."
    if stat.S_ISLNK(mode):
        return "is a link, not a file."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is not an ordinary file."
    if info.flag_bits & 1:
        return "is encrypted. Pack the images without a password."
    if info.compress_type not in _METHODS:
        return "is packed in an unusual way. Only plain and deflated entries are read."
    if info.file_size > RATIO_MATTERS_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return f"would grow more than {MAX_RATIO}-fold when unpacked. It is refused as a decompression bomb."
    return None


def bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes | None:
    """The bytes of an entry, None as soon as there are more than ``limit``, whatever its header says."""
    pieces, n_bytes = [], 0
    with archive.open(info) as file:
        while piece := file.read(_PIECE):
            n_bytes += len(piece)
            if n_bytes > limit:
                return None
            pieces.append(piece)
    return b"".join(pieces)


def write_archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A .zip of these files, in this order; the same files give the same bytes."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for path, data in files:
            archive.writestr(zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0)), data)
    return packed.getvalue()
