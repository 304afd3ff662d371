"""Two states of the source in one run: `python -m tests.benchmarks.in_turns ../other-checkout`.

A machine's speed drifts by more than the change that a benchmark is to show. Here a process for each checkout, each with the
encoders open, takes single runs alternately (the one that begins alternates as well): a photo to its 19 maps, drawn, with
the fit `grid`. Reported is the median over the turns of this checkout's time relative to the other's, with its quartiles.
Every state since `segmentation_speed` has `_drawn_and_judged` can be compared.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.segmentation_speed import DEIT, MOBILENET, RESNET, SIZES
from tests.conftest import SHARED_FIXTURES

N_TURNS = 24
WORKER = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from tests.benchmarks.segmentation_speed import _drawn_and_judged, encoder, photos
for line in sys.stdin:
    name, size = json.loads(line)
    print(json.dumps(_drawn_and_judged(encoder(name, Path(sys.argv[1])), photos()[0], size, "grid")[0]), flush=True)
"""


class Worker:
    """A process in a checkout that measures what it is asked for."""

    def __init__(self, checkout: Path):
        command = [sys.executable, "-c", WORKER, str(SHARED_FIXTURES / "weights")]
        self._process = subprocess.Popen(command, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, name: str, size: int) -> float:
        """Of one photo to its maps. Raises RuntimeError if the process has ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([name, size]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process of one checkout has ended; what it said stands above")
        return json.loads(answer)

    def close(self) -> None:
        self._process.kill()


def in_turns(here: Worker, there: Worker) -> Iterator[dict]:
    """One row per encoder and size: median seconds of both and the quartiles of their ratio, turn by turn."""
    for name in (RESNET, DEIT, MOBILENET):
        for size in SIZES:
            for worker in (here, there, here, there):
                worker.seconds(name, size)  # opens the encoder and warms the heap
            taken = np.empty((N_TURNS, 2))
            for turn in range(N_TURNS):
                for which in (0, 1) if turn % 2 else (1, 0):
                    taken[turn, which] = (here, there)[which].seconds(name, size)
            quartiles = np.percentile(taken[:, 0] / taken[:, 1], [25, 50, 75])
            yield {"encoder": name, "size": size, "here, ms": 1000 * float(np.median(taken[:, 0])),
                   "there, ms": 1000 * float(np.median(taken[:, 1])), "here / there": float(quartiles[1]),
                   "quartiles": quartiles[[0, 2]].round(3).tolist(),
                   "fastest": float(taken[:, 0].min() / taken[:, 1].min())}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the checkout to compare this one with")
    here, there = Worker(Path(__file__).parents[2]), Worker(parser.parse_args().other)
    try:
        for row in in_turns(here, there):
            print({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    finally:
        here.close()
        there.close()


if __name__ == "__main__":
    main()
