"""Reading a file of true masks or boxes, by its suffix."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from explainers.truth.coco import read_coco
from explainers.truth.objects import Place, Truth
from explainers.truth.png import read_png
from explainers.truth.voc import read_voc
from models.errors import UnreadableTruth

MB = 2**20
READERS: dict[str, tuple[Callable[[bytes, Place], Truth], int]] = {  # suffix -> reader, and the most bytes that it takes
    ".json": (read_coco, 50 * MB),
    ".xml": (read_voc, MB),
    ".png": (read_png, 50 * MB),
}


def read_truth(data: bytes, file_name: str, place: Place) -> Truth:
    """What a file says of a photo; raises UnreadableTruth, with the file's name, where it says nothing that can be used."""
    suffix = PurePath(file_name).suffix.lower()
    try:
        if suffix not in READERS:
            raise UnreadableTruth(f"It is none of {', '.join(READERS)}.")
        reader, most = READERS[suffix]
        if len(data) > most:
            raise UnreadableTruth(f"It has {len(data) / MB:.0f} MB; at most {most // MB} MB are taken.")
        return reader(data, place)
    except UnreadableTruth as error:
        raise UnreadableTruth(f"“{file_name}” cannot be used. {error}") from error


def truth_file(given: Path, photo: Path) -> Path:
    """The file that holds what was drawn into a photo: the one given, or in a folder the one with the photo's stem."""
    if not given.is_dir():
        return given
    name = name_for(photo.stem, sorted(path.name for path in given.iterdir() if path.is_file()))
    if name is not None:
        return given / name
    raise UnreadableTruth(f"In '{given}' there is no {photo.stem}{', '.join(READERS)} and no single COCO file.")


def name_for(stem: str, file_names: Sequence[str]) -> str | None:
    """Which of some files is about the photo with that stem: the one with the same stem, else the only COCO file."""
    for suffix in READERS:
        for name in file_names:
            if PurePath(name).stem == stem and PurePath(name).suffix.lower() == suffix:
                return name
    records = [name for name in file_names if PurePath(name).suffix.lower() == ".json"]
    return records[0] if len(records) == 1 else None


def read_truth_file(path: Path, place: Place) -> Truth:
    """What a file on disk says of a photo; a file that is too large is not read."""
    try:
        with path.open("rb") as file:
            return read_truth(file.read(50 * MB + 1), path.name, place)
    except OSError as error:
        raise UnreadableTruth(f"'{path}' cannot be read: {error.strerror}.") from error
