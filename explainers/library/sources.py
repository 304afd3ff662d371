"""Where the photos of a set are read from: a library's folder, or a folder that was never copied into a library.

Both are plain data that name places on disk, and open nothing before the first photo is asked for.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from explainers.library.sets import ImageRef
from explainers.library.starters import starters_in
from explainers.library.store import Store
from models.errors import UnreadableImage
from models.photo import Photo, read_photo, read_photo_file


@dataclass(frozen=True)
class FromLibrary:
    """The library in a folder, and the starters beside it."""

    folder: Path
    starters: Path | None

    def data(self, digest: str) -> bytes | None:
        """The bytes of the image with this SHA-256, None if neither the library nor a starter has it."""
        return Store(self.folder).image(digest) or starters_in(self.starters).image(digest)

    def photo(self, image: ImageRef) -> Photo:
        """The photo of an image; raises UnreadableImage if it is gone or damaged."""
        data = self.data(image.sha256)
        if data is None:
            raise UnreadableImage(f"'{image.name}' is no longer in the library. Add it again.")
        if sha256(data).hexdigest() != image.sha256:
            raise UnreadableImage(f"'{image.name}' is damaged in the library's folder. Remove it, and add it again.")
        return read_photo(data, image.name)


@dataclass(frozen=True)
class FromFolder:
    """A folder whose images are named by their paths in it."""

    folder: Path

    def photo(self, image: ImageRef) -> Photo:
        """The photo of an image; raises UnreadableImage if its file is gone or has other bytes by now."""
        photo = read_photo_file(self.folder / image.name)
        if photo.sha256 != image.sha256:
            raise UnreadableImage(f"'{image.name}' changed while it was in use. Start again.")
        return replace(photo, name=image.name)
