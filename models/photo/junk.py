"""Which files of a folder or an archive are the user's, and which are left there by desktops, cameras, servers and tools."""

from pathlib import PurePosixPath

_FOLDERS = {"__macosx", "@eadir", "#recycle", "$recycle.bin"}  # macOS, Synology, and what was thrown away
_FILES = {"thumbs.db", "desktop.ini"}


def is_users_file(within: str) -> bool:
    """Whether a file, by its path within the folder or archive (with forward slashes), was put there by a person.

    Not so: what is hidden or lies in a hidden folder (`.git`, `.thumbnails`, `.DS_Store`, `._photo.jpg`), and what desktops and
    network drives add beside pictures (`__MACOSX`, `@eaDir`, `Thumbs.db`).
    """
    parts = [part.lower() for part in PurePosixPath(within).parts]
    is_hidden = any(part.startswith(".") and part != ".." for part in parts)
    return bool(parts) and not is_hidden and parts[-1] not in _FILES and _FOLDERS.isdisjoint(parts)
