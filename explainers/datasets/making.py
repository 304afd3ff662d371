"""Making an index: three passes over a data set of any length, in the memory of a few photos and the sample.

    hash        every file by its content: shards and sample depend on nothing else
    sample      some positions of some photos, clustered into a dictionary
    describe    shard by shard: prediction, evidence, regions; a shard that is there already is left as it is

Whoever is killed loses the shards in flight; the same command goes on from there. What is computed is asked of the service, group
by group, so others have their turn. The next group is decoded meanwhile.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from explainers.datasets.columns import types_of
from explainers.datasets.index import (
    DICTIONARY,
    MANIFEST,
    SCHEMA,
    Index,
    UnreadableIndex,
    dictionary_bytes,
    dictionary_key,
    open_index,
    read_dictionary,
)
from explainers.datasets.items import Item, UnreadableData, read_item, sha256_of
from explainers.datasets.questions import (
    ChooseDepth,
    Chosen,
    Described,
    DescribePhotos,
    FitDictionary,
    PhotosAtDepth,
    SampleActivations,
)
from explainers.datasets.settings import IndexSettings
from explainers.datasets.shards import (
    PHOTOS,
    REGIONS,
    Known,
    Row,
    Shard,
    hash_of,
    row_of,
    shards_of,
    unreadable_row,
    write_shard,
)
from explainers.dictionaries.clustering import Dictionary
from explainers.dictionaries.sample import sampled_photos
from explainers.dictionaries.settings import require_valid
from explainers.results.files import as_json, write_bytes
from explainers.results.provenance import versions
from explainers.runtime.ahead import ahead, one_thread
from explainers.service.questions import Answer, Question
from models.encoder.labels import class_name
from models.errors import BadSettings, UnreadableImage
from models.photo import Photo
from models.progress import IGNORED, Progress
from models.version import __version__

PHOTOS_OF_A_GROUP = 16  # that are asked about together
PIXELS_OF_A_GROUP = 2**25  # of large photos, fewer
PHOTOS_AHEAD = 8  # that are decoded meanwhile
GROUPS_AHEAD = 1  # that are asked about meanwhile
HASHED, SAMPLED = 0.03, 0.2  # shares of the progress at which the passes end


class OnObjects(Protocol):
    """Where the objects of a photo are."""

    def __call__(self, item: Item, photo: Photo, shape: tuple[int, int]) -> np.ndarray | None:
        """Where they are on a map (h, w), bool; None where nobody has said so."""

    def sha256_of(self, item: Item) -> str:
        """The hash of what says so, empty where nothing does."""
        ...


class NothingKnown:
    """Nobody has said where objects are."""

    def __call__(self, item: Item, photo: Photo, shape: tuple[int, int]) -> np.ndarray | None:
        """None, whatever the map (h, w)."""
        return None

    def sha256_of(self, item: Item) -> str:
        """Empty."""
        return ""


nothing_known = NothingKnown()


class Ask(Protocol):
    """The answer to a question, waited for."""

    def __call__(self, question: Question[Answer]) -> Answer: ...


class Engine(Protocol):
    """Describes and writes shards that are not there yet; ``key`` is the dictionary's."""

    def __call__(
        self, making: "Making", shards: Sequence[Shard], dictionary: Dictionary, key: str, progress: Progress
    ) -> None: ...


def in_this_process(making: "Making", shards: Sequence[Shard], dictionary: Dictionary, key: str, progress: Progress) -> None:
    """The engine that needs nothing: shard after shard, asked of the service, which has the next group while rows are made."""
    n_photos, n_done = sum(len(shard.photos) for shard in shards), 0
    with one_thread("encoderscope-ask") as asking:
        for shard in shards:
            rows: list[Row] = []
            begun = ((group, asking.submit(_answers, making, group, dictionary, key)) for group in groups_of(shard.photos))
            for group, answers in ahead(begun, GROUPS_AHEAD):
                progress.report(n_done / n_photos, f"{n_done} of {n_photos} photos")
                rows += _rows(making, group, answers.result())
                n_done += len(group)
            write_shard(shard, rows, making.folder, dictionary.space.axes.shape[1])


@dataclass(frozen=True)
class Making:
    """What it takes to make an index."""

    items: Sequence[Item]
    settings: IndexSettings
    folder: Path
    data_name: str
    ask: Ask
    on_objects: OnObjects = nothing_known
    engine: Engine = in_this_process


def make_index(making: Making, progress: Progress = IGNORED) -> Index:
    """The index of a data set, made in a folder, or completed there; raises UnreadableData where no photo can be read."""
    require_valid(making.settings.dictionary)
    if making.settings.photos_per_shard < 1:
        raise BadSettings(f"{making.settings.photos_per_shard} photos make no shard; at least 1 is needed, 1,000 are usual.")
    chosen = making.ask(ChooseDepth(making.settings.encoder_name, making.settings.depth, making.settings.input_size))
    settings = replace(making.settings, depth=chosen.depth, input_size=chosen.input_size)
    making = replace(making, settings=settings)
    photos = hashed(making.items, progress.part(0, HASHED), making.on_objects)
    key, dictionary = _dictionary(making, photos, chosen, progress.part(HASHED, SAMPLED))
    types = types_of(making.items)
    shards = shards_of(photos, settings.photos_per_shard, key, types)
    describe_missing(making, shards, dictionary, key, progress.part(SAMPLED, 1))
    drop_others(making.folder, shard_names(shards))
    write_bytes(making.folder / MANIFEST, as_json(_manifest(making, chosen, shards, dictionary, types)))
    return open_index(making.folder)


# --- hash ---------------------------------------------------------------------------------------------------------------------


def hashed(items: Sequence[Item], progress: Progress, on_objects: OnObjects = nothing_known) -> list[Known]:
    """The photos by their content, and by that of what is known of their objects."""
    photos = []
    for n, item in enumerate(items):
        if n % 100 == 0:
            progress.report(n / len(items), f"Looking through {len(items)} files")
        photos.append(Known(item, sha256_of(item), on_objects.sha256_of(item)))
    return photos


# --- sample -------------------------------------------------------------------------------------------------------------------


def _dictionary(making: Making, photos: Sequence[Known], chosen: Chosen, progress: Progress) -> tuple[str, Dictionary]:
    """The dictionary, and the key of everything that is made with it; the one in the folder if it is of the same sample."""
    settings = making.settings
    by_hash = {known.sha256: known for known in sorted(photos, key=lambda known: known.item.name, reverse=True) if known.sha256}
    hashes, n_each = sampled_photos(by_hash, settings.dictionary.n_positions, settings.dictionary.seed)
    looks = [chosen.encoder.fingerprint, chosen.depth, chosen.input_size]
    key = hash_of([SCHEMA, looks, asdict(settings.dictionary), hashes])
    path = making.folder / DICTIONARY
    if (kept := _kept_dictionary(path, key)) is not None:
        return key, kept
    sampled: list[np.ndarray] = []
    for group in groups_of([by_hash[sha256] for sha256 in hashes]):
        progress.report(len(sampled) / len(hashes), "Sampling positions")
        seen = PhotosAtDepth(settings.encoder_name, chosen.depth, chosen.input_size, photos_in(group))
        if seen.photos:
            sampled += making.ask(SampleActivations(seen, n_each, settings.dictionary.seed))
    if not sampled:
        raise UnreadableData("Not one photo of this data set can be read. Choose another one.")
    progress.report(1.0, "Clustering positions")
    dictionary = making.ask(FitDictionary(settings.dictionary, key, np.concatenate(sampled)))
    write_bytes(path, dictionary_bytes(dictionary, key))
    return key, dictionary


def _kept_dictionary(path: Path, key: str) -> Dictionary | None:
    """The dictionary in a file, if it was fitted on the sample of that key."""
    try:
        content = path.read_bytes()
        return read_dictionary(content) if dictionary_key(content) == key else None
    except (OSError, UnreadableIndex):
        return None


# --- describe -----------------------------------------------------------------------------------------------------------------


def describe_missing(making: Making, shards: Sequence[Shard], dictionary: Dictionary, key: str, progress: Progress) -> None:
    """Describes and writes those shards that are not whole yet."""
    missing = [shard for shard in shards if not shard.is_whole(making.folder)]
    if missing:
        making.engine(making, missing, dictionary, key, progress)


def described(making: Making, group: Sequence["Read"], dictionary: Dictionary, key: str) -> list[Row]:
    """The rows of a group of photos, asked of the service together."""
    return _rows(making, group, _answers(making, group, dictionary, key))


def _answers(making: Making, group: Sequence["Read"], dictionary: Dictionary, key: str) -> Sequence[Described]:
    """What the service says of the photos of a group that could be read."""
    settings = making.settings
    seen = PhotosAtDepth(settings.encoder_name, settings.depth or 0, settings.input_size, photos_in(group))
    return making.ask(DescribePhotos(seen, key, dictionary)) if seen.photos else ()


def _rows(making: Making, group: Sequence["Read"], answers: Sequence[Described]) -> list[Row]:
    coming = iter(answers)
    return [
        unreadable_row(known, error) if photo is None else _row(making, known, photo, next(coming))
        for known, photo, error in group
    ]


def _row(making: Making, known: Known, photo: Photo, described: Described) -> Row:
    shape = next(iter(described.regions.values())).shape
    return row_of(known, photo, described, making.on_objects(known.item, photo, shape))


def shard_names(shards: Sequence[Shard]) -> list[str]:
    """The names of the files of shards."""
    return [shard.path(Path(), PHOTOS).name for shard in shards]


def drop_others(folder: Path, own: Sequence[str]) -> None:
    """Deletes shards that do not belong to an index: of other settings, or of photos that have changed."""
    for kind in (PHOTOS, REGIONS):
        for path in (folder / kind).glob("part-*.parquet"):
            if path.name not in own:
                path.unlink(missing_ok=True)


def _manifest(
    making: Making, chosen: Chosen, shards: Sequence[Shard], dictionary: Dictionary, types: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "data": making.data_name,
        "encoder": chosen.encoder,
        "class_names": _class_names(chosen),
        "module": chosen.encoder.depths[chosen.depth].module_name,
        "settings": making.settings,
        "columns": types,
        "n_files": sum(len(shard.photos) for shard in shards),
        "sampled_from": {"n_shards": len(shards), "n_files": sum(len(shard.photos) for shard in shards)},
        "additions": [],
        "stability": dictionary.stability,
        "shards": shard_names(shards),
        "encoderscope": __version__,
        "versions": versions() | {"pyarrow": pa.__version__},
    }


def _class_names(chosen: Chosen) -> list[str]:
    names = chosen.encoder.class_names
    return [class_name(names, idx) for idx in range(max(2, len(names)))]


# --- reading photos -----------------------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """A photo of the data set with its pixels, or why it has none."""

    known: Known
    photo: Photo | None
    error: str


def photos_in(group: Sequence[Read]) -> tuple[Photo, ...]:
    """The photos of a group that could be read."""
    return tuple(photo for _, photo, _ in group if photo is not None)


def groups_of(photos: Sequence[Known]) -> Iterator[list[Read]]:
    """Photos group after group, in order; how many are in a group depends on their pixels alone."""
    group: list[Read] = []
    n_pixels = 0
    for read in _read_ahead(photos):
        size = 0 if read.photo is None else math.prod(read.photo.shape)
        if group and (len(group) == PHOTOS_OF_A_GROUP or n_pixels + size > PIXELS_OF_A_GROUP):
            yield group
            group, n_pixels = [], 0
        group.append(read)
        n_pixels += size
    if group:
        yield group


def _read_ahead(photos: Sequence[Known]) -> Iterator[Read]:
    """The photos in order; a few are decoded while those before them are worked on."""
    with one_thread("encoderscope-read") as reader:
        for coming in ahead((reader.submit(_read, known) for known in photos), PHOTOS_AHEAD):
            yield coming.result()


def _read(known: Known) -> Read:
    try:
        photo = read_item(known.item)
    except UnreadableImage as error:
        return Read(known, None, str(error))
    if photo.sha256 != known.sha256:
        return Read(known, None, f"'{known.item.name}' changed while it was looked at.")
    return Read(known, replace(photo, name=known.item.name), "")
