"""A folder of images as a set, without copying it into a library."""

from pathlib import Path

from explainers.library.sets import ImageRef, ImageSet, Kind, OpenSet, Photos, Refusal, nothing_usable
from explainers.library.sources import FromFolder
from models.errors import BadConcept, UnreadableImage
from models.photo import read_photo_file
from models.photo.junk import is_users_file


def read_folder(path: Path, kind: Kind = "concept") -> OpenSet:
    """The images in a folder and the folders within, in the order of their paths; other files are refused by name.

    What is hidden, and what desktops and network drives add, is passed over. Raises BadConcept if there is no image at all.
    """
    images: dict[str, ImageRef] = {}
    refused = []
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if not file.is_file() or not is_users_file(name):
            continue
        try:
            digest = read_photo_file(file).sha256
        except UnreadableImage as error:
            refused.append(Refusal(name, str(error)))
            continue
        if digest in images:
            refused.append(Refusal(name, f"'{name}' is the same file as '{images[digest].name}' and counts once."))
            continue
        images[digest] = ImageRef(digest, name)
    if not images:
        raise BadConcept(nothing_usable(str(path), refused))
    image_set = ImageSet(path.resolve().name, kind, tuple(images.values()), starter=False)
    return OpenSet(image_set, Photos(image_set.images, FromFolder(path.absolute())), tuple(refused))
