"""The quick tests under other versions of Python and torch, each in an environment of its own that uv makes and that goes again.

python -m tests.matrix                                  every pair of PYTHONS and TORCHES
python -m tests.matrix 3.12:2.11.0 /usr/bin/python3.13:2.15.0     these pairs; a Python is anything that uv takes
python -m tests.matrix 3.12:2.11.0 --tests tests/models           other tests than all quick ones

An environment takes 5 GB of disk and some minutes of downloads. torchvision is the one that its torch needs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
TORCHES = ("2.11.0", "2.12.0", "2.13.0", "2.14.0", "2.15.0")
QUICK = ("-m", "not browser and not slow")
_TORCH = re.compile(r"^(torch|torchvision)==")
_FILES = (
    "requirements.txt",
    "requirements-text.txt",
    "requirements-sign-in.txt",
    "requirements-notebook.txt",
    "requirements-dev.txt",
)


def packages(torch: str) -> list[str]:
    """What is installed: every pin of the requirement files, but this torch and whichever torchvision it needs."""
    lines = [line.strip() for name in _FILES for line in (ROOT / name).read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith(("#", "-r"))]
    return [*(pin for pin in pins if not _TORCH.match(pin)), f"torch=={torch}", "torchvision"]


def pair(text: str) -> tuple[str, str]:
    """A Python and a torch from "3.12:2.11.0"; the Python may be a path."""
    python, _, torch = text.rpartition(":")
    if not python or not torch:
        raise argparse.ArgumentTypeError(f"'{text}' is not a pair such as 3.12:2.11.0")
    return python, torch


def run(python: str, torch: str, tests: Sequence[str]) -> str:
    """What came of one pair, in a few words; the output of the tests goes to this process's own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        executable = environment / "bin/python"
        makes = [["uv", "venv", "--quiet", "--python", python, environment]]
        makes += [["uv", "pip", "install", "--quiet", "--python", executable, *packages(torch)]]
        for command in makes:
            made = subprocess.run([*map(str, command)], capture_output=True, text=True)
            if made.returncode:
                return f"not made: {made.stderr.strip().splitlines()[0] if made.stderr.strip() else command[1]}"
        command = [str(executable), "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICK, *tests]
        status = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode
    return f"{'passed' if status == 0 else f'FAILED with status {status}'} after {time.monotonic() - began:.0f} s"


def main() -> int:
    """The status of the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("pairs", nargs="*", type=pair, help="such as 3.12:2.11.0; all unless named")
    parser.add_argument("--tests", nargs="+", default=[], help="which files of tests; all quick ones unless named")
    arguments = parser.parse_args()
    if shutil.which("uv") is None:
        sys.exit("uv is needed: python -m pip install uv")
    outcomes = {}
    for python, torch in arguments.pairs or product(PYTHONS, TORCHES):
        print(f"Python {python}, torch {torch}", flush=True)
        outcomes[python, torch] = run(python, torch, arguments.tests)
    for (python, torch), outcome in outcomes.items():
        print(f"  Python {python:8} torch {torch:8} {outcome}")
    return 0 if all(outcome.startswith("passed") for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
