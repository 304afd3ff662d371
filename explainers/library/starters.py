"""The sets that come with Encoderscope: a folder of archives of images, read only."""

import zipfile
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from explainers.library.sets import KINDS, ImageRef, ImageSet, Kind

CAVS = "cavs"  # the folder of CAVs that were fitted beforehand (explainers/service/starter_cavs.py)


@cache
def starters_in(folder: Path | None) -> "Starters":
    """The starters of a folder, which are read once per process."""
    return Starters(folder)


class Starters:
    """The sets in a folder of archives called <kind>-<name>.zip; no folder, no sets."""

    def __init__(self, folder: Path | None):
        self._folder = folder

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        """Every starter set."""
        return tuple(self._archives)

    def has(self, image_set: ImageSet) -> bool:
        """Whether the set is a starter, or a copy that took its place."""
        return any((s.kind, s.key) == (image_set.kind, image_set.key) for s in self.sets)

    def cav(self, key: str) -> dict[str, Tensor] | None:
        """The tensors (...) that lie beside the starters under a key; None if there are none."""
        path = None if self._folder is None else self._folder / CAVS / f"{key}.safetensors"
        return load_file(path) if path is not None and path.is_file() else None

    def knows(self, digest: str) -> bool:
        """Whether some starter has the image with this SHA-256."""
        return digest in self._places

    def image(self, digest: str) -> bytes | None:
        """The bytes of the image with this SHA-256, None if no starter has it."""
        if digest not in self._places:
            return None
        path, member = self._places[digest]
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)

    @cached_property
    def _archives(self) -> dict[ImageSet, Path]:
        """The archive of every starter set."""
        if self._folder is None:
            return {}
        paths = ((kind, path) for kind in KINDS for path in sorted(self._folder.glob(f"{kind}-*.zip")))
        return {_read_starter(path, kind): path for kind, path in paths}

    @cached_property
    def _places(self) -> dict[str, tuple[Path, str]]:
        """Which file of which archive an image is, by its hash."""
        return {image.sha256: (path, image.name) for image_set, path in self._archives.items() for image in image_set.images}


def _read_starter(path: Path, kind: Kind) -> ImageSet:
    name = path.stem.removeprefix(f"{kind}-")
    with zipfile.ZipFile(path) as archive:
        images = tuple(ImageRef(sha256(archive.read(member)).hexdigest(), member) for member in archive.namelist())
    return ImageSet(name, kind, images, starter=True, key=f"starter-{name}")
