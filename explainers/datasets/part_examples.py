"""A part of an index as examples of a concept: all of the part in a photo is an example, and every other part of the same photo
is one of the random counterpart. So the two differ in the part alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from explainers.datasets.index import Index, read_shard
from explainers.datasets.originals import Originals, read_originals
from explainers.datasets.search import regions_of_part
from explainers.dictionaries.regions import unpacked
from explainers.library.regions import region_of
from explainers.library.sets import Example

MOST_PHOTOS = 40
SMALLEST_SHARE = 0.005  # of a photo: smaller parts are specks
_NOTHING = -1  # of a position that no region has


@dataclass(frozen=True)
class PartExamples:
    """What a part shows, and what else its photos show."""

    concept: tuple[Example, ...]
    random: tuple[Example, ...]


def part_examples(index: Index, originals: Originals, k: int, part: int, class_idx: int) -> PartExamples:
    """The part in the photos of a class in which it carries most; raises MissingPhotos where all of them are gone."""
    names = [hit.photo for hit in regions_of_part(index, k, part, class_idx, MOST_PHOTOS)]
    maps = part_maps(index, k, names)
    concept: list[Example] = []
    random: list[Example] = []
    for name, content in read_originals(index, originals.data, names):
        labels, file_name = maps[name], PurePosixPath(name).name
        for other in np.unique(labels[labels != _NOTHING]).tolist():
            inside = labels == other
            example = Example(file_name, content, region_of(inside), originals.rendered)
            if other == part:
                concept.append(example)
            elif inside.mean() >= SMALLEST_SHARE:
                random.append(example)
    return PartExamples(tuple(concept), tuple(random))


def part_maps(index: Index, k: int, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Which of k parts every position of some photos belongs to, (h, w) by the photos' names."""
    maps: dict[str, np.ndarray] = {}
    columns = ("photo", "part", "map_height", "map_width", "mask")
    for path in index.region_files:
        for row in read_shard(path, columns, filters=[("k", "=", k), ("photo", "in", sorted(set(names)))]).to_pylist():
            shape = row["map_height"], row["map_width"]
            labels = maps.setdefault(row["photo"], np.full(shape, _NOTHING, np.int32))
            labels[unpacked(row["mask"], shape)] = row["part"]
    return maps
