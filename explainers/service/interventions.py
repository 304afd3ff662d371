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
from explainers.interventions.logits import Change, logits_under
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
from models.encoder.encoder import depths_in_one_pass
from models.encoder.heads import Head
from models.encoder.labels import class_logits, class_name, probabilities
from models.encoder.passages import Passage
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
    for name, of_passes in measured.items():
        at_depths += [_of_photo(name, d, m, settings) for d, m in zip(depths_alone(settings), of_passes, strict=False)]
        over_depths.append(_of_photo(name, ALL_DEPTHS, of_passes[-1], settings))
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
        for n, depth in enumerate(depths_alone(settings)):
            at_depths.append(_of_class(name, depth, [measured[name][n] for measured in of_photos], settings))
        over_depths.append(_of_class(name, ALL_DEPTHS, [measured[name][-1] for measured in of_photos], settings))
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
    meant = replace(settings, depths=settings.depths or depths_in_one_pass(encoder.info.depths))
    of_fits, refused = attributable(meant.of_fits, encoder, concepts)
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
    """By concept, what was measured in an image (3, H, W) in every pass."""
    measured: dict[str, list[Measured]] = {name: [] for name in tested}
    passes = passes_of(settings)
    n_parts = len(passes) * len(tested)
    for n, places in enumerate(passes):
        depths = [settings.depths[place] for place in places]
        passage, of_nulls = encoder.passage_through(depths)(image), {}
        for k, (name, of_depths) in enumerate(tested.items()):
            done = n * len(tested) + k
            part = progress.part(done / n_parts, (done + 1) / n_parts, f"Scaling '{name}' at {_in_words(depths)}")
            measured[name].append(measure(passage, [of_depths[place] for place in places], settings, part, of_nulls))
    return measured


def passes_of(settings: InterventionSettings) -> list[tuple[int, ...]]:
    """Which depths are changed together, by their places in the settings: each alone, and last of all all of them."""
    places = range(len(settings.depths))
    alone: list[tuple[int, ...]] = [(place,) for place in places] if settings.each_depth else []
    together = tuple(places)
    return alone if together in alone else [*alone, together]


def depths_alone(settings: InterventionSettings) -> tuple[int, ...]:
    """The depths that are changed each alone, too."""
    return settings.depths if settings.each_depth or len(settings.depths) == 1 else ()


def _in_words(depths: Sequence[int]) -> str:
    return f"depth {depths[0]}" if len(depths) == 1 else f"{len(depths)} depths at once"


def measure(
    passage: Passage,
    concepts: Sequence[TestedConcept],
    settings: InterventionSettings,
    progress: Progress,
    of_nulls: dict[int, Tensor] | None = None,
) -> Measured:
    """The classes of the settings under a concept, given at each depth of the passage, and its pseudo-concepts at every strength.

    Where no map weighs them, the same pseudo-concepts serve all concepts of as many images, so ``of_nulls`` keeps their logits
    (n_null, n_strengths, n_classes) by that number, of one passage.
    """
    changed = [_change_at(head, concept, settings) for head, concept in zip(passage.heads, concepts, strict=True)]
    n_images, n_null = len(concepts[0].fit.pooled[0]), min(settings.n_null, concepts[0].stack.n_null)
    kept = of_nulls if settings.where == "everywhere" and of_nulls is not None else {}
    n_changes = 1 if n_images in kept else 1 + n_null
    changes = [change for change, _ in changed]
    logits = logits_under(passage.logits_of_tokens, passage.heads[0].tokens, changes, n_changes, settings.strengths, progress)
    logits = torch.cat([logits[:1], kept.setdefault(n_images, logits[1:])])
    return Measured(*of_classes(logits, settings.class_idx), max(peak for _, peak in changed))


def _change_at(head: Head, concept: TestedConcept, settings: InterventionSettings) -> tuple[Change, float]:
    """What is taken away at one depth, of the concept's own component first and then of its pseudo-concepts, and the peak of the
    concept map there."""
    tokens, feature_map = head.tokens, head.map_of(head.activation)[0].float()
    cavs = on_device(concept.stack.with_nulls(settings.n_null), tokens)
    maps = concept_maps(feature_map, cavs)
    weights = weights_of(maps, head.n_prefix_tokens, settings.where)
    components = components_of(cavs, concept, settings)
    return partial(changes_of, components, weights, only_excess=settings.where == "everywhere"), float(maps[0].max())


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
