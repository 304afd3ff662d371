"""Where a server's data sets and indexes are.

ENCODERSCOPE_HOME/indexes        indexes that it made itself
ENCODERSCOPE_HOME/comparisons    comparisons with other encoders, on the photos of an index
ENCODERSCOPE_HOME/scenes         rendered scenes by their number
ENCODERSCOPE_DATA                what its operator laid down: indexes, and data sets to make some of
"""

import os
import re
from contextlib import suppress
from pathlib import Path

from explainers.datasets.index import MANIFEST, Index
from explainers.datasets.scene_photos import OBJECTS, PHOTOS
from explainers.datasets.shards import hash_of
from explainers.datasets.sources import READERS
from models.files import home

DATA_VARIABLE = "ENCODERSCOPE_DATA"


def own_folder() -> Path:
    """The folder of the indexes that this server makes."""
    return home() / "indexes"


def index_folders() -> dict[str, Path]:
    """The folders of whole indexes by name; an index that the operator laid down goes before one of the same name."""
    return {path.name: path for path in reversed([*_children(operators_folder()), *_children(own_folder())]) if is_whole(path)}


def data_sets() -> dict[str, Path]:
    """What the operator laid down to make indexes of, by name: folders without an index, and tables."""
    children = _children(operators_folder())
    return {path.name: path for path in children if path.suffix.lower() in READERS or (path.is_dir() and not is_whole(path))}


def scenes_folder(n_scenes: int) -> Path:
    """The folder of so many rendered scenes with their objects."""
    return home() / "scenes" / str(n_scenes)


def photos_of(index: Index) -> tuple[Path, Path | None] | None:
    """Where on this server the photos of an index are, and their true masks if there are any; None if they are not here."""
    data_name = index.manifest["data"]
    if (n_scenes := scenes_in(data_name)) is not None:
        folder = scenes_folder(n_scenes)
        return (folder / PHOTOS, folder / OBJECTS) if (folder / PHOTOS).is_dir() else None
    data = data_sets().get(data_name)
    return None if data is None else (data, None)


def scenes_in(data_name: str) -> int | None:
    """How many rendered scenes the data set of a name is; None where it is something else."""
    match = re.fullmatch(r"(\d{1,9}) scenes", data_name, re.ASCII)
    return int(match[1]) if match else None


def comparison_file(index: Index, other: str) -> Path:
    """The file of the comparison of an index's encoder with another one, which may be there or not."""
    return home() / "comparisons" / f"{index.key[:16]}-{hash_of(other)[:16]}.json"


def comparison_files(index: Index) -> list[Path]:
    """The comparisons that were made with the encoder of an index, the newest first."""
    files = (home() / "comparisons").glob(f"{index.key[:16]}-*.json")
    return sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)


def operators_folder() -> Path | None:
    """The folder in ENCODERSCOPE_DATA, if there is one."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named).expanduser() if named else None


def is_whole(folder: Path) -> bool:
    """Whether a folder has the manifest that is written last."""
    return (folder / MANIFEST).is_file()


def _children(folder: Path | None) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder else []
    return []
