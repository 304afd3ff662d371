"""The encoders that people brought through the dashboard: a folder of folders, beside the concept library.

    <name>/              config.json and model.safetensors, in timm's local-dir format
    .staging/<token>/    being written or checked; nobody sees it before it takes its name
    .deleted/<token>/    kept for a day, so that it can come back

A folder takes its name in one rename, when it is complete, so readers need no lock.
"""

import re
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from models.errors import BadCheckpoint
from models.files import HOME_VARIABLE, flush_folder, home, is_past_keeping, written_through

MAX_NAME = 60
_NAME = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9_.-]{{0,{MAX_NAME - 2}}}[A-Za-z0-9_-])?")
_STAGING, _DELETED = ".staging", ".deleted"


@dataclass(frozen=True)
class Removed:
    """An encoder that was taken out, and where it waits."""

    name: str
    token: str


class OwnEncoders:
    """The folder; it is made when something is first written. Several threads and processes may use it at once."""

    def __init__(self, folder: Path | None = None):
        self.folder = Path(folder) if folder is not None else default_folder()

    def names(self) -> tuple[str, ...]:
        """The names of all encoders that are here, also of those that do not open any more, sorted."""
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        return tuple(sorted(path.name for path in folders if path.is_dir() and not path.name.startswith(".")))

    @contextmanager
    def staged(self) -> Generator[Path]:
        """An empty folder to fill; it disappears with everything in it unless it joins before the block ends."""
        with self._writing():
            self._sweep()
            folder = self.folder / _STAGING / uuid.uuid4().hex
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def written(self, path: Path) -> Generator[BinaryIO]:
        """A new file, which has reached the disk when the block ends."""
        with self._writing(), written_through(path) as file:
            yield file

    def join(self, folder: Path, name: str, *, replace: bool = False) -> Removed | None:
        """Gives a staged folder its name; what it replaces, if anything. Raises BadCheckpoint if the name is taken."""
        name = require_name(name)
        with self._writing():
            taken = self._called(name)
            if taken is not None and not replace:
                raise BadCheckpoint(f"There is an encoder '{taken}' already. Choose another name, or have it replaced.")
            removed = self.remove(taken) if taken is not None else None
            self._rename(folder, name)
        return removed

    def remove(self, name: str) -> Removed:
        """Takes an encoder out; ``restore`` brings it back for a day. Raises BadCheckpoint if there is none."""
        if name not in self.names():
            raise BadCheckpoint(f"There is no own encoder '{name}' any more.")
        removed = Removed(name, uuid.uuid4().hex)
        with self._writing():
            self._sweep()
            place = self.folder / _DELETED / removed.token
            place.mkdir(parents=True)
            (self.folder / name).rename(place / name)
        return removed

    def restore(self, removed: Removed) -> None:
        """Brings back what was removed; raises BadCheckpoint if its name is taken or its day is over."""
        place = self.folder / _DELETED / removed.token / removed.name
        if not place.is_dir():
            raise BadCheckpoint(f"'{removed.name}' is gone: what was deleted is kept for a day. Upload it again.")
        if self._called(removed.name) is not None:
            raise BadCheckpoint(f"There is another encoder '{removed.name}' by now. Delete that one first.")
        with self._writing():
            self._rename(place, removed.name)
            place.parent.rmdir()

    def _called(self, name: str) -> str | None:
        """The encoder that has this name already, in whatever case: some file systems make no difference."""
        return next((taken for taken in self.names() if taken.casefold() == name.casefold()), None)

    def _rename(self, folder: Path, name: str) -> None:
        try:
            folder.rename(self.folder / name)
        except OSError as error:
            if not (self.folder / name).exists():
                raise
            raise BadCheckpoint(f"There is an encoder '{name}' already. Choose another name.") from error  # somebody was faster
        flush_folder(self.folder)

    def _sweep(self) -> None:
        """Clears away what a crash left half-written, and what was deleted more than a day ago."""
        for path in (*self.folder.glob(f"{_STAGING}/*"), *self.folder.glob(f"{_DELETED}/*")):
            if is_past_keeping(path):
                shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Generator[None]:
        """A disk that refuses becomes one sentence."""
        try:
            yield
        except OSError as error:
            raise BadCheckpoint(
                f"The folder of own encoders '{self.folder}' cannot be written: {error.strerror or error}. "
                f"Mend that, or set {HOME_VARIABLE} to a folder that can."
            ) from error


def default_folder() -> Path:
    """ENCODERSCOPE_HOME/encoders, else ~/.encoderscope/encoders."""
    return home() / "encoders"


def slugged(name: str) -> str:
    """The name without blanks around it, and with a dash for each run of blanks inside it."""
    return re.sub(" +", "-", name.strip())


def require_name(name: str) -> str:
    """The name with dashes for blanks, if it can be a folder's and a link's everywhere; raises BadCheckpoint."""
    name = slugged(name)
    if not _NAME.fullmatch(name) or ".." in name:
        raise BadCheckpoint(
            f"“{name[:80]}” cannot be an encoder's name. Take letters from a to z, digits, dots, dashes and underscores, "
            f"at most {MAX_NAME}, with a letter or a digit first."
        )
    return name
