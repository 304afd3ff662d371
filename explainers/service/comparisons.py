"""Answers about one encoder beside others; each encoder is asked alone, so that one that fails takes no other along."""

import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from explainers.drawing.clusters import at_size
from explainers.maps.cka import centred_gram
from explainers.nave.segmentation import Segmentation
from explainers.results.comparisons import COMPARED_SIDE, MAX_PHOTOS, N_TIMED, Cost, DepthGrams, SegmentedPhotos
from explainers.results.provenance import InputSettings, provenance_of
from explainers.service.observatory import Observatory
from explainers.service.photo_questions import CompareDepths, MeasureCost
from explainers.service.photos import segmented_side_by_side, usable_settings
from explainers.service.questions import SegmentForComparison
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress

CKA_GRID = 8  # positions per side of a photo that enter the Gram matrices


def segment_for_comparison(question: SegmentForComparison, observatory: Observatory, progress: Progress) -> SegmentedPhotos:
    """The maps of several photos, each alone, shrunk as soon as they are there: few are held at full size at a time."""
    encoder, photos = observatory.encoder(question.encoder_name, progress), question.photos
    settings = usable_settings(question.settings, encoder, photos)
    labels: list[np.ndarray] = []
    n_regions: list[list[int]] = []
    suggested: list[int] = []
    seconds = {"encoder": 0.0, "clustering": 0.0}

    def side_by_side(group: Sequence[Photo]) -> list[Segmentation]:
        part = progress.part(len(labels) / len(photos), (len(labels) + len(group)) / len(photos))
        return segmented_side_by_side(observatory, encoder, group, settings, part, seconds)

    for group in observatory.in_groups(side_by_side, encoder, photos, settings.input_size, progress=progress):
        for segmentation in group:
            labels.append(kept_maps(segmentation))
            n_regions.append([quality.n_regions for quality in segmentation.quality])
            suggested.append(segmentation.suggested_k)
    provenance = provenance_of(encoder.info, photos, settings, seconds)
    return SegmentedPhotos(provenance, tuple(labels), np.array(n_regions), tuple(suggested))


def kept_maps(segmentation: Segmentation) -> np.ndarray:
    """The maps at comparison size, (n_k, h, w), the longer side COMPARED_SIDE at most."""
    height, width = segmentation.shape
    share = min(1.0, COMPARED_SIDE / max(height, width))
    shape = max(1, round(height * share)), max(1, round(width * share))
    return np.stack([at_size(labels, shape) for labels in segmentation.labels])


def compare_depths(question: CompareDepths, observatory: Observatory, progress: Progress) -> DepthGrams:
    """How alike the positions of several photos are at every depth."""
    encoder, photos = observatory.encoder(question.encoder_name, progress), question.photos
    if not 1 <= len(photos) <= MAX_PHOTOS:
        raise BadSettings(f"{len(photos)} photos were given; at least 1 and at most {MAX_PHOTOS} are needed.")
    depths = tuple(depth.idx for depth in encoder.info.depths)
    positions = []
    for n, maps in enumerate(observatory.feature_maps(encoder, photos, question.input_size, depths, progress)):
        progress.report(n / len(photos), f"Looking at '{photos[n].name}'")
        positions.append([pooled_positions(depth_map) for depth_map in maps])
    grams = tuple(centred_gram(torch.cat(of_depth)) for of_depth in zip(*positions, strict=True))
    return DepthGrams(provenance_of(encoder.info, photos, InputSettings(question.input_size)), depths, grams)


def pooled_positions(depth_map: Tensor) -> Tensor:
    """The map (C, h, w) as CKA_GRID squared positions, averages of what each covers: (positions, C)."""
    return F.adaptive_avg_pool2d(depth_map[None].float(), CKA_GRID)[0].flatten(1).T


def measure_cost(question: MeasureCost, observatory: Observatory, progress: Progress) -> Cost:
    """Time and memory of a forward pass of one photo through every depth."""
    encoder = observatory.encoder(question.encoder_name, progress)
    image = encoder.prepare(question.photo, question.input_size)[None].to(encoder.device)
    every_depth = range(len(encoder.info.depths))
    with PeakBytes() as peak:
        encoder.feature_maps(image, every_depth)
    seconds = []
    for _ in range(N_TIMED):
        progress.check()
        seconds.append(_seconds(lambda: encoder.feature_maps(image, every_depth), encoder.device))
    return Cost(
        provenance_of(encoder.info, (question.photo,), InputSettings(question.input_size)),
        device=str(encoder.device),
        n_threads=observatory.n_threads,
        weight_bytes=encoder.n_bytes,
        input_shape=encoder.input_shape(question.photo.shape, question.input_size),
        forward_seconds=statistics.median(seconds),
        activation_bytes=peak.n_bytes,
    )


def _seconds(work: Callable[[], Any], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


class PeakBytes(TorchDispatchMode):
    """While active, adds up the memory of the tensors that operations make and that are alive at once; ``n_bytes`` is the peak.

    Scratch memory inside an operation is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = self._alive = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tree_map_only(Tensor, lambda given: self._count(given, 0), (args, kwargs or {}))  # was there before, as weights are
        outputs = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, lambda made: self._count(made, made.untyped_storage().nbytes()), outputs)
        return outputs

    def _count(self, tensor: Tensor, size: int) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        self._alive += size
        self.n_bytes = max(self.n_bytes, self._alive)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self._alive -= size
