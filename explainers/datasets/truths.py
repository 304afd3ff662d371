"""Where the objects of a data set's photos are, by files of masks or boxes that are named as the photos."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from explainers.datasets.items import Item
from explainers.truth.objects import Place, Truth
from explainers.truth.reading import READERS, read_truth_file
from models.errors import UnreadableTruth
from models.photo import Photo


def objects_in(folder: Path) -> Callable[[Item, Photo, tuple[int, int]], np.ndarray | None]:
    """Says of a photo where on a map (h, w) its objects are, as the file in the folder has it under the photo's own path; None
    where there is no such file. Raises UnreadableTruth where there is no such folder."""
    if not folder.is_dir():
        raise UnreadableTruth(f"'{folder}' is not a folder. Masks or boxes are files named as the photos: {', '.join(READERS)}.")

    def on_objects(item: Item, photo: Photo, shape: tuple[int, int]) -> np.ndarray | None:
        named = PurePosixPath(item.name)
        for path in (folder / named.with_suffix(suffix) for suffix in READERS):
            if path.is_file():
                return covered(read_truth_file(path, Place(named.name, photo.shape, shape)), shape)
        return None

    return on_objects


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
