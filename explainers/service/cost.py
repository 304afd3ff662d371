"""What a comparison needs to know of one encoder; each encoder is asked alone, so that one that fails takes none along.

    SegmentedPhotos   segmentation maps of a set of photos, small enough to keep for many
    DepthGrams        how alike the positions of a set of photos are at every depth, for linear CKA
    Cost              what looking through the encoder takes on this machine

Runs in the service's worker.
"""

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
from explainers.results.comparisons import COMPARED_SIDE, N_TIMED, Cost
from models.encoder.encoder import Encoder
from models.photo import Photo

CKA_GRID = 8  # positions per side of a photo that enter the Gram matrices


def kept_maps(segmentation: Segmentation) -> np.ndarray:
    """The maps at comparison size, (n_k, h, w), the longer side COMPARED_SIDE at most."""
    height, width = segmentation.shape
    share = min(1.0, COMPARED_SIDE / max(height, width))
    shape = max(1, round(height * share)), max(1, round(width * share))
    return np.stack([at_size(labels, shape) for labels in segmentation.labels])


def pooled_positions(depth_map: Tensor) -> Tensor:
    """The map (C, h, w) as CKA_GRID squared positions, averages of what each covers: (positions, C)."""
    return F.adaptive_avg_pool2d(depth_map[None].float(), CKA_GRID)[0].flatten(1).T


def grams_of(positions: Sequence[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """From pooled positions per photo and depth to one Gram matrix per depth."""
    return tuple(centred_gram(torch.cat(of_depth)) for of_depth in zip(*positions, strict=True))


def measured_cost(encoder: Encoder, photo: Photo, input_size: int, n_threads: int, check: Callable[[], None]) -> Cost:
    """Time and memory of a forward pass of one photo at the size an explanation uses."""
    image = encoder.prepare(photo, input_size)[None].to(encoder.device)
    every_depth = range(len(encoder.info.depths))
    with PeakBytes() as peak:
        encoder.feature_maps(image, every_depth)
    seconds = []
    for _ in range(N_TIMED):
        check()
        seconds.append(_seconds(lambda: encoder.feature_maps(image, every_depth), encoder.device))
    return Cost(
        encoder=encoder.info,
        device=str(encoder.device),
        n_threads=n_threads,
        weight_bytes=encoder.n_bytes,
        input_shape=encoder.input_shape(photo.shape, input_size),
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
