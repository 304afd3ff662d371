"""Answers about photos without any concept: segmentation maps and class predictions."""

import time
from collections.abc import Sequence

from torch import Tensor

from explainers import nave
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings, require_valid
from explainers.results.provenance import InputSettings, provenance_of
from explainers.results.segmentations import N_PREDICTIONS, Predictions, SegmentationResult, SegmentationsResult
from explainers.service.observatory import Observatory
from explainers.service.questions import Classify, Segment, SegmentEach, SegmentTogether, resolved
from models.encoder import Encoder
from models.encoder.encoder import require_finite_answer
from models.encoder.labels import class_logits, class_name, probabilities
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress


def segment(question: Segment, observatory: Observatory, progress: Progress) -> SegmentationResult:
    """The maps of one photo."""
    each = SegmentEach(question.encoder_name, (question.photo,), question.settings)
    return segment_each(each, observatory, progress).of_photo(0)


def segment_each(question: SegmentEach, observatory: Observatory, progress: Progress) -> SegmentationsResult:
    """The maps of several photos, each alone; neighbours of one input shape are clustered side by side."""
    encoder = observatory.encoder(question.encoder_name, progress)
    settings = usable_settings(question.settings, encoder, question.photos)
    segmentations: list[Segmentation] = []
    seconds = {"encoder": 0.0, "clustering": 0.0}

    def side_by_side(group: Sequence[Photo]) -> list[Segmentation]:
        n_done, n_photos = len(segmentations), len(question.photos)
        part = progress.part(n_done / n_photos, (n_done + len(group)) / n_photos)
        return segmented_side_by_side(observatory, encoder, group, settings, part, seconds)

    groups = observatory.in_groups(side_by_side, encoder, question.photos, settings.input_size, progress=progress)
    for group in groups:
        segmentations += group
    per_photo = {step: taken / len(question.photos) for step, taken in seconds.items()}
    return SegmentationsResult(provenance_of(encoder.info, question.photos, settings, per_photo), tuple(segmentations))


def segmented_side_by_side(
    observatory: Observatory,
    encoder: Encoder,
    photos: Sequence[Photo],
    settings: NaveSettings,
    progress: Progress,
    seconds: dict[str, float],
) -> list[Segmentation]:
    """Segmentations of photos of one input shape; what the steps take is added to ``seconds``."""
    started = time.perf_counter()
    progress.report(0.0, "Looking through the encoder")
    maps = [
        [depth_map.to(encoder.device) for depth_map in of_photo]
        for of_photo in observatory.feature_maps(encoder, photos, settings.input_size, settings.depths, progress)
    ]
    clustering = time.perf_counter()
    input_shape = encoder.input_shape(photos[0].shape, settings.input_size)
    segmentations = nave.segment_each(maps, settings, input_shape, progress.part(0.1, 1.0))
    seconds["encoder"] += clustering - started
    seconds["clustering"] += time.perf_counter() - clustering
    return list(segmentations)


def segment_together(question: SegmentTogether, observatory: Observatory, progress: Progress) -> SegmentationsResult:
    """The maps of several photos, clustered together."""
    encoder, photos = observatory.encoder(question.encoder_name, progress), question.photos
    settings = usable_settings(question.settings, encoder, photos)
    started = time.perf_counter()
    maps = []
    of_photos = observatory.feature_maps(encoder, photos, settings.input_size, settings.depths, progress)
    for n, of_photo in enumerate(of_photos):
        progress.report(0.4 * n / len(photos), f"Looking at '{photos[n].name}'")
        maps.append([depth_map.to(encoder.device) for depth_map in of_photo])
    clustering = time.perf_counter()
    shapes = [encoder.input_shape(photo.shape, settings.input_size) for photo in photos]
    segmentations = nave.segment_together(maps, settings, shapes, progress.part(0.4, 1.0))
    seconds = {"encoder": clustering - started, "clustering": time.perf_counter() - clustering}
    return SegmentationsResult(provenance_of(encoder.info, photos, settings, seconds), segmentations)


def usable_settings(settings: NaveSettings, encoder: Encoder, photos: Sequence[Photo]) -> NaveSettings:
    """The settings with the depths that are meant; raises BadSettings where encoder or photos do not allow them."""
    if not photos:
        raise BadSettings("0 photos were given; at least 1 is needed.")
    settings = resolved(settings, encoder.info)
    require_valid(settings, len(encoder.info.depths))
    return settings


def classify(question: Classify, observatory: Observatory, progress: Progress) -> Predictions:
    """The most probable classes of a photo, at the size the encoder was trained at."""
    encoder = observatory.encoder(question.encoder_name, progress)
    input_size = encoder.info.preprocessing.input_size
    provenance = provenance_of(encoder.info, (question.photo,), InputSettings(input_size))
    if not encoder.info.has_classifier:
        return Predictions(provenance, (), (), (), ())
    progress.report(None, "Asking the classifier")
    logits = encoder.logits(encoder.prepare(question.photo, input_size)[None])[0].cpu()
    require_finite_answer(encoder.info, f"'{question.photo.name}'", logits)
    return Predictions(provenance, *_most_probable(logits, encoder.info.class_names))


def _most_probable(
    logits: Tensor, class_names: Sequence[str]
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Index, name, probability and logit of the most probable classes, best first, from logits (n_outputs,)."""
    of_classes = probabilities(logits)
    top = of_classes.topk(min(N_PREDICTIONS, len(of_classes))).indices
    names = tuple(class_name(class_names, idx) for idx in top.tolist())
    return tuple(top.tolist()), names, tuple(of_classes[top].tolist()), tuple(class_logits(logits)[top].tolist())
