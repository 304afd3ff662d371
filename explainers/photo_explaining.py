"""Where encoders meet photos without any concept: segmentation maps, how alike depths are, what the classifier says.

Runs in the service's worker.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from explainers import nave
from explainers.batches import in_batches
from explainers.comparing import MAX_PHOTOS, DepthGrams, SegmentedPhotos, grams_of, kept_maps, pooled_positions
from explainers.errors import BadSettings
from explainers.explaining import MapsOf
from explainers.jobs import Task
from explainers.nave import NaveSettings, Segmentation
from models.encoder import Encoder, EncoderInfo
from models.preprocessing import Photo

N_PREDICTIONS = 10


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """Segmentation maps with their provenance."""

    segmentation: Segmentation  # its settings name the depths that were used
    encoder: EncoderInfo
    photo_name: str
    photo_sha256: str
    seconds: dict[str, float]  # "encoder", "clustering": what computing took, also when it comes from the cache
    versions: dict[str, str]


@dataclass(frozen=True, eq=False)
class SetSegmentationResult:
    """Segmentation maps of several photos whose positions were clustered together, with their provenance."""

    segmentations: tuple[Segmentation, ...]  # one per photo; a cluster means one thing in all of them
    encoder: EncoderInfo
    photo_names: tuple[str, ...]
    photo_sha256s: tuple[str, ...]
    seconds: dict[str, float]
    versions: dict[str, str]

    def of_photo(self, n: int) -> SegmentationResult:
        """One photo's part, as if it stood alone."""
        return SegmentationResult(
            self.segmentations[n], self.encoder, self.photo_names[n], self.photo_sha256s[n], self.seconds, self.versions
        )


@dataclass(frozen=True)
class Predictions:
    """The classes an encoder finds most probable, best first; empty where it has no classifier."""

    encoder: EncoderInfo
    class_idx: tuple[int, ...]
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    logits: tuple[float, ...]


class PhotoExplainer:
    """Segments, compares and classifies photos for encoders that are handed in."""

    def __init__(self, maps_of: MapsOf, versions: Callable[[], dict[str, str]]):
        self._maps_of, self._versions = maps_of, versions

    def segment(self, encoder: Encoder, photo: Photo, settings: NaveSettings, task: Task) -> SegmentationResult:
        """One photo alone."""
        nave.require_valid(settings, len(encoder.info.depths))
        started = time.perf_counter()
        task.report(0.0, "Looking through the encoder")
        (maps,) = self._maps_of(encoder, [photo], settings.input_size, settings.depths, task)
        looked = time.perf_counter()
        segmentation = nave.segment(
            [depth_map.to(encoder.device) for depth_map in maps],
            settings,
            encoder.input_shape(photo.shape, settings.input_size),
            progress=lambda share, doing: task.report_or_stop(0.1 + 0.9 * share, doing),
        )
        seconds = {"encoder": looked - started, "clustering": time.perf_counter() - looked}
        return SegmentationResult(segmentation, encoder.info, photo.name, photo.sha256, seconds, self._versions())

    def segment_together(
        self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task
    ) -> SetSegmentationResult:
        """Several photos, clustered together."""
        _require_photos(photos, math.inf)
        nave.require_valid(settings, len(encoder.info.depths))
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
            progress=lambda share, doing: task.report_or_stop(0.4 + 0.6 * share, doing),
        )
        return SetSegmentationResult(
            segmentations=segmentations,
            encoder=encoder.info,
            photo_names=tuple(photo.name for photo in photos),
            photo_sha256s=tuple(photo.sha256 for photo in photos),
            seconds={"encoder": looked - started, "clustering": time.perf_counter() - looked},
            versions=self._versions(),
        )

    def segment_each(self, encoder: Encoder, photos: Sequence[Photo], settings: NaveSettings, task: Task) -> SegmentedPhotos:
        """Several photos, each alone, shrunk to what comparing them needs."""
        _require_photos(photos, math.inf)
        started = time.perf_counter()
        labels, n_regions, suggested = [], [], []
        for n, photo in enumerate(photos):
            task.report_or_stop(n / len(photos), f"Segmenting '{photo.name}'")
            segmentation = self.segment(encoder, photo, settings, task.part(n, len(photos))).segmentation
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


def resolved(settings: NaveSettings, info: EncoderInfo) -> NaveSettings:
    """The settings with the depths that are meant: the encoder's own if none is named, each once, shallow first."""
    return replace(settings, depths=tuple(sorted(set(settings.depths))) or info.default_depths)


def _require_photos(photos: Sequence[Photo], limit: float) -> None:
    if not 1 <= len(photos) <= limit:
        raise BadSettings(f"{len(photos)} photos were given; at least 1 and at most {limit:g} are needed.")


def _best(logits: Tensor, info: EncoderInfo) -> Predictions:
    """The most probable classes."""
    probabilities = logits.softmax(0)
    top = probabilities.topk(min(N_PREDICTIONS, len(logits))).indices
    return Predictions(
        encoder=info,
        class_idx=tuple(top.tolist()),
        class_names=tuple(info.class_names[idx] for idx in top),
        probabilities=tuple(probabilities[top].tolist()),
        logits=tuple(logits[top].tolist()),
    )
