"""Archives of images: other people's, read entry by entry and never unpacked; packs, which carry sets; and our starters.

Every entry of an archive comes out as bytes or as a refusal. Nothing is written to disk here, and no path of an archive is
ever used as one. What an archive claims about its sizes is not believed: entries are decompressed in pieces, and the pieces
are counted.
"""

import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from explainers.library.sets import KINDS, ImageRef, ImageSet, Refusal
from explainers.library.store import FORMAT, read_refs
from models.errors import BadConcept

MAX_ENTRIES = 5_000
MAX_ENTRY_BYTES = 200_000_000
MAX_TOTAL_BYTES = 2_000_000_000
MAX_SETS = 200
MANIFEST = "manifest.json"
MAX_RATIO = 100  # photographs hardly shrink; only what is meant to burst shrinks a hundredfold ...
RATIO_MATTERS_FROM = 10_000_000  # ... or is small
_PIECE = 1 << 20
_DIRECTORY_MARK = b"PK\x01\x02"
_ARCHIVE_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python decompresses the others without a bound
_JUNK = {".ds_store", "thumbs.db", "desktop.ini"}
# What zipfile raises on damaged archives.
_ZIP_ERRORS = (
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
    except _ZIP_ERRORS:
        yield Refusal(name, f"'{name}' is no readable .zip archive. Pack the images again.")


def _entries(archive: zipfile.ZipFile, wanted: Callable[[str], bool]) -> Iterator[Entry | Refusal]:
    left = MAX_TOTAL_BYTES
    for info in archive.infolist():
        path = info.filename.replace("\\", "/")
        if info.is_dir() or path.endswith("/") or _is_junk(path) or not wanted(path):
            continue
        entry = _entry(archive, info, path, left)
        if isinstance(entry, Entry):
            left -= len(entry.data)
        yield entry


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, left: int) -> Entry | Refusal:
    """One file, whose bytes are at most ``left``."""
    reason = _why_untouched(info, path)
    if reason is not None:
        return Refusal(path, f"'{path}' {reason}")
    try:
        data = _bounded(archive, info, min(left, MAX_ENTRY_BYTES))
    except _ZIP_ERRORS:
        return Refusal(path, f"'{path}' is damaged inside the archive.")
    if data is None:
        return Refusal(path, f"'{path}' unpacks to more than is taken from one archive. Pack fewer or smaller images.")
    if data.startswith(_ARCHIVE_MARKS):
        return Refusal(path, f"'{path}' is an archive inside the archive. Pack the images themselves.")
    return Entry(path, data)


def _why_untouched(info: zipfile.ZipInfo, path: str) -> str | None:
    """Why this entry is not even read."""
    mode = info.external_attr >> 16
    if path.startswith("/") or path[1:2] == ":" or ".." in path.split("/"):
        return "leads out of the archive by its path."
    if stat.S_ISLNK(mode):
        return "is a link, not a file."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is no ordinary file."
    if info.flag_bits & 1:
        return "is encrypted. Pack the images without a password."
    if info.compress_type not in _METHODS:
        return "is packed in an unusual way. Only plain and deflated entries are read."
    if info.file_size > RATIO_MATTERS_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return f"would grow more than {MAX_RATIO}-fold when unpacked. It is refused as a decompression bomb."
    return None


def _bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes | None:
    """The bytes of an entry, None as soon as there are more than ``limit``, whatever its header says."""
    pieces, n_bytes = [], 0
    with archive.open(info) as file:
        while piece := file.read(_PIECE):
            n_bytes += len(piece)
            if n_bytes > limit:
                return None
            pieces.append(piece)
    return b"".join(pieces)


def _is_junk(path: str) -> bool:
    parts = path.lower().split("/")
    return "__macosx" in parts or parts[-1].startswith("._") or parts[-1] in _JUNK


def write_archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A .zip of these files, in this order; the same files give the same bytes."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for path, data in files:
            archive.writestr(zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0)), data)
    return packed.getvalue()


# --- packs ----------------------------------------------------------------------------------------------------------------


def write_pack(image_sets: Iterable[ImageSet], files: Iterable[tuple[str, bytes]]) -> bytes:
    """An archive of sets: what they are in manifest.json, and the files given."""
    records = [_record(image_set) for image_set in image_sets]
    manifest = json.dumps({"format": FORMAT, "sets": records}, indent=1, ensure_ascii=False)
    return write_archive([(MANIFEST, manifest.encode()), *files])


def _record(image_set: ImageSet) -> dict[str, Any]:
    images = [{"sha256": i.sha256, "name": i.name} for i in image_set.images]
    return {"name": image_set.name, "kind": image_set.kind, "images": images}


def read_pack_sets(data: bytes, name: str) -> tuple[ImageSet, ...]:
    """The sets that a pack says it carries; raises BadConcept if it is no pack."""
    found = next(iter(read_archive(data, name, wanted=MANIFEST.__eq__)), None)
    if isinstance(found, Refusal):
        raise BadConcept(found.reason)
    sets = _read_sets(found.data) if found else None
    if not sets:
        raise BadConcept(f"'{name}' is no pack: it has no {MANIFEST} that lists sets. Add its images to a concept instead.")
    return sets


def _read_sets(manifest: bytes) -> tuple[ImageSet, ...] | None:
    try:
        record = json.loads(manifest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT or not isinstance(record.get("sets"), list):
        return None
    sets = tuple(_read_set(part) for part in record["sets"][:MAX_SETS])
    return None if None in sets else sets


def _read_set(record: Any) -> ImageSet | None:
    if not isinstance(record, dict) or record.get("kind") not in KINDS or not isinstance(record.get("name"), str):
        return None
    images = read_refs(record.get("images"))
    return ImageSet(record["name"], record["kind"], images, starter=False) if images else None


# --- starters -------------------------------------------------------------------------------------------------------------


class Starters:
    """The sets in a folder of archives called <kind>-<name>.zip, read only; no folder, no sets."""

    def __init__(self, folder: Path | None):
        self._folder = folder

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        """Every starter set."""
        return tuple(image_set for image_set, _ in self._found)

    def has(self, image_set: ImageSet) -> bool:
        """Whether the set is a starter, or a copy that took its place."""
        return any((s.kind, s.key) == (image_set.kind, image_set.key) for s in self.sets)

    def image(self, digest: str) -> bytes | None:
        """The bytes of an image, None if no starter has it."""
        path, member = self._places.get(digest, (None, None))
        if path is None:
            return None
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)

    @cached_property
    def _found(self) -> tuple[tuple[ImageSet, Path], ...]:
        paths = sorted(self._folder.glob("*-*.zip")) if self._folder else []
        return tuple((_read_starter(path), path) for path in paths if path.name.partition("-")[0] in KINDS)

    @cached_property
    def _places(self) -> dict[str, tuple[Path, str]]:
        """Which file of which archive an image is, by its hash."""
        return {image.sha256: (path, image.name) for image_set, path in self._found for image in image_set.images}


@cache
def starters_in(folder: Path | None) -> Starters:
    """The starters of a folder, which are read once per process."""
    return Starters(folder)


def _read_starter(path: Path) -> ImageSet:
    kind, _, name = path.stem.partition("-")
    with zipfile.ZipFile(path) as archive:
        images = tuple(ImageRef(sha256(archive.read(member)).hexdigest(), member) for member in archive.namelist())
    return ImageSet(name, kind, images, starter=True, key=f"starter-{name}")
