"""Files that come in through the browser: which kinds, how large, and what refuses the others.

The browser keeps to kinds and sizes by itself; the sizes are checked again here, because not every client is a browser.
"""

from models.errors import UnreadableImage
from models.photo import PICTURE_SUFFIXES, Photo, read_photo

UPLOAD_TYPES = [suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES]
WITH_ARCHIVES = [*UPLOAD_TYPES, "zip"]
MAX_MB, MAX_ARCHIVE_MB = 50, 200  # a photo; a whole set of them
MB = 2**20


def refusal_of_size(name: str, n_bytes: int, max_mb: int = MAX_MB) -> str:
    """The sentence that refuses a file beyond the limit; empty for any other."""
    if n_bytes <= max_mb * MB:
        return ""
    return f"“{name}” has {n_bytes / MB:.0f} MB; at most {max_mb} MB are taken. Save it smaller, or split it, and try again."


def read_upload(data: bytes, name: str, bands: tuple[int, ...] = ()) -> Photo | str:
    """The photo in a file, with the bands asked for, or the sentence that refuses it."""
    if refusal := refusal_of_size(name, len(data)):
        return refusal
    try:
        return read_photo(data, name, bands)
    except UnreadableImage as error:
        return str(error)
