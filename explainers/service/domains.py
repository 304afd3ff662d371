"""Domain checks of an inquiry: at every depth of the encoder, whichever depths are asked about; kept on disk as CAVs are."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

from explainers.library.sets import OpenSet
from explainers.results.explanations import ClassConcept, ConceptAtDepth, ConceptHealth
from explainers.service.cavs import Inquiry, source_of
from explainers.visual_tcav.domain import DomainCheck, expected_error, separation_error
from explainers.visual_tcav.fitting import pooled_at_depths
from models.progress import Progress

DOMAIN_VERSION = 1  # to be raised when the same images give other figures
FEWEST_IMAGES = 4  # of a set, below which nothing is said of it
WithHealth = TypeVar("WithHealth", ConceptAtDepth, ClassConcept, ConceptHealth)


def domain_checks(inquiry: Inquiry, progress: Progress) -> dict[str, DomainCheck]:
    """The check of every concept by its name, but for those whose images are known to be of the random counterpart's kind."""
    library, random = inquiry.observatory.library, inquiry.random
    random_is_rendered = library.is_rendered(random.image_set)
    of_random = cache(lambda: _pooled(inquiry, random, progress))  # once for all concepts, and not if all is on disk
    checks = {}
    for concept in inquiry.concepts:
        is_rendered = library.is_rendered(concept.image_set)
        too_few = min(len(concept.images), len(random.images)) < FEWEST_IMAGES
        if not too_few and not (is_rendered and random_is_rendered) and not is_of_same_photos(concept, random):
            depths = tuple(depth.idx for depth in inquiry.encoder.info.depths)
            errors = _errors(inquiry, concept, of_random, progress)
            checks[concept.name] = DomainCheck(depths, *errors, is_rendered != random_is_rendered)
    return checks


def is_of_same_photos(concept: OpenSet, random: OpenSet) -> bool:
    """Whether the random counterpart is made of parts of the concept's own photos: then both differ in the parts alone."""
    return {image.sha256 for image in random.images} <= {image.sha256 for image in concept.images}


def with_domains(concepts: Sequence[WithHealth], checks: Mapping[str, DomainCheck]) -> tuple[WithHealth, ...]:
    """The results, each with the domain check of its concept in its health."""
    return tuple(replace(c, health=replace(c.health, domain=checks.get(c.concept))) for c in concepts)


def _errors(
    inquiry: Inquiry, concept: OpenSet, of_random: Callable[[], list[Tensor]], progress: Progress
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The errors and those expected at every depth, from disk, or measured now and kept there."""
    key, library, random = _key(inquiry, concept), inquiry.observatory.library, inquiry.random
    kept = library.load_cav(key)
    if kept is None or set(kept) != {"errors", "expected"}:
        progress.report(None, f"Comparing the images of '{concept.name}' with '{random.name}'")
        at_depths = list(zip(_pooled(inquiry, concept, progress), of_random(), strict=True))
        errors = [separation_error(c, r) for c, r in at_depths]
        kept = {"errors": torch.tensor(errors), "expected": torch.tensor([expected_error(r) for _, r in at_depths])}
        library.save_cav(key, kept, (concept.image_set, random.image_set))
    return tuple(kept["errors"].tolist()), tuple(kept["expected"].tolist())


def _pooled(inquiry: Inquiry, image_set: OpenSet, progress: Progress) -> list[Tensor]:
    """Mean activations of the images of a set, one (n, C) per depth."""
    every_depth = range(len(inquiry.encoder.info.depths))
    return pooled_at_depths(source_of(inquiry, image_set, every_depth, progress.silent()))


def _key(inquiry: Inquiry, concept: OpenSet) -> str:
    """Everything that decides the figures, hashed."""
    info, sets = inquiry.encoder.info, [[image.content for image in s.images] for s in (concept, inquiry.random)]
    parts = ["domain", DOMAIN_VERSION, info.fingerprint, asdict(info.preprocessing), inquiry.settings.input_size, sets]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
