"""What was changed for everybody, by whom and when: one line of JSON each, in a file that only grows until it is put aside.

    {"at": "2026-01-31T12:00:00+00:00", "who": "ann@example.org", "page": "concepts", "change": "'leafy' was deleted."}

The file names concepts and encoders, so it stays with them in the home folder, readable by its owner alone. Logs name none.
"""

import json
import os
from datetime import UTC, datetime

from models.files import home

TRAIL_FILE = "changes.jsonl"
MAX_BYTES = 10 * 2**20  # beyond which the file is put aside as changes.1.jsonl, in the place of the one before


def record(who: str, page: str, change: str) -> None:
    """Adds a line; several processes may do so at once. A disk that takes none stops nobody: the change has been made."""
    path = home() / TRAIL_FILE
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "who": who, "page": page, "change": change})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_BYTES:
            path.replace(path.with_suffix(".1.jsonl"))
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{line}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        return
