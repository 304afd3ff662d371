"""A photo of a data set before anybody has looked at it, and its bytes: in a file of its own, or within an archive."""

import hashlib
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from explainers.library.archives import ZIP_ERRORS, bounded
from models.errors import EncoderscopeError, UnreadableImage
from models.photo import Photo, read_photo, read_photo_file
from models.photo.limits import MAX_BYTES, too_many_bytes

Value = bool | int | float | str | None


class UnreadableData(EncoderscopeError):
    """A data set that cannot be read as one, for the reason given."""


@dataclass(frozen=True)
class ZipPlace:
    """Where in a .zip a photo is."""

    entry: str  # its name there, as the archive writes it

    def data(self, path: Path) -> bytes | None:
        """The bytes of the photo in the archive at a path; None where they are too many."""
        there = path.stat()
        archive = _opened(path, there.st_mtime_ns, there.st_size)
        return bounded(archive, archive.getinfo(self.entry), MAX_BYTES)


@lru_cache(maxsize=2)
def _opened(path: Path, changed_ns: int, n_bytes: int) -> zipfile.ZipFile:
    """An archive that stays open, since its directory takes long to read: another one once its file has changed."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class TarPlace:
    """Where in a .tar a photo is."""

    start: int  # of its bytes
    n_bytes: int

    def data(self, path: Path) -> bytes | None:
        """The bytes of the photo in the archive at a path; None where they are too many. Raises EOFError where it is cut."""
        if self.n_bytes > MAX_BYTES:
            return None
        with path.open("rb") as file:
            file.seek(self.start)
            data = file.read(self.n_bytes)
        if len(data) < self.n_bytes:
            raise EOFError
        return data


@dataclass(frozen=True)
class Item:
    """A photo of a data set, before anybody has looked at it."""

    name: str  # its path within the data set, with forward slashes
    path: Path  # of its file, or of the archive that it is in
    label: str = ""  # empty where there is none
    split: str = ""
    place: ZipPlace | TarPlace | None = None  # None: it has a file of its own
    columns: tuple[tuple[str, Value], ...] = ()  # what else a table says of it
    refusal: str = ""  # why it is not even read


def sha256_of(item: Item) -> str:
    """The SHA-256 of a photo's bytes; empty where they cannot be had, whose reason comes up when the photo is read."""
    try:
        if item.refusal:
            return ""
        if item.place is not None:
            return hashlib.sha256(_packed_bytes(item.place, item)).hexdigest()
        with item.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, UnreadableImage):
        return ""


def bytes_of(item: Item) -> bytes:
    """The bytes of a photo; raises UnreadableImage with the reason."""
    if item.refusal:
        raise UnreadableImage(item.refusal)
    if item.place is not None:
        return _packed_bytes(item.place, item)
    try:
        return item.path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"'{item.name}' cannot be read: {error}.") from error


def read_item(item: Item) -> Photo:
    """The photo; raises UnreadableImage with the reason."""
    if item.refusal:
        raise UnreadableImage(item.refusal)
    if item.place is None:
        return read_photo_file(item.path)
    return read_photo(_packed_bytes(item.place, item), PurePosixPath(item.name).name)


def _packed_bytes(place: ZipPlace | TarPlace, item: Item) -> bytes:
    """The bytes of a photo in an archive; raises UnreadableImage where they are too many, damaged or gone."""
    name = PurePosixPath(item.name).name
    try:
        data = place.data(item.path)
    except ZIP_ERRORS as error:
        raise UnreadableImage(f"'{name}' is damaged inside the archive.") from error
    if data is None:
        raise UnreadableImage(too_many_bytes(name))
    return data
