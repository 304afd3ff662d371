"""Answers about named parts: how far the clusters of some photos reach, and where they are in other photos."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from explainers.nave.parts import Parts, find, reaches_of
from explainers.results.found_parts import FoundPartsResult
from explainers.results.named_parts import PartsResult
from explainers.results.provenance import provenance_of
from explainers.service.observatory import Observatory
from explainers.service.part_questions import FindParts, MeasureParts
from explainers.service.photos import usable_settings
from models.encoder import Encoder
from models.errors import UnreadableParts
from models.photo import Photo
from models.progress import Progress


def measure_parts(question: MeasureParts, observatory: Observatory, progress: Progress) -> PartsResult:
    """The reach of every cluster in the photos that it comes from."""
    encoder, photos, parts = observatory.encoder(question.encoder_name, progress), question.photos, question.parts
    require_fitting(parts, encoder, photos)
    started = time.perf_counter()
    shapes = [encoder.input_shape(photo.shape, parts.settings.input_size) for photo in photos]
    reaches = reaches_of(parts, _looked_at(parts, photos, encoder, observatory, progress), shapes)
    seconds = {"measuring": time.perf_counter() - started}
    return PartsResult(provenance_of(encoder.info, photos, parts.settings, seconds), parts, reaches)


def find_parts(question: FindParts, observatory: Observatory, progress: Progress) -> FoundPartsResult:
    """Where named parts are in every photo; one photo at a time, so that memory does not grow with their number."""
    encoder, photos, named = observatory.encoder(question.encoder_name, progress), question.photos, question.named
    named.require_encoder(encoder.info)
    require_fitting(named.parts, encoder, photos)
    settings, reaches = named.parts.settings, np.array(named.reaches)
    started = time.perf_counter()
    shapes = [encoder.input_shape(photo.shape, settings.input_size) for photo in photos]
    looked_at = zip(_looked_at(named.parts, photos, encoder, observatory, progress), shapes, strict=True)
    in_photos = tuple(find(named.parts, reaches, maps, shape) for maps, shape in looked_at)
    seconds = {"finding": time.perf_counter() - started}
    return FoundPartsResult(provenance_of(encoder.info, photos, settings, seconds), named, in_photos)


def _looked_at(
    parts: Parts, photos: Sequence[Photo], encoder: Encoder, observatory: Observatory, progress: Progress
) -> Iterator[list[Tensor]]:
    """Per photo its feature maps (C, h, w) at the depths of the parts."""
    settings = parts.settings
    for n, maps in enumerate(observatory.feature_maps(encoder, photos, settings.input_size, settings.depths, progress)):
        progress.report(n / len(photos), f"Looking at '{photos[n].name}'")
        yield [depth_map.to(encoder.device) for depth_map in maps]


def require_fitting(parts: Parts, encoder: Encoder, photos: Sequence[Photo]) -> None:
    """Raises UnreadableParts where the parts are not of this encoder's channels, BadSettings where it lacks their depths."""
    settings = usable_settings(parts.settings, encoder, photos)
    channels = [encoder.info.depths[depth].n_channels for depth in settings.depths]
    of_balances = [len(means) for means, _ in parts.balances]
    if parts.centroids.shape[1] != sum(channels) or (of_balances and of_balances != channels):
        raise UnreadableParts(f"These parts have {parts.centroids.shape[1]} channels; this encoder gives {sum(channels)} there.")
