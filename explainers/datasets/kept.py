"""Where a server's data sets and indexes are.

ENCODERSCOPE_HOME/indexes    indexes that it made itself
ENCODERSCOPE_DATA            what its operator laid down: indexes, and data sets to make some of
"""

import os
from contextlib import suppress
from pathlib import Path

from explainers.datasets.index import MANIFEST
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
