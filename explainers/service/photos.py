"""Where encoders meet photos without any concept: segmentation maps, how alike depths are, what the classifier says.

Runs in the service's worker.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
from torch import Tensor

from explainers.nave import segmentation as nave
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings, require_valid
from explainers.results.comparisons import MAX_PHOTOS, DepthGrams, SegmentedPhotos
from explainers.results.segmentations import N_PREDICTIONS, Predictions, SegmentationResult, SegmentationsResult
from explainers.runtime.batches import in_batches
from explainers.runtime.scheduler import Task
from explainers.service.concepts import MapsOf
from explainers.service.cost import grams_of, kept_maps, pooled_positions
from models.encoder.encoder import Encoder, EncoderInfo
from models.encoder.labels import class_logits, class_name, probabilities
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress

SIDE_BY_SIDE = 8  # photos of one input shape that go through encoder and clustering together, at most
SEEN_PIXELS = 2**20  # of all of them, at most: of large ones fewer, so that memory stays within bounds


class PhotoExplainer:
    """Segments, compares and classifies photos for encoders that are handed in."""

    def __init__(self, maps_of: MapsOf, versions: Callable[[], dict[str, str]]):
        self._maps_of, self._versions = maps_of, versions

    def segment(self, encoder: Encoder, photo: Photo, settings: NaveSettings, task: Task) -> SegmentationResult:
        """One photo alone."""
        return self.segment_each(encoder, [photo], settings, task).of_photo(0)

    def segment_each(self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task) -> SegmentationsResult:
        """Several photos, each alone; neighbours of one input shape side by side."""
        _require_photos(photos, math.inf)
        require_valid(settings, len(encoder.info.depths))
        segmentations: list[Segmentation] = []
        seconds = {"encoder": 0.0, "clustering": 0.0}

        def side_by_side(batch: Sequence[Photo]) -> list[Segmentation]:
            part = task.part(len(segmentations), len(photos), len(batch))
            return self._side_by_side(encoder, batch, settings, part, seconds)

        for _, alike in groupby(photos, key=lambda photo: encoder.input_shape(photo.shape, settings.input_size)):
            for found in in_batches(side_by_side, list(alike), n_side_by_side(settings.input_size), Progress(check=task.check)):
                segmentations += found
        return SegmentationsResult(
            segmentations=tuple(segmentations),
            encoder=encoder.info,
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            seconds={what: taken / len(photos) for what, taken in seconds.items()},
            versions=self._versions(),
        )

    def _side_by_side(
        self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task, seconds: dict[str, float]
    ) -> list[Segmentation]:
        """Photos of one input shape; what they take is added to ``seconds``."""
        started = time.perf_counter()
        task.report(0.0, "Looking through the encoder")
        maps = [
            [depth_map.to(encoder.device) for depth_map in of_photo]
            for of_photo in self._maps_of(encoder, photos, settings.input_size, settings.depths, task)
        ]
        looked = time.perf_counter()
        segmentations = nave.segment_each(
            maps,
            settings,
            encoder.input_shape(photos[0].shape, settings.input_size),
            progress=Progress(task.report, task.check).part(0.1, 1.0),
        )
        seconds["encoder"] += looked - started
        seconds["clustering"] += time.perf_counter() - looked
        return list(segmentations)

    def segment_together(
        self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task
    ) -> SegmentationsResult:
        """Several photos, clustered together."""
        _require_photos(photos, math.inf)
        require_valid(settings, len(encoder.info.depths))
        started = time.perf_counter()
        maps = []
        for n, of_photo in enumerate(self._maps_of(encoder, photos, settings.input_size, settings.depths, task)):
            task.report_or_stop(0.4 * n / len(photos), f"Looking at '{photos[n].name}'")
            maps.append([depth_map.to(encoder.device) for depth_map in of_photo])
        looked = time.perf_counter()
        segmentations = nave.segment_together(
            maps,
            settings,
            [encoder.input_shape(photo.shape, settings.input_size) for photo in photos],
            progress=Progress(task.report, task.check).part(0.4, 1.0),
        )
        return SegmentationsResult(
            segmentations=segmentations,
            encoder=encoder.info,
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            seconds={"encoder": looked - started, "clustering": time.perf_counter() - looked},
            versions=self._versions(),
        )

    def segment_set(self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task) -> SegmentedPhotos:
        """Several photos, each alone, shrunk to what comparing them needs."""
        _require_photos(photos, math.inf)
        started = time.perf_counter()
        labels, n_regions, suggested = [], [], []
        n_together = n_side_by_side(settings.input_size)  # so many are held at full size before they are shrunk
        for first in range(0, len(photos), n_together):
            some = photos[first : first + n_together]
            part = task.part(first, len(photos), len(some))
            for segmentation in self.segment_each(encoder, some, settings, part).segmentations:
                labels.append(kept_maps(segmentation))
                n_regions.append([quality.n_regions for quality in segmentation.quality])
                suggested.append(segmentation.suggested_k)
        return SegmentedPhotos(
            settings=settings,
            encoder=encoder.info,
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            labels=tuple(labels),
            n_regions=np.array(n_regions),
            suggested_k=tuple(suggested),
            seconds=time.perf_counter() - started,
            versions=self._versions(),
        )

    def depth_grams(self, encoder: Encoder, photos: Sequence[Photo], input_size: int, task: Task) -> DepthGrams:
        """How alike the positions of several photos are at every depth."""
        _require_photos(photos, MAX_PHOTOS)
        depths = tuple(depth.idx for depth in encoder.info.depths)
        positions = []
        for n, maps in enumerate(self._maps_of(encoder, photos, input_size, depths, task)):
            task.report_or_stop(n / len(photos), f"Looking at '{photos[n].name}'")
            positions.append([pooled_positions(depth_map) for depth_map in maps])
        return DepthGrams(
            encoder=encoder.info,
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            input_size=input_size,
            depths=depths,
            grams=grams_of(positions),
            versions=self._versions(),
        )

    def classify(self, encoder: Encoder, photo: Photo, task: Task) -> Predictions:
        """The most probable classes of a photo, at the size the encoder was trained at."""
        if not encoder.info.has_classifier:
            return Predictions(encoder.info, (), (), (), ())
        task.report(None, "Asking the classifier")
        images = encoder.prepare(photo, encoder.info.preprocessing.input_size)[None]
        (logits,) = in_batches(encoder.logits, images, batch_size=1)
        return _best(logits[0].cpu(), encoder.info)


def n_side_by_side(input_size: int) -> int:
    """How many photos go through encoder and clustering together."""
    return max(1, min(SIDE_BY_SIDE, SEEN_PIXELS // input_size**2))


def resolved(settings: NaveSettings, info: EncoderInfo) -> NaveSettings:
    """The settings with the depths that are meant: the encoder's own if none is named, each once, shallow first."""
    return replace(settings, depths=tuple(sorted(set(settings.depths))) or info.default_depths)


def _require_photos(photos: Sequence[Photo], limit: float) -> None:
    if not 1 <= len(photos) <= limit:
        raise BadSettings(f"{len(photos)} photos were given; at least 1 and at most {limit:g} are needed.")


def _best(logits: Tensor, info: EncoderInfo) -> Predictions:
    """The most probable classes."""
    of_classes = probabilities(logits)
    top = of_classes.topk(min(N_PREDICTIONS, len(of_classes))).indices
    return Predictions(
        encoder=info,
        class_idx=tuple(top.tolist()),
        class_names=tuple(class_name(info.class_names, idx) for idx in top.tolist()),
        probabilities=tuple(of_classes[top].tolist()),
        logits=tuple(class_logits(logits)[top].tolist()),
    )
