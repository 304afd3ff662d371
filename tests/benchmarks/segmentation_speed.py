"""What segmentation maps of every k cost, beside what a user would write instead: one run, one machine, the same threads.

    sweep    k = 2 ... 20 against scikit-learn's KMeans on the materialised composite of the same grid
    cold     a photo to its 19 maps against one forward pass of the encoder alone
    others   against deep feature factorization (pytorch-grad-cam), and against ourselves with one k at a time
    memory   exact k-means on every pixel against the composite that it does without
    growth   more photos, more pixels, more clusters
    stream   files to maps, reading ahead, beside the encoder alone: 100 files on a CPU, 1000 where there is a GPU

Peak memory is that of the process (VmHWM, Linux) above what it held before. ResNet-50 has random weights: nothing here
depends on what it has learnt. DeiT-Tiny and MobileNetV2 have theirs where ../shared/fixtures is at hand.
"""

import ctypes
import gc
import multiprocessing
import re
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_images
from sklearn.exceptions import ConvergenceWarning

from explainers.commands.inputs import read_ahead
from explainers.nave import segmentation as nave
from explainers.nave.composite import Composite, composite_of
from explainers.nave.kmeans import sweep
from explainers.nave.segmentation import N_SWEEPS
from explainers.nave.settings import FITS, Fit, NaveSettings, balanced
from explainers.service.observatory import MAX_BATCH
from explainers.service.service import ExplainerService
from models.encoder.encoder import Encoder
from models.photo import Photo, photo_from_array
from models.progress import IGNORED, Progress
from models.scenes.scenes import render, sample_scene
from tests.benchmarks.attribution_speed import seconds

T = TypeVar("T")

KS = range(2, 21)
SIZES = (224, 448)
N_RUNS = 5  # the fastest counts; for scikit-learn it is a single one
RESNET, DEIT, MOBILENET = "resnet50", "deit_tiny_patch16_224", "mobilenetv2_100"
MB = 1e6


@cache
def encoder(name: str, weights: Path) -> Encoder:
    """With its weights if they are at hand, else with random ones."""
    return Encoder.from_folder(weights / name, name=name) if (weights / name).is_dir() else Encoder.from_timm(name)


@cache
def photos() -> tuple[Photo, ...]:
    """Two photographs, which come with scikit-learn, and a scene."""
    pictures = dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    return *(photo_from_array(pixels, name) for name, pixels in pictures.items()), scene(0)


@cache
def scene(seed: int) -> Photo:
    return photo_from_array(render(sample_scene(seed)).image, f"scene-{seed}")


def mean_seconds(work: Callable[[T], Any], items: Sequence[T]) -> float:
    """Seconds per item of some work over its items, after a first try."""
    work(items[0])
    started = time.perf_counter()
    for item in items:
        work(item)
    return (time.perf_counter() - started) / len(items)


def peak_bytes(work: Callable[[], Any]) -> int:
    """How much more memory the process held at the worst moment of some work than before it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is given back, so that it is not mistaken for free of charge
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    work()
    return max(0, _status("VmHWM") - before)


def _status(field: str) -> int:
    (kibibytes,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) * 1024


def feature_maps(network: Encoder, photo: Photo, size: int) -> list[torch.Tensor]:
    image = network.prepare(photo, size)[None]
    return [maps[0] for maps in network.feature_maps(image, network.info.default_depths)]


def composite(network: Encoder, photo: Photo, size: int) -> Composite:
    """Of the default depths, scaled, on the grid on which we cluster."""
    scaled = [balanced([maps])[0] for maps in feature_maps(network, photo, size)]
    return composite_of(scaled, nave.fitting_grid(network.input_shape(photo.shape, size)))


def materialised(image: Composite) -> np.ndarray:
    """The big matrix (positions, channels)."""
    return image.at(torch.arange(image.n_positions)).numpy()


def sweep_table(weights: Path) -> list[dict]:
    """Seconds of both, their ratio, and the worst of our inertias relative to scikit-learn's over all k and photos."""
    rows = []
    for name in (RESNET, DEIT):
        for size in SIZES:
            ours, theirs, inertia = [], [], []
            for photo in photos() if size == SIZES[0] else photos()[:1]:  # scikit-learn takes minutes for a large one
                image = composite(encoder(name, weights), photo, size)
                big, clusterings = materialised(image), sweep([image], KS[-1], N_SWEEPS).clusterings
                ours.append(seconds(lambda: sweep([image], KS[-1], N_SWEEPS), N_RUNS))  # noqa: B023
                started = time.perf_counter()
                reference = [KMeans(k, n_init=3, random_state=0).fit(big).inertia_ for k in KS]
                theirs.append(time.perf_counter() - started)
                inertia += [clusterings[k - 1].inertia / reference[k - KS[0]] for k in KS]
            rows.append({"encoder": name, "size": size, "ours, s": np.mean(ours), "scikit-learn, s": np.mean(theirs),
                         "ratio": np.mean(theirs) / np.mean(ours), "inertia, mean": np.mean(inertia),
                         "inertia, worst": max(inertia)})  # fmt: skip
            print(rows[-1], flush=True)
    return rows


def cold_table(weights: Path) -> list[dict]:
    """Milliseconds of one forward pass, and of a decoded photo to all of its maps by every fit, as multiples of it: until the
    maps are drawn, and until they are judged as well (regions, silhouettes, stability)."""
    rows = []
    for name in (RESNET, DEIT, MOBILENET):
        for size in SIZES:
            network = encoder(name, weights)
            images = [network.prepare(photo, size)[None] for photo in photos()]
            forward = np.mean([seconds(lambda: network.logits(image), 3 * N_RUNS) for image in images])  # noqa: B023
            row = {"encoder": name, "size": size, "forward, ms": 1000 * forward}
            for fit in FITS:
                runs = 1 if fit == "full" else 2 * N_RUNS
                taken = np.mean([min(_drawn_and_judged(network, p, size, fit) for _ in range(runs)) for p in photos()], axis=0)
                row[f"{fit}: maps, ms"] = 1000 * taken[0]
                row[f"{fit}: maps / forward"], row[f"{fit}: judged / forward"] = taken / forward
            rows.append(row)
            print(row, flush=True)
    return rows


def _drawn_and_judged(network: Encoder, photo: Photo, size: int, fit: Fit) -> tuple[float, float]:
    """Seconds until all maps of a photo are drawn, and until they are judged."""
    reached: dict[str, float] = {}
    started = time.perf_counter()
    _to_maps(network, photo, size, fit, progress=Progress(lambda share, doing: reached.setdefault(doing, time.perf_counter())))
    return reached["Judging the maps"] - started, time.perf_counter() - started


def _to_maps(
    network: Encoder,
    photo: Photo,
    size: int,
    fit: Fit = "grid",
    ks: range = KS,
    progress: Progress = IGNORED,
) -> nave.Segmentation:
    settings = NaveSettings(network.info.default_depths, input_size=size, fit=fit, min_clusters=ks[0], max_clusters=ks[-1])
    return nave.segment(feature_maps(network, photo, size), settings, network.input_shape(photo.shape, size), progress)


def others_table(weights: Path) -> list[dict]:
    """Time and memory of all 19 maps of a photo at 224 px. Deep feature factorization has one depth, the last one."""
    from pytorch_grad_cam import DeepFeatureFactorization

    rows = []
    for name, layer in ((RESNET, "layer4"), (MOBILENET, "blocks.6")):
        network, photo = encoder(name, weights), photos()[0]
        image = network.prepare(photo, SIZES[0])[None]
        factorization = DeepFeatureFactorization(network.model, network.model.get_submodule(layer))
        work = {
            "all k together": lambda: _to_maps(network, photo, SIZES[0]),  # noqa: B023
            "one k at a time": lambda: [_to_maps(network, photo, SIZES[0], ks=range(k, k + 1)) for k in KS],  # noqa: B023
            "deep feature factorization": lambda: [factorization(image, k) for k in KS],  # noqa: B023
        }
        for what, call in work.items():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the factorization stops after 200 iterations
            call()
            rows.append({"encoder": name, "what": what, "s": seconds(call, 2), "peak, MB": peak_bytes(call) / MB})
            rows[-1]["slower"] = rows[-1]["s"] / next(row["s"] for row in rows if row["encoder"] == name)
    return rows


def memory_table(weights: Path) -> list[dict]:
    """Peak memory of the clustering on every pixel, without the encoder's own pass, and of the composite there."""
    rows = []
    for name in (RESNET, DEIT):
        network, photo = encoder(name, weights), photos()[0]
        maps, shape = feature_maps(network, photo, SIZES[1]), network.input_shape(photo.shape, SIZES[1])
        for fit in ("grid", "full"):
            settings = NaveSettings(network.info.default_depths, input_size=SIZES[1], fit=fit)
            nave.segment(maps, NaveSettings(network.info.default_depths, input_size=SIZES[1], max_clusters=3), shape)  # warm
            started = time.perf_counter()
            extra = peak_bytes(lambda: nave.segment(maps, settings, shape))  # noqa: B023
            composite_bytes = 4 * shape[0] * shape[1] * sum(len(native) for native in maps)
            rows.append({"encoder": name, "fit": fit, "s": time.perf_counter() - started, "peak, MB": extra / MB,
                         "composite of every pixel, MB": composite_bytes / MB, "share": extra / composite_bytes})  # fmt: skip
    return rows


def growth_table(weights: Path) -> list[dict]:
    """Seconds from photos to maps, relative to the first row of each kind, beside the growth of what was asked."""
    network, rows = encoder(RESNET, weights), []
    settings = NaveSettings(network.info.default_depths, input_size=SIZES[0])

    def add(kind: str, label: str, amount: float, taken: float, peak: int) -> None:
        first = next((row for row in rows if row["kind"] == kind), {"amount": amount, "s": taken})
        rows.append({"kind": kind, "asked": label, "amount": amount, "s": taken, "times as much": amount / first["amount"],
                     "times as long": taken / first["s"], "peak, MB": peak / MB})  # fmt: skip
        print(rows[-1], flush=True)

    scenes = [scene(seed) for seed in range(100)]
    shape = network.input_shape(scenes[0].shape, SIZES[0])

    def one_by_one(some: Sequence[Photo]) -> None:
        deque((_to_maps(network, photo, SIZES[0]) for photo in some), maxlen=0)

    for n in (1, 10, 100):
        sets = _parts(scenes, n)
        add("photos one by one", f"{n}", n, mean_seconds(one_by_one, sets), peak_bytes(lambda: one_by_one(sets[0])))  # noqa: B023
    maps = [feature_maps(network, photo, SIZES[0]) for photo in scenes]
    together = partial(_together, settings=settings, shape=shape)
    for n in (1, 10, 100):
        sets = _parts(maps, n)
        taken = mean_seconds(together, sets)
        add("photos together (clustering)", f"{n}", n, taken, peak_bytes(lambda: together(sets[0])))  # noqa: B023
    for size in (224, 320, 448, 640, 1024):
        shape = network.input_shape(photos()[0].shape, size)
        work = partial(_to_maps, network, photos()[0], size)
        add("pixels", f"{size} px", shape[0] * shape[1], seconds(work, 2), peak_bytes(work))
    for k in (10, 20, 40):
        work = partial(_to_maps, network, photos()[0], SIZES[0], ks=range(2, k + 1))
        add("clusters", f"2 to {k}", sum(range(2, k + 1)), seconds(work, 3), peak_bytes(work))
    return rows


def _together(maps: Sequence[Sequence[torch.Tensor]], settings: NaveSettings, shape: tuple[int, int]) -> None:
    nave.segment_together(maps, settings, [shape] * len(maps))


def _parts(items: Sequence[T], n: int) -> list[Sequence[T]]:
    """The items, n at a time: whatever n, the same work is measured."""
    return [items[first : first + n] for first in range(0, len(items), n)]


def stream_table(weights: Path) -> list[dict]:
    """Photos a second from files to maps, the next ones read meanwhile; and of the encoder's bare pass of one.

    In a process of its own: once another thread has had threads of OpenMP's, those of the service's worker wait asleep for each
    other, and everything takes twice as long.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_stream_rows, weights).result()


def _stream_rows(weights: Path) -> list[dict]:
    rows = []
    with tempfile.TemporaryDirectory() as folder, closing(ExplainerService(cache_bytes=0)) as service:
        n = 1000 if service.observatory.device == "cuda" else 100
        files = [Path(folder) / f"{seed}.jpg" for seed in range(n)]
        for seed, file in enumerate(files):
            Image.fromarray(render(sample_scene(seed), 2 * SIZES[0]).image).save(file)
        for name in filter(lambda name: (weights / name).is_dir(), (DEIT, MOBILENET)):
            bare = service.measure_cost(str(weights / name), scene(0), input_size=SIZES[0]).result().forward_seconds
            for fit in ("grid", "fast"):
                settings = NaveSettings(input_size=SIZES[0], fit=fit)
                _stream(service, str(weights / name), files[:2], settings)
                taken = seconds(lambda: _stream(service, str(weights / name), files, settings), 1) / n  # noqa: B023
                device = service.observatory.device
                rows.append({"encoder": name, "device": device, "fit": fit, "photos": n, "photos a second": 1 / taken,
                             "of the encoder alone": 1 / bare, "share": bare / taken})  # fmt: skip
    return rows


def _stream(service: ExplainerService, encoder_name: str, files: Sequence[Path], settings: NaveSettings) -> None:
    """As ``python -m explainers segment`` does, but for writing."""
    before, coming = None, read_ahead(files)
    while some := list(islice(coming, MAX_BATCH)):
        job = service.segment_each(encoder_name, some, settings=settings)
        if before is not None:
            before.result()
        before = job
    before.result()


TABLES: dict[str, Callable[[Path], Sequence[dict]]] = {
    "sweep": sweep_table,
    "cold": cold_table,
    "others": others_table,
    "memory": memory_table,
    "growth": growth_table,
    "stream": stream_table,
}
