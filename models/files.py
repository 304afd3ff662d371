"""Files that Encoderscope keeps: where, how they are written, and for how long what was let go of can come back.

A file appears under its name only when it is whole: a process that dies leaves no half file, and readers need no lock.
"""

import os
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

HOME_VARIABLE = "ENCODERSCOPE_HOME"
KEPT_SECONDS = 24 * 3600  # how long what was deleted or replaced can be brought back
_TEMPORARY = ".{}.tmp"  # short, since the name itself may be as long as names can be


def home() -> Path:
    """The folder of everything that is kept: ENCODERSCOPE_HOME, else ~/.encoderscope."""
    return Path(os.environ.get(HOME_VARIABLE) or "~/.encoderscope").expanduser()


@contextmanager
def written_atomically(path: Path) -> Generator[BinaryIO]:
    """A file to write into, which takes its name when the block ends and disappears if it fails."""
    temporary = path.with_name(_TEMPORARY.format(uuid.uuid4().hex))
    try:
        with written_through(temporary) as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def written_through(path: Path) -> Generator[BinaryIO]:
    """A new file to write into, which has reached the disk when the block ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut; systems that cannot do that to a folder go without."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def left_behind(folder: Path) -> list[Path]:
    """Files below a folder that somebody was writing into more than a day ago: whoever it was has died."""
    return [path for path in folder.rglob(_TEMPORARY.format("*")) if is_past_keeping(path)]


def age_seconds(path: Path) -> float:
    """Seconds since the file was last written or touched; 0 if there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def is_past_keeping(path: Path) -> bool:
    """Whether what was let go of has waited longer than it is kept."""
    return age_seconds(path) > KEPT_SECONDS
