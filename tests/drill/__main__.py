"""The drills, one after the other, with their figures; ends with status 1 if a promise was broken.

python -m tests.drill           all of them
python -m tests.drill kills     writers of the library that are killed: 300
python -m tests.drill disk      a disk that is full; needs the right to mount one
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.drill.full_disk import fill, small_disk
from tests.drill.kills import kill_writers

N_KILLS = 300


def kills() -> bool:
    """300 writers killed; whether everything they had confirmed was there."""
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_writers(Path(folder) / "library", N_KILLS)
    for name, figure in asdict(tally).items():
        print(f"  {name:20} {figure}")
    return not tally.wrong and not tally.litter_after_a_day


def disk() -> bool:
    """A disk that is full; whether all from before is there, and the refusal is a sentence."""
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "disk") as small:
        if small is None:
            print("  left out: this user may not mount a file system")
            return True
        outcome = fill(small)
    for name, figure in asdict(outcome).items():
        print(f"  {name:20} {figure}")
    return not outcome.wrong


DRILLS: dict[str, Callable[[], bool]] = {"kills": kills, "disk": disk}


def main() -> int:
    """The status of the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("drills", nargs="*", choices=[[], *DRILLS], help="which; all unless named")
    kept = []
    for name in parser.parse_args().drills or DRILLS:
        print(f"{name}: {DRILLS[name].__doc__}", flush=True)
        began = time.monotonic()
        kept.append(DRILLS[name]())
        print(f"  {'kept' if kept[-1] else 'BROKEN'} after {time.monotonic() - began:.0f} s", flush=True)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
