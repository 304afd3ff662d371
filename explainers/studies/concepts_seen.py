"""What concepts are to photos, by any encoder, also one that the catalog does not have. Nothing is kept on disk.

    concept map    where a concept is seen in a photo (explainers/visual_tcav/cav.py), per photo, concept and depth
    evidence map   class attribution summed over channels, per photo and depth
    attribution    what a concept contributes to the class of a photo, per photo, concept and depth
    p-value        of its mean over the depths, against pseudo-concepts; only where some are asked for

Starter concepts are taken, half of their images where a quick look is enough. An observatory of its own looks at the images, so
that an altered encoder drives nothing out of the cache.

Evidence depends on encoder, photos and classes alone, and is what takes longest: concepts and seeds share it (EvidenceShared).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from explainers.service.concepts import at_every_depth, evidence_at, followable, on_device
from explainers.service.observatory import MB, Observatory
from explainers.visual_tcav import concept_map, fit_cav
from explainers.visual_tcav.attribution import Contributions, Evidence, contributions
from explainers.visual_tcav.cav import Cavs
from explainers.visual_tcav.estimates import estimates_of
from explainers.visual_tcav.fitting import MapsSource, fit_concepts
from explainers.visual_tcav.nulls import null_size
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.stack import CavStack
from models.encoder import Encoder
from models.encoder.labels import probabilities
from models.photo import Photo
from models.progress import Progress

QUICK = ("striped", "chequered", "orange", "blue")  # two textures and two colours
N_STEPS = 16  # of integrated gradients, refined where they miss
MAP_BYTES = 256 * MB

Array = np.ndarray
Stacks = Mapping[str, Sequence[CavStack]]  # by concept, one per depth
OfPhotos = Sequence[Sequence[Evidence]]  # per photo, one per depth


@dataclass(frozen=True)
class Examples:
    """Photos that show concepts, by name, and their random counterpart."""

    concepts: Mapping[str, tuple[Photo, ...]]
    random: tuple[Photo, ...]


@dataclass(frozen=True)
class Explained:
    """Photos, and the class that each of them is asked about; () for none."""

    photos: tuple[Photo, ...]
    class_idx: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Seen:
    """What concepts are to photos at some depths."""

    maps: Mapping[tuple[int, str, int], Array]  # (h, w), by photo, concept and depth
    evidence: Mapping[tuple[int, int], Array]  # (h, w), by photo and depth; none without classes
    attributions: Array  # (n_photos, n_concepts, n_depths); without classes empty
    p_values: Array  # (n_photos, n_concepts): over all depths; empty unless there are pseudo-concepts


# --- sets -------------------------------------------------------------------------------------------------------------------


def starter_examples(observatory: Observatory, names: Sequence[str] = QUICK, half: int | None = None) -> Examples:
    """Starter concepts against scenes; all of their images, or one ``half``, 0 or 1."""
    library = observatory.library
    concepts = {name: halved(library.open_set(name).photos, half) for name in names}
    return Examples(concepts, halved(library.open_set("scenes", "random").photos, half))


def halved(photos: Sequence[Photo], half: int | None) -> tuple[Photo, ...]:
    """Every other two photos of a set, which are of two kinds in turn; all of them if ``half`` is None."""
    return tuple(photos[n] for n in range(len(photos)) if half in (None, n // 2 % 2))


def shuffled(examples: Examples, seed: int) -> Examples:
    """Sets of as many photos, of which chance decides to which of them each belongs: examples with random labels."""
    pool = [*chain(*examples.concepts.values(), examples.random)]
    mixed = iter([pool[n] for n in np.random.default_rng(seed).permutation(len(pool))])
    concepts = {name: tuple(islice(mixed, len(photos))) for name, photos in examples.concepts.items()}
    return Examples(concepts, tuple(mixed))


# --- looking ----------------------------------------------------------------------------------------------------------------


def apart(observatory: Observatory) -> Observatory:
    """An observatory of the same device and library, with a cache of its own."""
    return Observatory(observatory.catalog, observatory.library, observatory.device, encoder_bytes=MB, map_bytes=MAP_BYTES)


def settings_for(encoder: Encoder, n_null: int = 1, n_bootstrap: int = 1, seed: int = 0) -> ExplainSettings:
    """Depths and size for an encoder: those that attribution starts from; without classes, the default depths."""
    wanted = ExplainSettings(n_steps=N_STEPS, n_null=n_null, n_bootstrap=n_bootstrap, seed=seed)
    if encoder.info.has_classifier:
        return followable(wanted, encoder)[0]
    return at_every_depth(replace(wanted, depths=encoder.info.default_depths), encoder.info)


def about_top_classes(encoder: Encoder, photos: Sequence[Photo]) -> Explained:
    """Every photo with its most probable class; without classes, photos alone."""
    if not encoder.info.has_classifier:
        return Explained(tuple(photos), ())
    size = encoder.info.preprocessing.input_size
    logits = (encoder.logits(encoder.prepare(photo, size)[None])[0] for photo in photos)
    return Explained(tuple(photos), tuple(int(probabilities(of_photo).argmax()) for of_photo in logits))


def concepts_seen(
    observatory: Observatory,
    encoder: Encoder,
    examples: Examples,
    explained: Explained,
    settings: ExplainSettings,
    progress: Progress,
) -> Seen:
    """Maps, evidence and attributions of concepts in photos, for the classes that are asked about.

    With more than one pseudo-concept in the settings, p-values as well.
    """
    stacks = stacks_of(observatory, encoder, examples, settings, progress)
    return seen_with(encoder, stacks, explained, evidence_for(encoder, explained, settings, progress), settings, progress)


def stacks_of(
    observatory: Observatory, encoder: Encoder, examples: Examples, settings: ExplainSettings, progress: Progress
) -> Stacks:
    """Every concept's CAV at every depth, with what it is tested against if the settings have more than one pseudo-concept."""
    fit = _stacks_with_tests if settings.n_null > 1 else _stacks_of_one
    return fit(apart(observatory), encoder, examples, settings, progress)


def evidence_for(encoder: Encoder, explained: Explained, settings: ExplainSettings, progress: Progress) -> OfPhotos:
    """What speaks for the class of every photo, at every depth of the settings; of no photo where no classes are asked about."""
    images = (encoder.prepare(photo, settings.input_size) for photo in explained.photos)
    return [
        [evidence_at(encoder, image, depth, [class_idx], settings.n_steps, progress.silent()) for depth in settings.depths]
        for image, class_idx in zip(images, explained.class_idx, strict=False)
    ]


class EvidenceShared:
    """Evidence worked out once for every encoder and what it is asked about, for as long as the encoder is there."""

    def __init__(self) -> None:
        self._worked_out: WeakKeyDictionary[Encoder, dict[Any, OfPhotos]] = WeakKeyDictionary()

    def __call__(self, encoder: Encoder, explained: Explained, settings: ExplainSettings, progress: Progress) -> OfPhotos:
        """As ``evidence_for``; settings decide by depths, input size and steps alone."""
        of_encoder = self._worked_out.setdefault(encoder, {})
        key = explained, settings.depths, settings.input_size, settings.n_steps
        if key not in of_encoder:
            of_encoder[key] = evidence_for(encoder, explained, settings, progress)
        return of_encoder[key]


def seen_with(
    encoder: Encoder, stacks: Stacks, explained: Explained, evidence: OfPhotos, settings: ExplainSettings, progress: Progress
) -> Seen:
    """Maps, evidence and attributions of concepts that are fitted already, in photos whose evidence is worked out."""
    images = [encoder.prepare(photo, settings.input_size) for photo in explained.photos]
    credited = [{name: _credited(of_photo, of_depths, progress) for name, of_depths in stacks.items()} for of_photo in evidence]
    return Seen(
        maps=_concept_maps(encoder, images, stacks, settings.depths),
        evidence={
            (n, depth): of_depth.attributions[0].sum(0).cpu().numpy()
            for n, of_photo in enumerate(evidence)
            for depth, of_depth in zip(settings.depths, of_photo, strict=True)
        },
        attributions=np.array(
            [[[float(c.attributions[0, 0]) for c in of_depths] for of_depths in of_photo.values()] for of_photo in credited]
        ),
        p_values=np.array(
            [[_p_value(stacks[name][0], of_depths) for name, of_depths in of_photo.items()] for of_photo in credited]
            if settings.n_null > 1
            else []
        ),
    )


def _stacks_of_one(
    observatory: Observatory, encoder: Encoder, examples: Examples, settings: ExplainSettings, progress: Progress
) -> Stacks:
    """Every concept's CAV at every depth, alone in its stack: nothing is tested."""

    def maps_of(photos: Sequence[Photo]) -> list[Tensor]:
        """Per depth the feature maps of all photos, (N, C, h, w)."""
        looking = observatory.feature_maps(encoder, photos, settings.input_size, settings.depths, progress)
        return [torch.stack(of_depth).to(encoder.device) for of_depth in zip(*looking, strict=True)]

    random = maps_of(examples.random)
    return {
        name: [CavStack(Cavs.of(fit_cav(*pair)), 0, 0) for pair in zip(maps_of(photos), random, strict=True)]
        for name, photos in examples.concepts.items()
    }


def _stacks_with_tests(
    observatory: Observatory, encoder: Encoder, examples: Examples, settings: ExplainSettings, progress: Progress
) -> Stacks:
    """Every concept's CAV at every depth, with its replicates and the pseudo-concepts that it is tested against."""

    def source(photos: Sequence[Photo]) -> MapsSource:
        return partial(observatory.feature_maps, encoder, photos, settings.input_size, settings.depths, progress)

    sizes = {name: null_size(len(photos), len(examples.random)) for name, photos in examples.concepts.items()}
    sources = {name: source(photos) for name, photos in examples.concepts.items()}
    fits = fit_concepts(sources, source(examples.random), settings.fit, set(sizes.values()))
    return {
        name: [CavStack.of(*pair) for pair in zip(of_depths, fits.pseudo_concepts[sizes[name]], strict=True)]
        for name, of_depths in fits.concepts.items()
    }


def _concept_maps(
    encoder: Encoder, images: Sequence[Tensor], stacks: Stacks, depths: Sequence[int]
) -> dict[tuple[int, str, int], Array]:
    """Where every concept is seen in images (3, H, W), (h, w) each, by image, concept and depth."""
    maps = {}
    for n, image in enumerate(images):
        for place, feature_map in enumerate(encoder.feature_maps(image[None], depths)):
            for name, of_depths in stacks.items():
                cav = on_device(of_depths[place].cavs, feature_map)[0]
                maps[n, name, depths[place]] = concept_map(feature_map[0], cav).cpu().numpy()
    return maps


def _credited(by_depth: Sequence[Evidence], of_depths: Sequence[CavStack], progress: Progress) -> list[Contributions]:
    """What a concept's stack contributes, depth by depth."""
    return [
        contributions(evidence, on_device(stack.cavs, evidence.feature_map), progress.silent())
        for evidence, stack in zip(by_depth, of_depths, strict=True)
    ]


def _p_value(stack: CavStack, of_depths: Sequence[Contributions]) -> float:
    """Of the mean contribution over the depths."""
    together = Contributions.over_depths(of_depths)
    (estimate,) = estimates_of(stack, together.attributions, together.negatives)
    return estimate.p_value


# --- comparing --------------------------------------------------------------------------------------------------------------


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's rank correlation of two arrays of one shape (N, ...); 0 where one of them is the same everywhere."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second, axis=None).statistic)


def maps_alike(first: Mapping[Any, Array], second: Mapping[Any, Array]) -> float | None:
    """Mean rank correlation of maps (h, w) of the same names; maps that are empty in both say nothing. None where all are."""
    known = [name for name in first if np.ptp(first[name]) or np.ptp(second[name])]
    return float(np.mean([rank_correlation(first[name], second[name]) for name in known])) if known else None
