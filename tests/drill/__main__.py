"""The drills, one after the other, with their figures; ends with status 1 if a promise was broken.

python -m tests.drill           all of them but the last
python -m tests.drill kills     writers of the library that are killed: 300
python -m tests.drill index     makers of an index that are killed in the middle of a shard: 20
python -m tests.drill disk      a disk that is full; needs the right to mount one
python -m tests.drill hub       a hub that is slow, cut, sends wrong bytes, or answers 404 and 503
python -m tests.drill privacy   whether one session can see the pictures of another
python -m tests.drill load      sixteen people on one server for some minutes; a machine that does nothing else
python -m tests.drill memory    500 photos and 20 encoders, one after the other, on one server
python -m tests.drill fuzz      every reader of other people's files, given changed ones for ten minutes (`make fuzz`)
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.drill.full_disk import fill, small_disk
from tests.drill.fuzz import fuzz, readers
from tests.drill.hub import fail
from tests.drill.index_kills import kill_makers
from tests.drill.kills import kill_writers
from tests.drill.load import load
from tests.drill.memory import BOUNDS, MOST_GROWTH, grow
from tests.drill.privacy import two_sessions
from tests.drill.serving import dashboard

N_KILLS = 300
N_INDEX_KILLS = 20
LOAD_SECONDS = 300.0
LEAST_WORK, MOST_SPREAD, MOST_CACHED, MOST_NEW = 0.9, 3.0, 0.3, 3.0  # what is promised of sixteen people on two cores
FUZZ_SECONDS = 600.0
N_PHOTOS, N_SWITCHES = 500, 20


def kills() -> bool:
    """300 writers killed; whether everything they had confirmed was there."""
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_writers(Path(folder) / "library", N_KILLS)
    _print(tally)
    return not tally.wrong and not tally.litter_after_a_day


def index() -> bool:
    """20 makers of an index killed in the middle of a shard; whether each index has the bytes of one left alone."""
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_makers(Path(folder), N_INDEX_KILLS)
    _print(tally)
    return tally.n_kills >= N_INDEX_KILLS and not tally.wrong


def disk() -> bool:
    """A disk that is full; whether all from before is there, and the refusal is a sentence."""
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "disk") as small:
        if small is None:
            print("  left out: this user may not mount a file system")
            return True
        outcome = fill(small)
    _print(outcome)
    return not outcome.wrong


def failing_hub() -> bool:
    """A hub that fails in the middle; whether each failure is a sentence, nothing half is kept, and the next try succeeds."""
    outcome = fail()
    _print(outcome)
    return not outcome.wrong


def privacy() -> bool:
    """Two sessions; whether the pictures of one have addresses that nobody can guess, and are gone after its page was closed."""
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as server:
        outcome, trouble = two_sessions(server.url), server.trouble()
    _print(outcome)
    return outcome.n_pictures > 0 and not outcome.n_left and not outcome.wrong and not trouble


def people() -> bool:
    """Sixteen people on one server; whether all were served without an error, fast enough, and none much worse than another."""
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder)) as server:
        outcome, trouble = load(server.url, LOAD_SECONDS), server.trouble()
    _print(outcome)
    is_fair = max(outcome.slowest_to_fastest.values()) <= MOST_SPREAD
    is_fast = outcome.work >= LEAST_WORK and outcome.cached_p95 <= MOST_CACHED and outcome.new_to_alone <= MOST_NEW
    return is_fair and is_fast and not outcome.errors and not trouble


def memory() -> bool:
    """500 photos and 20 encoders on one server; whether its memory grows by less than 5 % after the first 100."""
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder), **BOUNDS) as server:
        outcome, trouble = grow(server, N_PHOTOS, N_SWITCHES), server.trouble()
    _print(outcome)
    return outcome.growth < MOST_GROWTH and not outcome.errors and not trouble


def fuzzing() -> bool:
    """Changed files for every reader, other ones each time; whether each was right, or refused in a sentence, in time."""
    first_seed, tallies = int(time.time()), []
    for kind in readers():
        tallies.append(fuzz(kind, 400, FUZZ_SECONDS / len(readers()), first_seed))
        print("  {kind:12} {n_files} files, {n_refused} refused, ".format(**asdict(tallies[-1])), end="")
        print("slowest {slowest} s, {grown_mb} MB {wrong}".format(**asdict(tallies[-1])), flush=True)
    return not any(tally.wrong for tally in tallies)


def _print(outcome: Any) -> None:
    """All figures of a drill, a line each."""
    for name, figure in asdict(outcome).items():
        print(f"  {name:20} {figure}", flush=True)


DRILLS: dict[str, Callable[[], bool]] = {
    "kills": kills,
    "index": index,
    "disk": disk,
    "hub": failing_hub,
    "privacy": privacy,
    "load": people,
    "memory": memory,
    "fuzz": fuzzing,
}
ALL = [name for name in DRILLS if name != "fuzz"]


def main() -> int:
    """The status of the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("drills", nargs="*", choices=[[], *DRILLS], help="which; all unless named")
    kept = []
    for name in parser.parse_args().drills or ALL:
        print(f"{name}: {DRILLS[name].__doc__}", flush=True)
        began = time.monotonic()
        kept.append(DRILLS[name]())
        print(f"  {'kept' if kept[-1] else 'BROKEN'} after {time.monotonic() - began:.0f} s", flush=True)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
