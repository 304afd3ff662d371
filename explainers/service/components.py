"""Answers about places of photos: which of them an encoder sees alike."""

import time

from torch import Tensor

from explainers.nave.components import principal_components
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.components import ComponentsResult
from explainers.results.provenance import provenance_of
from explainers.service.observatory import Observatory
from explainers.service.photos import usable_settings
from explainers.service.questions import FindComponents
from models.progress import Progress


def find_components(question: FindComponents, observatory: Observatory, progress: Progress) -> ComponentsResult:
    """The principal components of all photos together."""
    encoder, photos, wanted = observatory.encoder(question.encoder_name, progress), question.photos, question.settings
    usable = usable_settings(NaveSettings(wanted.depths, wanted.scaling, wanted.input_size), encoder, photos)
    settings = ComponentSettings(usable.depths, usable.scaling, usable.input_size)
    started = time.perf_counter()
    maps: list[list[Tensor]] = []
    for of_photo in observatory.feature_maps(encoder, photos, settings.input_size, settings.depths, progress):
        progress.report(0.8 * len(maps) / len(photos), f"Looking at '{photos[len(maps)].name}'")
        maps.append([depth_map.to(encoder.device) for depth_map in of_photo])
    comparing = time.perf_counter()
    progress.report(0.8, "Comparing places")
    shapes = [encoder.input_shape(photo.shape, settings.input_size) for photo in photos]
    components = principal_components(maps, settings.scaling, shapes)
    seconds = {"encoder": comparing - started, "components": time.perf_counter() - comparing}
    return ComponentsResult(provenance_of(encoder.info, photos, settings, seconds), components)
