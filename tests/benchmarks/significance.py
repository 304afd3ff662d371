"""Do p-values mean what they say?

noise   how often a concept that is none comes out significant: images drawn from the random counterpart, against the rest of it
power   how often a concept that makes a class is significant on a single scene of it

Both beside what the same attributions give otherwise: ``plain``, the permutation p-value of the concept's own CAV; ``mean``, its
mean over the replicates, which is not ranked.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np
from torch import Tensor

from explainers.results.explanations import ALL_DEPTHS
from explainers.service.concepts import evidence_at
from explainers.service.service import ExplainerService
from explainers.studies.rerendering import as_photo
from explainers.visual_tcav.attribution import Contributions, Evidence, contributions
from explainers.visual_tcav.estimates import estimates_of
from explainers.visual_tcav.fitting import Fits, FitSettings, fit_concepts
from explainers.visual_tcav.nulls import null_size
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, p_value
from explainers.visual_tcav.stack import CavStack
from models.catalog.catalog import Catalog
from models.encoder.encoder import Encoder
from models.photo import Photo, photo_from_array
from models.photo.samples import SAMPLES, read_sample
from models.scenes.scenes import CLASSES
from tests.benchmarks.attribution_truth import CONCEPTS, scenes_of

N_STEPS = 20
N_CONCEPT = 24  # images of a concept of noise
N_NULL = 500
SETTINGS = {"n_null": N_NULL, "n_bootstrap": 50}
HOW = ("calibrated", "plain", "mean")


def noise_table(service: ExplainerService, name: str, n_concepts: int = 160) -> list[dict]:
    """Per depth and over all: shares of concepts made of noise whose p-value is at most 0.05 and 0.01, each with a photo of its
    own."""
    encoder = Catalog().open(name)
    size = encoder.info.preprocessing.input_size
    maps = maps_of(encoder, service.library.open_set("scenes", "random").photos)
    rng, found = np.random.default_rng(0), []
    for n, photo in enumerate(islice(photos_of(encoder, rng), n_concepts)):
        chosen = rng.permutation(len(maps))
        concept, random = ([maps[i] for i in part] for part in (chosen[:N_CONCEPT], chosen[N_CONCEPT:]))
        found.append(p_values(encoder, encoder.prepare(photo, size), fits_of({"noise": concept}, random, seed=n))["noise"])
    return _shares(name, encoder, np.array(found), {"noise concepts": n_concepts})


def power_table(service: ExplainerService, name: str, n_scenes: int = 4) -> list[dict]:
    """Per depth and over all: shares of the concepts that make a class (its texture, its colour where that decides) whose p-value
    is at most 0.05 and 0.01 on single fresh scenes of the class."""
    encoder = Catalog().open(name)
    size, library = encoder.info.preprocessing.input_size, service.library
    random = maps_of(encoder, library.open_set("scenes", "random").photos)
    own = [[concept for concept in CONCEPTS if concept in (c.texture, c.colour)] for c in CLASSES]
    wanted = sorted({concept for of_class in own for concept in of_class})
    fits = fits_of({concept: maps_of(encoder, library.open_set(concept).photos) for concept in wanted}, random, seed=0)
    found = []
    for class_idx, of_class in enumerate(own):
        for scene in scenes_of(class_idx, n_scenes):
            image = encoder.prepare(as_photo(scene), size)
            of_concepts = p_values(encoder, image, fits, of_class, class_idx)
            found += [of_concepts[concept] for concept in of_class]
    return _shares(name, encoder, np.array(found), {"concepts on scenes": len(found)})


def p_values(
    encoder: Encoder, image: Tensor, fits: Fits, concepts: Sequence[str] = ("noise",), class_idx: int | None = None
) -> dict[str, np.ndarray]:
    """By concept, (n_depths + 1, 3): p-values at every depth and over all, in the order of HOW; for the most probable class of an
    image (3, H, W) unless one is named."""
    (pseudo_concepts,) = fits.pseudo_concepts.values()
    of_class = int(encoder.logits(image[None])[0].argmax()) if class_idx is None else class_idx
    evidence = [evidence_at(encoder, image, depth, [of_class], N_STEPS) for depth in encoder.info.default_depths]
    return {
        concept: _of_concept(evidence, [CavStack.of(*pair) for pair in zip(fits.concepts[concept], pseudo_concepts, strict=True)])
        for concept in concepts
    }


def _of_concept(evidence: Sequence[Evidence], stacks: Sequence[CavStack]) -> np.ndarray:
    given = [contributions(e, stack.cavs) for e, stack in zip(evidence, stacks, strict=True)]
    given.append(Contributions.over_depths(given))
    rows = []
    for contributed in given:
        parts = stacks[0].parts(contributed.attributions[0])
        (estimate,) = estimates_of(stacks[0], contributed.attributions, contributed.negatives)
        single = [p_value(value, parts.nulls) for value in (float(parts.observed), *parts.replicates)]
        rows.append((estimate.p_value, single[0], np.mean(single)))
    return np.array(rows)


def fits_of(concepts: dict[str, list[list[Tensor]]], random: list[list[Tensor]], seed: int) -> Fits:
    sources = {name: lambda maps=maps: iter(maps) for name, maps in concepts.items()}
    size = null_size(len(next(iter(concepts.values()))), len(random))
    return fit_concepts(sources, lambda: iter(random), FitSettings(**SETTINGS, seed=seed), [size])


def maps_of(encoder: Encoder, photos: Sequence[Photo], depths: Sequence[int] = ()) -> list[list[Tensor]]:
    """Per photo the feature map (C, H, W) of every depth named, or of every default depth."""
    size, depths = encoder.info.preprocessing.input_size, depths or encoder.info.default_depths
    return [[maps[0] for maps in encoder.feature_maps(encoder.prepare(photo, size)[None], depths)] for photo in photos]


def photos_of(encoder: Encoder, rng: np.random.Generator) -> Iterator[Photo]:
    """What an encoder learnt to see: fresh scenes of every class in turn, else crops of the sample photographs."""
    if encoder.info.name.startswith("scenes"):
        for n in range(10_000):
            yield as_photo(scenes_of(n % len(CLASSES), 1 + n // len(CLASSES))[-1])
    for sample in cycle(map(read_sample, SAMPLES)):
        height, width = sample.pixels.shape[:2]
        side = int(rng.uniform(0.5, 1) * min(height, width))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        yield photo_from_array(sample.pixels[top : top + side, left : left + side], f"a crop of {sample.name}")


def _shares(name: str, encoder: Encoder, found: np.ndarray, counted: dict[str, int]) -> list[dict]:
    """Rows of shares from p-values (n, n_depths + 1, 3); the last row is over all rows above."""
    depths = (*encoder.info.default_depths, ALL_DEPTHS)
    rows = [(str(depth), found[:, n]) for n, depth in enumerate(depths)] + [("every row above", found.reshape(-1, len(HOW)))]
    levels = [(n, how, level) for n, how in enumerate(HOW) for level in (SIGNIFICANCE_LEVEL, 0.01)]
    return [
        {"encoder": name, "depth": depth, **counted, "tests": len(p)}
        | {f"{how} <= {level}": float((p[:, n] <= level).mean()) for n, how, level in levels}
        for depth, p in rows
    ]
