"""CAVs and pseudo-concepts of an inquiry: from disk, or fitted and kept there.

They are kept under a hash of everything they depend on (encoder, size, depth, images of both sets, settings), so that a concept
is fitted once per encoder, whoever asks and whenever. Pseudo-concepts depend on the random counterpart and on how many images a
concept has, so all concepts of one size share them.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate, groupby
from typing import Any

import torch
from torch import Tensor

from explainers.library.sets import OpenSet
from explainers.service.observatory import Observatory
from explainers.visual_tcav.fitting import (
    ConceptSource,
    Fits,
    FittedConcept,
    RegionSource,
    as_tensors,
    fit_concepts,
    from_tensors,
    pseudo_as_tensors,
    pseudo_from_tensors,
)
from explainers.visual_tcav.nulls import PseudoConcepts, null_size
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.stack import CavStack
from models.encoder import Encoder
from models.progress import Progress

FIT_VERSION = 3  # to be raised when the same inputs give another fit


@dataclass(frozen=True)
class Inquiry:
    """What an answer about concepts works with."""

    observatory: Observatory
    encoder: Encoder
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings

    @property
    def null_sizes(self) -> dict[str, int]:
        """How many images a pseudo-concept of each concept has, by the concept's name."""
        return {c.name: null_size(len(c.images), len(self.random.images)) for c in self.concepts}


@dataclass(frozen=True, eq=False)
class TestedConcept:
    """A concept at one depth, with all the CAVs that its test follows."""

    fit: FittedConcept
    stack: CavStack


def fitted_concepts(inquiry: Inquiry, progress: Progress) -> dict[str, list[FittedConcept]]:
    """The CAVs of every concept, one per depth of the settings, without anything to test them against.

    Raises TooFewExamples where an image set is too small.
    """
    return _complete(inquiry, (), progress).concepts


def tested_concepts(inquiry: Inquiry, progress: Progress) -> dict[str, list[TestedConcept]]:
    """Every concept with the pseudo-concepts it is tested against, one per depth of the settings.

    Raises TooFewExamples where an image set is too small.
    """
    sizes = inquiry.null_sizes
    fits = _complete(inquiry, sorted(set(sizes.values())), progress)

    def tested(name: str, of_depths: Sequence[FittedConcept]) -> list[TestedConcept]:
        pairs = zip(of_depths, fits.pseudo_concepts[sizes[name]], strict=True)
        return [TestedConcept(fit, CavStack.of(fit, pseudo_concepts)) for fit, pseudo_concepts in pairs]

    return {name: tested(name, of_depths) for name, of_depths in fits.concepts.items()}


def kept_concepts(inquiry: Inquiry) -> dict[str, list[TestedConcept]]:
    """What is on disk of ``tested_concepts``: concepts that have CAVs and pseudo-concepts at every depth. Nothing is fitted."""
    tested, sizes, kept = {}, inquiry.null_sizes, kept_cavs(inquiry)
    of_sizes = {size: _kept_pseudo_concepts(inquiry, size) for size in {sizes[name] for name in kept}}
    for name, fits in kept.items():
        if of_sizes[sizes[name]]:
            pairs = zip(fits, of_sizes[sizes[name]], strict=True)
            tested[name] = [TestedConcept(fit, CavStack.of(fit, pseudo)) for fit, pseudo in pairs]
    return tested


def _complete(inquiry: Inquiry, null_sizes: Sequence[int], progress: Progress) -> Fits:
    """What is on disk, and what is not, fitted and kept; pseudo-concepts of the sizes named."""
    kept = Fits(kept_cavs(inquiry), {size: kept for size in null_sizes if (kept := _kept_pseudo_concepts(inquiry, size))})
    missing = [concept for concept in inquiry.concepts if concept.name not in kept.concepts]
    missing_sizes = [size for size in null_sizes if size not in kept.pseudo_concepts]
    if not missing and not missing_sizes:
        return kept
    fresh = _fit(inquiry, missing, missing_sizes, progress)
    for concept in missing:
        _keep(inquiry, _concept_parts(inquiry, concept), map(as_tensors, fresh.concepts[concept.name]), concept)
    for size, pseudo_concepts in fresh.pseudo_concepts.items():
        _keep(inquiry, _pseudo_parts(inquiry, size), map(pseudo_as_tensors, pseudo_concepts))
    together = {**kept.concepts, **fresh.concepts}
    in_order = {concept.name: together[concept.name] for concept in inquiry.concepts}
    return Fits(in_order, {**kept.pseudo_concepts, **fresh.pseudo_concepts})


def _fit(inquiry: Inquiry, concepts: Sequence[OpenSet], null_sizes: Sequence[int], progress: Progress) -> Fits:
    """Fits the concepts and pseudo-concepts at every depth of the settings."""
    settings = inquiry.settings
    n_images = 2 * (sum(len(concept.photos) for concept in concepts) + len(inquiry.random.photos))  # two passes
    count = iter(range(n_images + 1))

    def source(image_set: OpenSet) -> ConceptSource:
        def report() -> None:
            progress.report(next(count) / n_images, f"Looking at the images of '{image_set.name}'")

        return source_of(inquiry, image_set, settings.depths, progress, report)

    sources = {concept.name: source(concept) for concept in concepts}
    return fit_concepts(sources, source(inquiry.random), settings.fit, null_sizes)


def source_of(
    inquiry: Inquiry,
    image_set: OpenSet,
    depths: Sequence[int],
    progress: Progress,
    report: Callable[[], None] = lambda: None,
) -> ConceptSource:
    """Where a fit finds the examples of a set at some depths; ``report`` is called once per example."""
    encoder, input_size = inquiry.encoder, inquiry.settings.input_size
    lengths = [len([*run]) for _, run in groupby(image_set.images, key=lambda image: image.sha256)]
    photos = image_set.photos
    if max(lengths, default=0) > 1:  # several regions of one image, which is looked at once
        firsts = [0, *accumulate(lengths[:-1])]
        photos = replace(photos, images=tuple(image_set.images[n] for n in firsts))

    def maps() -> Iterator[list[Tensor]]:
        looking = inquiry.observatory.feature_maps(encoder, photos, input_size, depths, progress)
        for of_image, n_examples in zip(looking, lengths, strict=True):
            on_device = [depth_map.to(encoder.device) for depth_map in of_image]
            for _ in range(n_examples):
                report()
                yield on_device

    if not image_set.image_set.n_regions:
        return maps
    regions = [None if image.region is None else torch.tensor(image.region.pixels) for image in image_set.images]
    return RegionSource(maps, regions)


# --- on disk ------------------------------------------------------------------------------------------------------------


def kept_cavs(inquiry: Inquiry) -> dict[str, list[FittedConcept]]:
    """The CAVs on disk of those concepts that have them at every depth of the settings. Nothing is fitted."""
    kept = {}
    for concept in inquiry.concepts:
        tensors = _load(inquiry, _concept_parts(inquiry, concept))
        fits = [fit for t in tensors if t and (fit := from_tensors(concept.name, t, inquiry.settings.fit)) is not None]
        if len(fits) == len(inquiry.settings.depths):
            kept[concept.name] = fits
    return kept


def _kept_pseudo_concepts(inquiry: Inquiry, size: int) -> list[PseudoConcepts]:
    """Pseudo-concepts of one size if they are on disk at every depth, else none."""
    tensors = _load(inquiry, _pseudo_parts(inquiry, size))
    kept = [pseudo for t in tensors if t and (pseudo := pseudo_from_tensors(size, t, inquiry.settings.fit)) is not None]
    return kept if len(kept) == len(inquiry.settings.depths) else []


def _load(inquiry: Inquiry, parts: Sequence[Any]) -> list[dict[str, Tensor] | None]:
    return [inquiry.observatory.library.load_cav(_key(inquiry, parts, depth)) for depth in inquiry.settings.depths]


def _keep(
    inquiry: Inquiry, parts: Sequence[Any], of_depths: Iterable[Mapping[str, Tensor]], concept: OpenSet | None = None
) -> None:
    """Saves tensors, one file per depth; a pack of the sets they were fitted on takes them along."""
    sets = [image_set.image_set for image_set in (concept, inquiry.random) if image_set is not None]
    for depth, tensors in zip(inquiry.settings.depths, of_depths, strict=True):
        inquiry.observatory.library.save_cav(_key(inquiry, parts, depth), dict(tensors), sets)


def _concept_parts(inquiry: Inquiry, concept: OpenSet) -> list[Any]:
    """What decides a fit besides encoder, depth and counterpart."""
    return [images_hash(concept), inquiry.settings.fit.n_bootstrap, inquiry.settings.fit.seed]


def _pseudo_parts(inquiry: Inquiry, size: int) -> list[Any]:
    """What decides pseudo-concepts besides encoder, depth and counterpart."""
    return ["pseudo-concepts", size, inquiry.settings.fit.n_null, inquiry.settings.fit.seed]


def _key(inquiry: Inquiry, parts: Sequence[Any], depth: int) -> str:
    """Everything that decides what is kept, hashed."""
    info, input_size = inquiry.encoder.info, inquiry.settings.input_size
    of_encoder = [FIT_VERSION, info.fingerprint, asdict(info.preprocessing), input_size, depth]
    everything = [*of_encoder, images_hash(inquiry.random), *parts]
    return hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode()).hexdigest()


def images_hash(image_set: OpenSet) -> str:
    """Hash of the images of a set, and of the regions that are meant of them, in their order."""
    return hashlib.sha256("".join(image.content for image in image_set.images).encode()).hexdigest()
