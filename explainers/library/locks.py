"""A lock on a path, which holds between threads and between processes."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from models.files import age_seconds

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_STALE_LOCK_S = 60


@contextmanager
def held_lock(path: Path) -> Generator[None]:
    """Waits until nobody else holds the lock of this path, and holds it."""
    if fcntl is None:
        with _held_by_existing(path):
            yield
        return
    with path.open("ab") as file:  # closing the file lets go, also when the process dies
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _held_by_existing(path: Path) -> Generator[None]:
    """For systems without file locks: whoever makes the file holds the lock. One left by a crash counts for a minute."""
    path = path.with_suffix(".held")
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            break
        except (FileExistsError, PermissionError):
            if path.exists() and age_seconds(path) > _STALE_LOCK_S:
                path.unlink(missing_ok=True)
            time.sleep(0.01)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
