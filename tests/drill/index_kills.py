"""Makers of an index that are killed in the middle of a shard: the same command goes on, to the bytes of one left alone.

The command line, in a child, indexes scenes in small shards. Once its dictionary is there it is killed (SIGKILL) at a random
moment and started again in the same folder, until the index is whole; then a new folder is begun, until there were enough kills.
"""

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from explainers.commands.main import main
from explainers.datasets.index import DICTIONARY, MANIFEST
from explainers.datasets.scene_photos import FIRST_SEED, PHOTOS, write_scenes

N_SCENES, SHARD = 320, 20
ENCODER, PARTS = "scenes-cnn-watermark", ("--parts", "32,64", "--sample", "3000")
_POLL_SECONDS = 0.01


@dataclass
class IndexTally:
    """What came of all kills."""

    n_kills: int = 0
    in_a_shard: int = 0  # of these, before the index was whole
    n_temporary: int = 0  # files that were being written when a maker was killed
    n_shards_kept: list[int] = field(default_factory=list)  # whole shards that were there after each kill
    n_folders: int = 0  # indexes that were completed in the end
    wrong: list[str] = field(default_factory=list)


def kill_makers(folder: Path, n_kills: int, seed: int = 0) -> IndexTally:
    """Kills that many makers, and compares every index that comes about with one whose maker was left alone."""
    rng, tally = random.Random(seed), IndexTally()
    write_scenes(folder / "scenes", range(FIRST_SEED, FIRST_SEED + N_SCENES))
    whole = folder / "whole"
    seconds = _left_alone(folder, whole)
    while tally.n_kills < n_kills:
        out = folder / f"killed {tally.n_folders}"
        while tally.n_kills < n_kills and not (out / MANIFEST).is_file():
            _killed(folder, out, rng.uniform(0.0, seconds / 3), tally)
        _left_alone(folder, out)
        tally.n_folders += 1
        tally.wrong += differences(whole, out)
        shutil.rmtree(out)
    return tally


def _maker(folder: Path, out: Path) -> int:
    """A child that makes an index, or goes on with it; its process."""
    words = ["index", str(folder / "scenes" / PHOTOS), "--encoder", ENCODER, *PARTS, "--shard", str(SHARD), "--out", str(out)]
    pid = os.fork()
    if pid == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os._exit(main(words))
    return pid


def _left_alone(folder: Path, out: Path) -> float:
    """Makes or completes an index; how many seconds its shards took."""
    maker = _maker(folder, out)
    _wait_for_shards(maker, out)
    began = time.monotonic()
    while not _has_ended(maker):
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def _killed(folder: Path, out: Path, after_seconds: float, tally: IndexTally) -> None:
    """A maker that is killed so long after it began with shards, unless it has ended by then."""
    before = len(_shards(out))
    maker = _maker(folder, out)
    _wait_for_shards(maker, out, before)
    time.sleep(after_seconds)
    if not _has_ended(maker):
        os.kill(maker, signal.SIGKILL)
        os.waitpid(maker, 0)
        tally.n_kills += 1
        tally.in_a_shard += not (out / MANIFEST).is_file()
        tally.n_temporary += len([*out.rglob("*.tmp")])
        tally.n_shards_kept.append(len(_shards(out)))


def _has_ended(maker: int) -> bool:
    """Whether a child is done; asked once more after that, it is not a child any longer."""
    return os.waitpid(maker, os.WNOHANG)[0] == maker


def _wait_for_shards(maker: int, out: Path, n_before: int = 0) -> None:
    """Until a maker has its dictionary and, where an index was begun, one more shard: then it is in the middle of the next."""
    while not ((out / DICTIONARY).is_file() and (not n_before or len(_shards(out)) > n_before or (out / MANIFEST).is_file())):
        time.sleep(_POLL_SECONDS)


def _shards(out: Path) -> list[Path]:
    return [*out.glob("photos/part-*.parquet")]


def differences(whole: Path, out: Path) -> list[str]:
    """The files in which two indexes differ, temporary ones left by the killed aside."""
    names = {path.relative_to(of).as_posix() for of in (whole, out) for path in of.rglob("*") if path.is_file()}
    kept = sorted(name for name in names if not name.endswith(".tmp"))
    return [name for name in kept if not _same(whole / name, out / name)]


def _same(first: Path, second: Path) -> bool:
    return first.is_file() and second.is_file() and first.read_bytes() == second.read_bytes()
