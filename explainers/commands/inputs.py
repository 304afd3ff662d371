"""The images that the command line is given: which files are meant, and reading them ahead of the work."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from explainers.runtime.ahead import ahead, one_thread
from models.errors import EncoderscopeError
from models.photo import PICTURE_SUFFIXES, Photo, read_photo_file
from models.photo.junk import is_users_file


def picture_files(arguments: Iterable[Path]) -> list[Path]:
    """The images asked for, each once; a folder stands for the pictures directly in it."""
    files: dict[Path, None] = {}
    for path in arguments:
        if not path.is_dir():
            files[path] = None
            continue
        children = (child for child in path.iterdir() if is_users_file(child.name))
        pictures = sorted(child for child in children if child.suffix.lower() in PICTURE_SUFFIXES)
        files.update(dict.fromkeys(pictures or [path]))  # a folder without pictures fails under its own name
    return list(files)


def read(path: Path, bands: tuple[int, ...] = ()) -> Photo:
    """The photo in a file, with the bands asked for; raises EncoderscopeError or OSError where the file does not hold one."""
    if path.is_dir():
        raise EncoderscopeError("There are no pictures in this folder.")
    return read_photo_file(path, bands)


def read_ahead(files: Sequence[Path], bands: tuple[int, ...] = ()) -> Iterator[Photo | Exception]:
    """Every file's photo, or what is wrong with it; the next one is read while the present one is worked on."""
    with one_thread("encoderscope-read") as reader:
        for coming in ahead((reader.submit(_photo_or_error, path, bands) for path in files), 1):
            yield coming.result()


def _photo_or_error(path: Path, bands: tuple[int, ...]) -> Photo | Exception:
    try:
        return read(path, bands)
    except (EncoderscopeError, OSError) as error:
        return error
