"""What an index of scenes costs as the data set grows, by the command line: seconds, memory, disk, beside the bare forward pass.

A row per number of photos and way:

    forward pass   the photos read, prepared and sent through the encoder in batches of sixteen, nothing else
    anew           `python -m explainers index` of all of them, in a process of its own
    added          the same number reached from the row before, by `index --add`
    on ray         `index --on ray`, for the least number, where Ray is installed

Seconds are those on the clock, start and dictionary included, and those of the processor (of Ray without its actors). Photos a
second count the photos that were new, on the clock. Memory is what the process holds (VmRSS), asked for once a second; of Ray,
the process that was started.
"""

import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from explainers.datasets.scene_photos import FIRST_SEED, OBJECTS, PHOTOS, seed_of, write_scenes

SIZES, ENCODER = (1000, 2000, 5000, 20_000), "scenes-cnn-watermark"
_COMMAND = (sys.executable, "-m", "explainers", "index")
_HELD = ("MB, by eighths", "peak, MB", "MB on disk", "of it new")
_FORWARD = """
import sys, time
from pathlib import Path
import torch
from models.catalog.catalog import Catalog
from models.photo import read_photo_file

encoder, paths = Catalog().open(sys.argv[1]), sorted(Path(sys.argv[2]).rglob("*.png"))
begun, busy = time.perf_counter(), time.process_time()
for first in range(0, len(paths), 16):
    photos = [read_photo_file(path) for path in paths[first : first + 16]]
    encoder.logits(torch.stack([encoder.prepare(photo, encoder.info.preprocessing.input_size) for photo in photos]))
print([time.perf_counter() - begun, time.process_time() - busy])
"""


def growth_table(sizes: Sequence[int] = SIZES) -> list[dict]:
    """One row per number of photos and way, printed as it comes."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for row in _rows(Path(name), sizes):
            rows.append(row)
            print(row, flush=True)
    return rows


def _rows(folder: Path, sizes: Sequence[int]) -> Iterator[dict]:
    write_scenes(folder / "all", range(FIRST_SEED, FIRST_SEED + max(sizes)))
    data, truth, n_before = folder / "data", ("--truth", str(folder / "all" / OBJECTS)), 0
    for n in sizes:
        _link(folder / "all" / PHOTOS, data, n)
        named = (str(data), "--encoder", ENCODER, *truth)
        if not n_before:
            yield {"photos": n, "how": "forward pass"} | _bare(n, data)
        yield {"photos": n, "how": "anew"} | _indexed(n, folder / f"anew {n}", *named)
        if n_before:
            yield {"photos": n, "how": "added"} | _indexed(n - n_before, folder / "grown", str(data), "--add", *truth)
        else:
            shutil.copytree(folder / f"anew {n}", folder / "grown")
            if importlib.util.find_spec("ray"):
                yield {"photos": n, "how": "on ray"} | _indexed(n, folder / "ray", *named, "--on", "ray")
        n_before = n


def _link(photos: Path, data: Path, n: int) -> None:
    """The first photos of a data set, by seed, as hard links in a folder."""
    for path in sorted(photos.rglob("*.png"), key=lambda path: seed_of(path.name))[:n]:
        linked = data / path.relative_to(photos)
        linked.parent.mkdir(parents=True, exist_ok=True)
        if not linked.exists():
            os.link(path, linked)


def _bare(n: int, data: Path) -> dict:
    """What the forward pass costs, without the start of its process."""
    words = [sys.executable, "-c", _FORWARD, ENCODER, str(data)]
    seconds, busy = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    return _pace(n, seconds, busy) | dict.fromkeys(_HELD, "")


def _indexed(n_new: int, out: Path, *words: str) -> dict:
    """What the command costs, and what its index takes on disk."""
    there, begun, busy = _bytes(out), time.perf_counter(), _processor()
    words = (*_COMMAND, *words, "--out", str(out))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = list(_memory(process))
    pace = _pace(n_new, time.perf_counter() - begun, _processor() - busy)
    if process.returncode:
        raise RuntimeError(f"index ended with {process.returncode}")
    curve = " ".join(f"{memory[len(memory) * eighth // 8]:.0f}" for eighth in range(1, 8))
    sizes = _bytes(out) / 1e6, (_bytes(out) - there) / 1e6
    return pace | dict(zip(_HELD, (curve, max(memory), *sizes), strict=True))


def _pace(n: int, seconds: float, busy: float) -> dict:
    return {"seconds": seconds, "of the processor": busy, "photos a second": n / seconds}


def _processor() -> float:
    """Seconds of the processor of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(process: subprocess.Popen) -> Iterator[float]:
    """What a process holds, in MB, once a second until it ends."""
    while process.returncode is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if "VmRSS:" in status:
            yield int(status.split("VmRSS:")[1].split()[0]) / 1e3
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
