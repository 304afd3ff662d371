"""An index on many machines: Ray reads and describes groups of photos, and this process writes their shards.

    read       tasks: the photos of a shard, decoded, group after group
    describe   actors with an observatory each, on a GPU where there is one
    write      here, once all photos of a shard are there: it is whole or absent, whatever Ray does again, and Ray's own
               checkpoints are not needed

Groups are those of one process, so on machines that compute alike the bytes are the same. Reading has a share of a processor of
its own, or Ray would fuse it into the actors, which would decode while their GPU waits. Actors are built without arguments: one
that died could not be built again with them. Every machine must see the photos and the encoders under the same paths.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
import ray.data

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.making import Making, Read, described, groups_of
from explainers.datasets.shards import Row, Shard, write_shard
from explainers.dictionaries.clustering import Dictionary
from explainers.runtime.cluster import cluster, room
from explainers.service.service import ExplainerService
from models.progress import Progress

_CPUS_FOR_READING = 0.5  # of a task
_BLOCK_BYTES = 2**20  # a group or two: larger blocks wait until a whole shard is read before the first actor begins


@dataclass(frozen=True, repr=False)
class Group:
    """Photos of one shard that are asked about together; a class of its own, so that Ray's columns take it as it is.

    Ray writes the ``repr`` of every value that Arrow does not know, twice a value: with all numbers of all photos that took
    longer than describing them.
    """

    shard_idx: int
    place: int
    photos: tuple[Read, ...]


@dataclass(frozen=True, repr=False)
class DescribedGroup:
    """The rows of a group."""

    shard_idx: int
    place: int
    rows: tuple[Row, ...]


class Describing:
    """An actor: one observatory, which describes group after group."""

    def __init__(self) -> None:
        self.service = ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS)

    def __call__(self, batch: dict[str, Any], making: Making, dictionary: Dictionary, key: str) -> dict[str, Any]:
        """A batch of one group, described."""
        (group,) = batch["group"]
        here = replace(making, ask=lambda question: self.service.ask(question).result())
        rows = described(here, group.photos, dictionary, key)
        return {"group": [DescribedGroup(group.shard_idx, group.place, tuple(rows))]}


def on_ray(making: Making, shards: Sequence[Shard], dictionary: Dictionary, key: str, progress: Progress) -> None:
    """The engine: describes and writes shards on the cluster of RAY_ADDRESS, or on this machine's processors and GPUs."""
    plain = replace(making, items=(), ask=_nobody)  # what can travel
    with cluster():
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.target_max_block_size = _BLOCK_BYTES
        n_actors, needs = room()
        shards_in = [{"shard_idx": n, "photos": Photos(shard.photos)} for n, shard in enumerate(shards)]
        groups = ray.data.from_items(shards_in, override_num_blocks=len(shards)).flat_map(_read, num_cpus=_CPUS_FOR_READING)
        described_groups = groups.map_batches(
            Describing,
            batch_size=1,
            fn_kwargs={"making": plain, "dictionary": dictionary, "key": key},
            compute=ray.data.ActorPoolStrategy(size=n_actors),
            **needs,
        )
        rows = (row["group"] for row in described_groups.iter_rows())
        _write_whole(rows, making, shards, dictionary.space.axes.shape[1], progress)


@dataclass(frozen=True, repr=False)
class Photos:
    """The photos of a shard, as one value of a column."""

    known: tuple[Any, ...]


def _read(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place, group in enumerate(groups_of(row["photos"].known)):
        yield {"group": Group(row["shard_idx"], place, tuple(group))}


def _write_whole(
    groups: Iterable[DescribedGroup], making: Making, shards: Sequence[Shard], n_components: int, progress: Progress
) -> None:
    """Writes every shard as soon as all of its groups have come, in whatever order they come."""
    waiting: dict[int, dict[int, tuple[Row, ...]]] = {n: {} for n in range(len(shards))}
    n_photos, n_done = sum(len(shard.photos) for shard in shards), 0
    for group in groups:
        of_shard, shard = waiting[group.shard_idx], shards[group.shard_idx]
        of_shard[group.place] = group.rows
        n_done += len(group.rows)
        progress.report(n_done / n_photos, f"{n_done} of {n_photos} photos")
        if sum(map(len, of_shard.values())) == len(shard.photos):
            rows = [row for place in sorted(of_shard) for row in of_shard[place]]
            write_shard(shard, rows, making.folder, n_components)
            del waiting[group.shard_idx]


def _nobody(question: Any) -> Any:
    """Travels in the place of a service, which cannot."""
    raise NotImplementedError
