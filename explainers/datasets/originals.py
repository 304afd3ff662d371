"""The photos of an index as they were indexed. An index keeps small pictures of them only, and does not know where they lie; a
server looks where its data sets and its scenes are."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from explainers.datasets import kept
from explainers.datasets.index import Index
from explainers.datasets.items import Item, UnreadableData, bytes_of
from explainers.datasets.scene_photos import PHOTOS
from explainers.datasets.sources import list_items
from models.errors import EncoderscopeError, UnreadableImage


class MissingPhotos(EncoderscopeError):
    """Photos of an index that are no longer where they were."""


@dataclass(frozen=True)
class Originals:
    """Where the photos of an index lie."""

    data: Path
    rendered: bool = False  # by Encoderscope: no photographs


def originals_of(index: Index) -> Originals:
    """Where a server has the photos of an index; raises MissingPhotos where nothing of the name of its data set is there."""
    name = index.manifest["data"]
    n_scenes = kept.scenes_in(name)
    if n_scenes is not None and (rendered := kept.scenes_folder(n_scenes) / PHOTOS).is_dir():
        return Originals(rendered, rendered=True)
    if (data := kept.data_sets().get(name)) is not None:
        return Originals(data)
    raise MissingPhotos(
        f"The photos of this index are not here, only small pictures of them: no '{name}' is in ENCODERSCOPE_DATA. "
        "Lay the data set there under this name, and try again."
    )


def read_originals(index: Index, data: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of some photos of an index, in the order of ``names``; those that are gone, or are not the same any more,
    are left out. Raises MissingPhotos where all are."""
    try:
        items = {item.name: item for item in list_items(data)}
    except UnreadableData as error:
        raise MissingPhotos(f"The photos of this index cannot be read: {error}") from error
    hashes = dict(zip(index.photos["name"].to_pylist(), index.photos["sha256"].to_pylist(), strict=True))
    n_read = 0
    for name in names:
        content = _content(items[name]) if name in items else b""
        if hashlib.sha256(content).hexdigest() == hashes[name]:
            n_read += 1
            yield name, content
    if not n_read:
        raise MissingPhotos(
            f"Not one of {len(names)} photos is in '{data.name}' as it was when the index was made. Make the index again."
        )


def _content(item: Item) -> bytes:
    try:
        return bytes_of(item)
    except UnreadableImage:
        return b""
