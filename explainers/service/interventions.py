"""Answers about interventions: concepts and their pseudo-concepts are scaled in the activations, and the network finishes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from explainers.interventions.components import Components, changes_of, erased, projected, weights_of
from explainers.interventions.effects import class_effect, effect_of
from explainers.interventions.logits import logits_under
from explainers.interventions.settings import InterventionSettings, require_valid
from explainers.library.sets import OpenSet
from explainers.results.explanations import ALL_DEPTHS, ShownDepth
from explainers.results.interventions import (
    ClassConceptIntervention,
    ClassIntervention,
    ConceptIntervention,
    PhotoIntervention,
    corrected,
    corrected_over_class,
    mean_over,
)
from explainers.results.provenance import provenance_of
from explainers.service.cavs import Inquiry, TestedConcept, tested_concepts
from explainers.service.concepts import (
    FIT_SHARE,
    Tested,
    attributable,
    on_device,
    prepared,
    require_images_of_one_class,
    sets_used,
)
from explainers.service.observatory import Observatory
from explainers.service.questions import InterveneOnClass, InterveneOnPhoto
from explainers.visual_tcav.cav import Cavs, concept_maps
from explainers.visual_tcav.nulls import drawn_again, null_size
from models.encoder import Encoder
from models.encoder.heads import Head
from models.encoder.labels import class_logits, class_name, probabilities
from models.photo import Photo
from models.progress import Progress


@dataclass(frozen=True, eq=False)
class Measured:
    """Some classes under one concept and its pseudo-concepts at one depth, (n_classes, 1 + n_null, n_strengths) each."""

    logits: np.ndarray
    probabilities: np.ndarray
    map_peak: float  # of the concept map


def intervene_on_photo(question: InterveneOnPhoto, observatory: Observatory, progress: Progress) -> PhotoIntervention:
    """What changes for some classes of a photo if each concept is removed, or made stronger, at several depths."""
    encoder, photo = observatory.encoder(question.encoder_name, progress), question.photo
    settings, refused = _usable(question.settings, encoder, question.concepts)
    started = time.perf_counter()
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings.of_fits)
    tested = tested_concepts(inquiry, progress.part(0, FIT_SHARE))
    fitting = time.perf_counter() - started
    image, logits, class_idx = prepared(encoder, photo, settings.input_size, settings.class_idx)
    settings = replace(settings, class_idx=class_idx)
    measured = _measured(encoder, image, tested, settings, progress.part(FIT_SHARE, 1.0))
    at_depths, over_depths = [], []
    for name, of_depths in measured.items():
        at_depths += [_of_photo(name, d, m, settings) for d, m in zip(settings.depths, of_depths, strict=True)]
        over_depths.append(_of_photo(name, ALL_DEPTHS, _over_depths(of_depths), settings))
    seconds = {"concepts": fitting, "intervention": time.perf_counter() - started - fitting}
    return PhotoIntervention(
        provenance_of(encoder.info, (photo,), settings, seconds),
        *sets_used(inquiry),
        refused_depths=refused,
        class_idx=class_idx,
        class_names=tuple(class_name(encoder.info.class_names, idx) for idx in class_idx),
        probabilities=tuple(probabilities(logits)[list(class_idx)].tolist()),
        logits=tuple(class_logits(logits)[list(class_idx)].tolist()),
        concepts=corrected(at_depths),
        over_depths=corrected(over_depths),
    )


def intervene_on_class(question: InterveneOnClass, observatory: Observatory, progress: Progress) -> ClassIntervention:
    """How far one class falls on average over many photos of it if a concept is removed."""
    encoder, photos = observatory.encoder(question.encoder_name, progress), question.photos
    require_images_of_one_class(photos, question.settings.class_idx, "an intervention over many photos")
    settings, refused = _usable(question.settings, encoder, question.concepts)
    started = time.perf_counter()
    inquiry = Inquiry(observatory, encoder, question.concepts, question.random, settings.of_fits)
    tested = tested_concepts(inquiry, progress.part(0, FIT_SHARE))
    fitting = time.perf_counter() - started
    of_photos = list(_each_photo(encoder, photos, tested, settings, progress.part(FIT_SHARE, 1.0)))
    at_depths, over_depths = [], []
    for name in tested:
        for n, depth in enumerate(settings.depths):
            at_depths.append(_of_class(name, depth, [measured[name][n] for measured in of_photos], settings))
        together = [_over_depths(measured[name]) for measured in of_photos]
        over_depths.append(_of_class(name, ALL_DEPTHS, together, settings))
    seconds = {"concepts": fitting, "intervention": time.perf_counter() - started - fitting}
    return ClassIntervention(
        provenance_of(encoder.info, photos, settings, seconds),
        *sets_used(inquiry),
        refused_depths=refused,
        class_idx=settings.class_idx[0],
        class_name=class_name(encoder.info.class_names, settings.class_idx[0]),
        concepts=corrected_over_class(at_depths),
        over_depths=corrected_over_class(over_depths),
    )


def _usable(
    settings: InterventionSettings, encoder: Encoder, concepts: Sequence[OpenSet]
) -> tuple[InterventionSettings, dict[int, str]]:
    """The settings with the depths, the size and the strengths that are meant, and why other depths are refused."""
    require_valid(settings)
    of_fits, refused = attributable(settings.of_fits, encoder, concepts)
    return replace(settings, depths=of_fits.depths, input_size=of_fits.input_size), refused


# --- measuring ----------------------------------------------------------------------------------------------------------


def _each_photo(
    encoder: Encoder, photos: Sequence[Photo], tested: Tested, settings: InterventionSettings, progress: Progress
) -> Iterator[dict[str, list[Measured]]]:
    for done, photo in enumerate(photos):
        progress.report(done / len(photos), f"Changing '{photo.name}'")
        image = encoder.prepare(photo, settings.input_size)
        yield _measured(encoder, image, tested, settings, progress.silent())


def _measured(
    encoder: Encoder, image: Tensor, tested: Tested, settings: InterventionSettings, progress: Progress
) -> dict[str, list[Measured]]:
    """By concept, what was measured in an image (3, H, W) at every depth."""
    measured: dict[str, list[Measured]] = {name: [] for name in tested}
    n_parts = len(settings.depths) * len(tested)
    for n, depth in enumerate(settings.depths):
        head, of_nulls = encoder.head_from(depth)(image), {}
        for k, (name, of_depths) in enumerate(tested.items()):
            done = n * len(tested) + k
            part = progress.part(done / n_parts, (done + 1) / n_parts, f"Scaling '{name}' at depth {depth}")
            measured[name].append(measure(head, of_depths[n], settings, part, of_nulls))
    return measured


def measure(
    head: Head,
    concept: TestedConcept,
    settings: InterventionSettings,
    progress: Progress,
    of_nulls: dict[int, Tensor] | None = None,
) -> Measured:
    """The classes of the settings under a concept and its pseudo-concepts at every strength.

    Where no map weighs them, the same pseudo-concepts serve all concepts of as many images, so ``of_nulls`` keeps their logits
    (n_null, n_strengths, n_classes) by that number, at one depth of one image.
    """
    tokens, feature_map = head.tokens, head.map_of(head.activation)[0].float()
    cavs = on_device(concept.stack.with_nulls(settings.n_null), tokens)
    maps = concept_maps(feature_map, cavs)
    weights = weights_of(maps, head.n_prefix_tokens, settings.where)
    components = components_of(cavs, concept, settings)
    only_excess = settings.where == "everywhere"
    changes = partial(changes_of, components, weights, tokens, only_excess=only_excess)
    n_images, kept = len(concept.fit.pooled[0]), of_nulls if only_excess and of_nulls is not None else {}
    n_changes = 1 if n_images in kept else len(cavs)
    logits = logits_under(head.logits_of_tokens, tokens, changes, n_changes, settings.strengths, progress)
    logits = torch.cat([logits[:1], kept.setdefault(n_images, logits[1:])])
    return Measured(*of_classes(logits, settings.class_idx), float(maps[0].max()))


def components_of(cavs: Cavs, concept: TestedConcept, settings: InterventionSettings) -> Components:
    """The components of a concept's own CAV, the first, and of as many pseudo-concepts as there are others, their images drawn
    again."""
    of_concept, of_random = (pooled.to(cavs.vectors) for pooled in concept.fit.pooled)
    own, size = cavs.vectors[:1], null_size(len(of_concept), len(of_random))
    nulls, others = drawn_again(of_random, size, len(cavs) - 1, settings.seed)
    if settings.method == "projection":
        return Components.joined([projected(own, of_random), projected(nulls, of_random).among_others(others)])
    random_residuals = of_random - of_random.mean(0)
    residuals = torch.cat([of_concept - of_concept.mean(0), random_residuals])
    of_nulls = erased(nulls[:, None], random_residuals, of_random).among_others(others)
    return Components.joined([erased(own[:, None], residuals, of_random), of_nulls])


def of_classes(logits: Tensor, class_idx: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Logits and probabilities of some classes, (n_classes, J, n_strengths) each, from logits (J, n_strengths, n_outputs)."""
    rows = logits.flatten(0, 1)
    chosen = list(class_idx)
    both = (torch.stack([of_classes(row)[chosen] for row in rows]) for of_classes in (class_logits, probabilities))
    of_logits, shares = (values.T.unflatten(1, logits.shape[:2]).double().numpy() for values in both)
    return of_logits, shares


def _over_depths(of_depths: Sequence[Measured]) -> Measured:
    """The mean over the depths of one image."""
    logits, shares = mean_over([m.logits for m in of_depths]), mean_over([m.probabilities for m in of_depths])
    return Measured(logits, shares, max(m.map_peak for m in of_depths))


# --- results ------------------------------------------------------------------------------------------------------------


def _of_photo(name: str, depth: ShownDepth, measured: Measured, settings: InterventionSettings) -> ConceptIntervention:
    pairs = zip(measured.logits, measured.probabilities, strict=True)
    effects = tuple(effect_of(logits, shares, settings.strengths) for logits, shares in pairs)
    return ConceptIntervention(name, depth, measured.map_peak, effects)


def _of_class(
    name: str, depth: ShownDepth, of_photos: Sequence[Measured], settings: InterventionSettings
) -> ClassConceptIntervention:
    logits, shares = [m.logits[0] for m in of_photos], [m.probabilities[0] for m in of_photos]
    effect = class_effect(logits, shares, settings.strengths, settings.n_bootstrap, settings.seed)
    return ClassConceptIntervention(name, depth, effect)
