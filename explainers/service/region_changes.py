"""The answer about a region of a photo that is replaced in the activations: what becomes of the classes, there and elsewhere."""

import time
from dataclasses import replace

import torch
from torch import Tensor

from explainers.interventions.effects import effect_of
from explainers.interventions.logits import logits_under
from explainers.interventions.regions import fillings_of, mean_over, replacement, with_other_places
from explainers.interventions.settings import RegionSettings, require_valid
from explainers.library.regions import Region
from explainers.results.interventions import RegionAtDepth, RegionIntervention, corrected
from explainers.results.provenance import provenance_of
from explainers.service.concepts import followable, prepared
from explainers.service.interventions import of_classes
from explainers.service.observatory import Observatory
from explainers.service.photo_questions import ReplaceRegion
from explainers.visual_tcav.regions import region_weights
from models.encoder import Encoder
from models.encoder.labels import class_logits, class_name, probabilities
from models.errors import BadSettings
from models.photo import Photo
from models.progress import Progress


def replace_region(question: ReplaceRegion, observatory: Observatory, progress: Progress) -> RegionIntervention:
    """What changes for some classes of a photo if a region of it is replaced, at several depths."""
    encoder, photo = observatory.encoder(question.encoder_name, progress), question.photo
    settings, refused = _usable(question, encoder)
    started = time.perf_counter()
    image, logits, class_idx = prepared(encoder, photo, settings.input_size, settings.class_idx)
    settings = replace(settings, class_idx=class_idx)
    meant = replace(question, settings=settings)
    n_depths, regions = len(settings.depths), []
    for n, depth in enumerate(settings.depths):
        part = progress.part(n / n_depths, (n + 1) / n_depths, f"Replacing the region, and others of its shape, at depth {depth}")
        regions.append(_at_depth(meant, encoder, image, depth, part))
    return RegionIntervention(
        provenance_of(encoder.info, (photo,), settings, {"intervention": time.perf_counter() - started}),
        area=question.region.area,
        class_idx=class_idx,
        class_names=tuple(class_name(encoder.info.class_names, idx) for idx in class_idx),
        probabilities=tuple(probabilities(logits)[list(class_idx)].tolist()),
        logits=tuple(class_logits(logits)[list(class_idx)].tolist()),
        regions=corrected(regions),
        refused_depths=refused,
    )


def _usable(question: ReplaceRegion, encoder: Encoder) -> tuple[RegionSettings, dict[int, str]]:
    """The settings with the depths and the size that are meant, and why other depths are refused."""
    settings = question.settings
    require_valid(settings)
    if settings.filling == "other" and question.other is None:
        raise BadSettings("The region is to be replaced by that of another photo, and no other photo was given. Choose one.")
    of_evidence, refused = followable(settings.of_evidence, encoder)
    return replace(settings, depths=of_evidence.depths, input_size=of_evidence.input_size), refused


def _at_depth(question: ReplaceRegion, encoder: Encoder, image: Tensor, depth: int, progress: Progress) -> RegionAtDepth:
    settings, head = question.settings, encoder.head_from(depth)(image)
    feature_map = head.map_of(head.activation)[0].float()
    inside = _covered(question.region, feature_map)
    places = with_other_places(inside, settings.n_null, settings.seed)
    if settings.filling == "other" and question.other is not None:
        fillings = _of_other(encoder, question.other, question.region, depth, settings.input_size).expand(len(places), -1)
    else:
        fillings = fillings_of(feature_map, places, settings.filling)

    def change(which: Tensor, _tokens: Tensor) -> Tensor:
        """What the region has more than its filling at some of the places, (B, P + H*W, C)."""
        return torch.cat([replacement(feature_map, places[n], fillings[n], head.n_prefix_tokens) for n in which.tolist()])

    logits = logits_under(head.logits_of_tokens, head.tokens, [change], len(places), settings.strengths, progress)
    pairs = zip(*of_classes(logits, settings.class_idx), strict=True)
    effects = tuple(effect_of(of_class, shares, settings.strengths) for of_class, shares in pairs)
    return RegionAtDepth(depth, float(inside.mean()), len(places) - 1, effects)


def _covered(region: Region, feature_map: Tensor) -> Tensor:
    """How much of every position of a feature map (C, H, W) lies in the region, (H, W)."""
    height, width = feature_map.shape[1:]
    return region_weights(torch.from_numpy(region.pixels.copy()), (height, width)).to(feature_map)


def _of_other(encoder: Encoder, other: Photo, region: Region, depth: int, input_size: int) -> Tensor:
    """Mean activation (C,) of another photo over the places of the region."""
    (feature_map,) = encoder.feature_maps(encoder.prepare(other, input_size)[None], [depth])
    return mean_over(feature_map[0], _covered(region, feature_map[0]) > 0)
