"""Where the objects of a data set's photos are, by files of masks or boxes that are named as the photos."""

import hashlib
from dataclasses import dataclass
from errno import ENAMETOOLONG
from pathlib import Path, PurePosixPath

import numpy as np

from explainers.datasets.items import Item
from explainers.truth.objects import Place, Truth
from explainers.truth.reading import READERS, read_truth_file
from models.errors import UnreadableTruth
from models.photo import Photo


@dataclass(frozen=True)
class ObjectsIn:
    """Where objects are by the files of a folder: those under the photos' own paths."""

    folder: Path

    def __call__(self, item: Item, photo: Photo, shape: tuple[int, int]) -> np.ndarray | None:
        """Where on a map (h, w) the objects of a photo are; None where it has no file."""
        path = self._file_of(item)
        place = Place(PurePosixPath(item.name).name, photo.shape, shape)
        return None if path is None else covered(read_truth_file(path, place), shape)

    def sha256_of(self, item: Item) -> str:
        """The hash of a photo's file, empty where it has none; raises UnreadableTruth where it cannot be read."""
        path = self._file_of(item)
        if path is None:
            return ""
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableTruth(f"'{path}' cannot be read: {error.strerror}.") from error

    def _file_of(self, item: Item) -> Path | None:
        named = PurePosixPath(item.name)
        try:
            return next((path for suffix in READERS if (path := self.folder / named.with_suffix(suffix)).is_file()), None)
        except OSError as error:
            if error.errno == ENAMETOOLONG:  # names in archives may be longer than a disk takes
                return None
            raise UnreadableTruth(f"'{self.folder}' cannot be read: {error.strerror}.") from error


def objects_in(folder: Path) -> ObjectsIn:
    """Says of a photo where its objects are; raises UnreadableTruth where there is no such folder."""
    if not folder.is_dir():
        raise UnreadableTruth(f"'{folder}' is not a folder. Masks or boxes are files named as the photos: {', '.join(READERS)}.")
    return ObjectsIn(folder)


def covered(truth: Truth, shape: tuple[int, int]) -> np.ndarray:
    """Where any object is, (h, w) bool on a map of that shape."""
    on_any = np.zeros(shape, dtype=bool)
    for thing in truth.objects:
        if thing.mask is not None:
            on_any |= thing.mask
        elif thing.box is not None:
            box = thing.box
            on_any[box.top : box.top + box.height, box.left : box.left + box.width] = True
    return on_any
