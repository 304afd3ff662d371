"""Data sets in one file: a .zip, or a .tar as WebDataset makes them. Listed here; nothing is unpacked to disk.

zip    a class is a folder of pictures, as in a folder
tar    the same; files that are named as a picture say more of it: `.cls` its label, `.json` label, split and further columns

What an archive claims is not believed (explainers/library/archives.py): entries that lead out of it, links, and what would burst
are refused one by one; an archive that is cut short or whose entries share their bytes is refused as a whole.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from explainers.datasets.columns import with_columns
from explainers.datasets.items import Item, TarPlace, UnreadableData, ZipPlace
from explainers.library.archives import ZIP_ERRORS, files_of, leads_outside, why_untouched
from models.photo import PICTURE_SUFFIXES
from models.photo.junk import is_users_file

MAX_READ_BYTES = 2**27  # at a time, while listing: the directory of a zip with more than a million photos
MAX_SIDECAR_BYTES = 2**20  # of a file beside a picture
SIDECARS = (".cls", ".json")

Said = dict[str, Any]  # by column


class _BoundedFile(io.FileIO):
    """A file of which little is read at a time, whatever the lengths it claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As a file does; raises UnreadableData for more than MAX_READ_BYTES."""
        wanted = MAX_READ_BYTES + 1 if size is None or size < 0 else size
        data = super().read(min(wanted, MAX_READ_BYTES + 1)) or b""
        if len(data) > MAX_READ_BYTES:
            raise UnreadableData(f"'{self.name}' has a directory of more than {MAX_READ_BYTES >> 20} MB. Split it.")
        return data


def is_picture(path: str) -> bool:
    """Whether a path has the ending of a picture."""
    return PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES


def folder_label(path: str) -> str:
    """The name of the folder that a path lies in; empty where it lies in none."""
    return PurePosixPath(path).parent.name


def read_zip(data: Path) -> list[Item]:
    """The pictures in a .zip; raises UnreadableData where it is none, or damaged."""
    try:
        with _BoundedFile(data) as file, zipfile.ZipFile(file) as archive:
            return [_of_zip(data, info, path) for info, path in files_of(archive, is_picture)]
    except ZIP_ERRORS as error:
        raise UnreadableData(f"'{data}' is not a readable .zip archive. Pack the photos again.") from error


def _of_zip(data: Path, info: zipfile.ZipInfo, path: str) -> Item:
    reason = why_untouched(info, path)
    refusal = "" if reason is None else f"'{path}' {reason}"
    return Item(path, data, folder_label(path), place=ZipPlace(info.filename), refusal=refusal)


def read_tar(data: Path) -> list[Item]:
    """The pictures in a .tar; raises UnreadableData where it is none, is compressed, or is cut short."""
    said: dict[str, Said] = {}
    try:
        with _BoundedFile(data) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            items = list(_items_of(archive, data, said))
            _require_end(file, archive.offset)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UnreadableData(
            f"'{data}' is not a readable .tar archive, or it is cut short. Pack the photos again, without compression."
        ) from error
    return [with_columns(item, said.get(_sample(item.name), {})) for item in items]


def _items_of(archive: tarfile.TarFile, data: Path, said: dict[str, Said]) -> Iterator[Item]:
    """The pictures of an open archive, one after the other; what small files say of them is noted in ``said``."""
    while (info := archive.next()) is not None:
        vars(archive)["members"] = []  # else it keeps everything that it has seen
        path = info.name.replace("\\", "/")
        if PurePosixPath(path).suffix.lower() in SIDECARS:
            _note(said, path, _said_in(archive, info))
        elif is_picture(path) and is_users_file(path) and not info.isdir():
            place = TarPlace(info.offset_data, info.size)
            yield Item(path, data, folder_label(path), place=place, refusal=_why_refused(info, path))


def _why_refused(info: tarfile.TarInfo, path: str) -> str:
    if leads_outside(path):
        return f"'{path}' leads out of the archive by its path."
    if info.islnk() or info.issym():
        return f"'{path}' is a link, not a file."
    return "" if info.isreg() and not info.issparse() else f"'{path}' is not an ordinary file."


def _said_in(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Said:
    """What a small file says of the picture of its name."""
    file = archive.extractfile(info) if info.isreg() and info.size <= MAX_SIDECAR_BYTES else None
    text = "" if file is None else file.read().decode("utf-8", "replace").strip()
    if info.name.lower().endswith(".cls"):
        return {"label": text}
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(name): value for name, value in record.items()} if isinstance(record, dict) else {}


def _note(said: dict[str, Said], path: str, here: Said) -> None:
    """Adds what a small file says; a label in a file of its own goes before others."""
    before = said.get(_sample(path), {})
    said[_sample(path)] = before | here if path.lower().endswith(".cls") else here | before


def _sample(path: str) -> str:
    """What WebDataset takes for the name of a sample: everything up to the first dot of a file's name."""
    named = PurePosixPath(path)
    return (named.parent / named.name.split(".", 1)[0]).as_posix()


def _require_end(file: io.FileIO, at: int) -> None:
    """Raises EOFError where the mark that ends a .tar is not there: it is cut short, or damaged in the middle."""
    file.seek(at)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise EOFError
