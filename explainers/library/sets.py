"""What a set of example images is: images, or regions of them, by content under a name, of one of two kinds.

concept   images that show a human-named property
random    images that do not show it: the random counterpart
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, overload

from explainers.library.regions import Region
from models.errors import BadConcept
from models.photo import Photo

Kind = Literal["concept", "random"]
KINDS: tuple[Kind, ...] = ("concept", "random")
MAX_NAME = 60
MAX_IMAGE_NAME = 200


@dataclass(frozen=True)
class ImageRef:
    """An image by the SHA-256 of its file, what the file was called, and which region of it is meant: None for all of it."""

    sha256: str
    name: str
    region: Region | None = None
    rendered: bool = False  # by Encoderscope: no photograph

    @property
    def content(self) -> str:
        """What tells examples apart, as a hex digest: that of the file, or of the file with the region."""
        if self.region is None:
            return self.sha256
        return hashlib.sha256(f"{self.sha256} {self.region.digest}".encode()).hexdigest()


@dataclass(frozen=True)
class ImageSet:
    """Example images under one name: a concept, or a random counterpart. Starters come with Encoderscope."""

    name: str
    kind: Kind
    images: tuple[ImageRef, ...]
    starter: bool
    key: str = field(default="", compare=False)  # the library's own mark, by which it undoes a change

    @property
    def fingerprint(self) -> str:
        """Depends on the images alone: not on names, not on their order."""
        return hashlib.sha256("\n".join(sorted(i.content for i in self.images)).encode()).hexdigest()

    @property
    def n_regions(self) -> int:
        """How many of its images are regions."""
        return sum(image.region is not None for image in self.images)

    @property
    def counted(self) -> str:
        """How many examples it has, and of what."""
        n_whole = len(self.images) - self.n_regions
        of_regions = f"{self.n_regions} {'region' if self.n_regions == 1 else 'regions'}"
        if self.n_regions and n_whole == 0:
            return of_regions
        return f"{n_whole} {'image' if n_whole == 1 else 'images'}{f' and {of_regions}' if self.n_regions else ''}"


@dataclass(frozen=True)
class Example:
    """An image that is to join a set: the bytes of its file, what it is called, and which region is meant, None for all of it."""

    name: str
    data: bytes = field(repr=False)
    region: Region | None = None
    rendered: bool = False  # by Encoderscope: no photograph


@dataclass(frozen=True)
class Refusal:
    """A file that was not taken, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Added:
    """What became of the files that were to be added, and the set as it is now."""

    image_set: ImageSet
    n_added: int
    repeated: tuple[str, ...]  # files whose bytes the set had already
    refused: tuple[Refusal, ...]


class PhotoSource(Protocol):
    """Where the photos of a set are read from: plain data, so that another process can read the same ones."""

    def photo(self, image: ImageRef) -> Photo:
        """The photo of an image; raises UnreadableImage if it is gone or not the same any more."""
        ...


@dataclass(frozen=True)
class Photos(Sequence[Photo]):
    """The photos of a set, decoded one by one when asked for; they can be gone through any number of times.

    Equal when the images are, wherever they are read from.
    """

    images: tuple[ImageRef, ...]
    source: PhotoSource = field(compare=False)

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, idx: int) -> Photo: ...
    @overload
    def __getitem__(self, idx: slice) -> "Photos": ...
    def __getitem__(self, idx: int | slice) -> "Photo | Photos":
        if isinstance(idx, slice):
            return Photos(self.images[idx], self.source)
        return self.source.photo(self.images[idx])


@dataclass(frozen=True)
class OpenSet:
    """A set ready for use, from the library or from a folder that was never copied into it."""

    image_set: ImageSet
    photos: Photos
    refused: tuple[Refusal, ...] = ()  # files of a folder that were not taken

    @property
    def name(self) -> str:
        """The set's name; that of the folder if it came from one."""
        return self.image_set.name

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """One image for each of the photos, in their order."""
        return self.image_set.images


def require_name(name: str) -> str:
    """The name without the blanks around it; raises BadConcept unless it has 1 to 60 letters that can be shown."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise BadConcept(f"A name has 1 to {MAX_NAME} letters; this one has {len(name)}. Choose another.")
    if not name.isprintable():
        raise BadConcept("A name is one line of letters that can be shown. Choose another.")
    return name


def folded(name: str) -> str:
    """Equal for names that nobody could tell apart by case or blanks."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def shown(name: str) -> str:
    """A file's name as far as it can be shown, its end where it is long."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[-MAX_IMAGE_NAME:]


def joined(images: Sequence[ImageRef], taken: Iterable[ImageRef]) -> tuple[tuple[ImageRef, ...], tuple[str, ...]]:
    """The images followed by those taken that are new; the names of those that are not."""
    by_content = {image.content: image for image in images}
    repeated = []
    for image in taken:
        if image.content in by_content:
            repeated.append(image.name)
        else:
            by_content[image.content] = image
    return tuple(by_content.values()), tuple(repeated)


def nothing_usable(name: str, refused: Sequence[Refusal]) -> str:
    """The sentence on files of which none could be taken, with the first reasons."""
    reasons = " ".join(r.reason for r in refused[:3]) + (f" And {len(refused) - 3} more." if len(refused) > 3 else "")
    return f"None of the files for '{name}' is an image that can be used. {reasons or 'There is no file at all.'}"
