"""Does taking a concept away tell the truth? Beside re-rendering the scene without it, on all pairs of class and concept.

taken_away         per depth and over all: how the mean drop of the logit ranks beside the causal effect; the attribution's and
                   TCAV's figures on the same scenes are in the table ``correlation``
taken_away_noise   how often a concept made of noise comes out significant
taken_away_cost    what all strengths of all concepts and pseudo-concepts take, in forward passes of the whole network
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import islice

import numpy as np
import torch

from explainers.interventions.components import changes_of, projected, weights_of
from explainers.interventions.logits import logits_under, together
from explainers.interventions.settings import STRENGTHS, InterventionSettings
from explainers.results.explanations import ALL_DEPTHS, ShownDepth
from explainers.service.cavs import TestedConcept
from explainers.service.interventions import measure
from explainers.service.service import ExplainerService
from explainers.studies.concepts_seen import rank_correlation
from explainers.studies.rerendering import as_photo, order_correlation, really_changed
from explainers.visual_tcav.fitting import FitSettings, fit_concepts
from explainers.visual_tcav.nulls import null_size
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, p_value
from explainers.visual_tcav.stack import CavStack
from models.catalog.catalog import Catalog
from models.encoder.encoder import Encoder, depths_in_one_pass
from models.photo import Photo
from models.progress import IGNORED
from models.scenes.scenes import CLASSES
from tests.benchmarks.attribution_truth import CONCEPTS, causal_effects, scenes_of
from tests.benchmarks.significance import N_CONCEPT, maps_of, photos_of

VARIANTS = {  # what is tried: method, where
    "projection, everywhere": ("projection", "everywhere"),
    "projection, map and prefix": ("projection", "both"),
    "LEACE, everywhere": ("leace", "everywhere"),
    "LEACE, map and prefix": ("leace", "both"),
}


def intervention_table(service: ExplainerService, name: str, n_scenes: int = 24) -> list[dict]:
    """Per variant and depth, against the causal effect of removing a concept from fresh scenes of a class; figures as in
    ``correlation``: Somers' D over all pairs, Spearman's over the own ones, classes whose own concept is first."""
    encoder = Catalog().open(name)
    own = np.array([[concept in (c.texture, c.colour) for concept in CONCEPTS] for c in CLASSES])
    causal, errors = causal_effects(encoder, range(len(CLASSES)), n_scenes)
    truth = np.where(really_changed(causal, errors, n_scenes), causal, 0)
    rows = []
    for variant, (method, where) in VARIANTS.items():
        settings = InterventionSettings(encoder.info.default_depths, method=method, where=where)
        depths, drops = _drops(service, name, settings, n_scenes)
        for n, depth in enumerate(depths):
            rows.append(
                {
                    "encoder": name,
                    "variant": variant,
                    "depth": depth,
                    "ordered": order_correlation(drops[n], truth),
                    "own": rank_correlation(drops[n][own], causal[own]),
                    "first": int((drops[n][own] >= drops[n].max(1)).sum()),
                    "own pairs, drop over effect": float(np.median(drops[n][own] / causal[own])),
                }
            )
    return rows


def _drops(
    service: ExplainerService, name: str, settings: InterventionSettings, n_scenes: int
) -> tuple[tuple[ShownDepth, ...], np.ndarray]:
    """Mean drops over the scenes of every class, (n_depths + 1, n_classes, n_concepts): at every depth of the settings alone, and
    last at all that the rule names in one pass."""
    concepts = [service.library.open_set(concept) for concept in CONCEPTS]
    random = service.library.open_set("scenes", "random")
    drops = []
    for class_idx in range(len(CLASSES)):
        photos = _photos(class_idx, n_scenes)
        alone = replace(settings, class_idx=(class_idx,), strengths=(0.0,), n_null=1, n_fitted=1)
        in_one_pass = replace(alone, depths=(), each_depth=False)
        of_class = [
            service.intervene_on_class(name, photos, concepts=concepts, random=random, settings=which).result()
            for which in (alone, in_one_pass)
        ]
        shown = [*((of_class[0], depth) for depth in settings.depths), (of_class[1], ALL_DEPTHS)]
        drops.append([[measured.at(concept, depth).effect.change.drop for concept in CONCEPTS] for measured, depth in shown])
    return (*settings.depths, ALL_DEPTHS), np.array(drops).transpose(1, 0, 2)


@cache
def _photos(class_idx: int, n_scenes: int) -> tuple[Photo, ...]:
    return tuple(as_photo(scene) for scene in scenes_of(class_idx, n_scenes))


def intervention_noise_table(service: ExplainerService, name: str, n_concepts: int = 160) -> list[dict]:
    """Per depth and over all: shares of concepts made of noise whose raw p-value is at most 0.05 and 0.01, each with a photo of
    its own."""
    encoder = Catalog().open(name)
    images, depths = service.library.open_set("scenes", "random").photos, noise_depths(encoder)
    p_values = noise_p_values(encoder, maps_of(encoder, images, depths), range(n_concepts))
    rows = [(str(depth), p_values[:, n]) for n, depth in enumerate((*depths, ALL_DEPTHS))]
    rows.append(("every row above", p_values.ravel()))
    return [
        {"encoder": name, "depth": depth, "tests": len(p)}
        | {f"p <= {limit}": float((p <= limit).mean()) for limit in (SIGNIFICANCE_LEVEL, 0.01)}
        for depth, p in rows
    ]


def noise_depths(encoder: Encoder) -> tuple[int, ...]:
    """The default depths and those that are changed in one pass."""
    return tuple(sorted({*encoder.info.default_depths, *depths_in_one_pass(encoder.info.depths)}))


def noise_p_values(encoder: Encoder, maps: Sequence[list[torch.Tensor]], which: range) -> np.ndarray:
    """Raw p-values of some concepts of noise, by their numbers: at every depth, and in one pass at those that the rule names,
    (n_concepts, n_depths + 1)."""
    settings = InterventionSettings(noise_depths(encoder), strengths=(0.0, 1.0))
    in_one_pass = [settings.depths.index(depth) for depth in depths_in_one_pass(encoder.info.depths)]
    size, rng, rows = encoder.info.preprocessing.input_size, np.random.default_rng(0), []
    for n, photo in enumerate(islice(photos_of(encoder, rng), which.stop)):
        chosen = rng.permutation(len(maps))
        if n not in which:
            continue
        sources = [partial(iter, [maps[i] for i in part]) for part in (chosen[:N_CONCEPT], chosen[N_CONCEPT:])]
        fitting = FitSettings(settings.n_null, n_bootstrap=1, seed=n)
        fits = fit_concepts({"noise": sources[0]}, sources[1], fitting, [null_size(N_CONCEPT, len(maps) - N_CONCEPT)])
        (nulls,) = fits.pseudo_concepts.values()
        tested = [TestedConcept(fit, CavStack.of(fit, null)) for fit, null in zip(fits.concepts["noise"], nulls, strict=True)]
        image = encoder.prepare(photo, size)
        of_class = replace(settings, class_idx=(int(encoder.logits(image[None])[0].argmax()),), seed=n)
        passes = [[place] for place in range(len(tested))] + [in_one_pass]
        parts = []
        for places in passes:
            passage = encoder.passage_through([settings.depths[place] for place in places])(image)
            parts.append(measure(passage, [tested[place] for place in places], of_class, IGNORED))
        drops = [m.logits[0, :, 1] - m.logits[0, :, 0] for m in parts]
        rows.append([p_value(d[0], d[1:]) for d in drops])
    return np.array(rows)


def cost_table(n_concepts: int = 5, n_null: int = 200, depths: Sequence[int] = (3, 4)) -> list[dict]:
    """ResNet-50 with random weights, one photo: every strength of every concept, and of the pseudo-concepts that serve them all
    where activations are changed everywhere (explainers/service/interventions.py), in seconds and in forward passes of the whole
    network in batches of the same size."""
    encoder = Encoder.from_timm("resnet50")
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0))
    rows, total = [], 0.0
    for depth in depths:
        head = encoder.head_from(depth)(image)
        tokens, generator = head.tokens, torch.Generator().manual_seed(1)
        vectors = torch.randn(n_concepts + n_null, tokens.shape[1], generator=generator)
        components = projected(vectors, torch.zeros(2, tokens.shape[1]))
        weights = weights_of(torch.zeros(n_concepts + n_null, *head.grid), 0, "everywhere")
        changes = [partial(changes_of, components, weights, only_excess=True)]
        started = time.perf_counter()
        logits_under(head.logits_of_tokens, tokens, changes, n_concepts + n_null, STRENGTHS)
        taken = time.perf_counter() - started
        total += taken
        n, batch = (n_concepts + n_null) * len(STRENGTHS), together(tokens)
        rows.append(
            {
                "depth": depth,
                "changed activations": n,
                "batch": batch,
                "seconds": taken,
                **_in_passes(encoder, image, batch, taken, n),
            }
        )
    rows.append({"depth": "both", "changed activations": 2 * n, "batch": "", "seconds": total}
                | {key: sum(row[key] for row in rows) for key in rows[0] if key.startswith("in passes")})  # fmt: skip
    return rows


def _in_passes(encoder: Encoder, image: torch.Tensor, batch: int, taken: float, n: int) -> dict[str, float]:
    """The seconds taken, in whole forward passes of as many images as there are changed activations, of one per concept and
    strength beside one per pseudo-concept, and of one image."""
    images = image.expand(batch, -1, -1, -1).contiguous()
    encoder.logits(images)
    started = time.perf_counter()
    for _ in range(3):
        encoder.logits(images)
    of_one = (time.perf_counter() - started) / 3 / batch
    return {
        "in passes of as many images": taken / (n * of_one),
        "in passes of 5 x 9 + 200 images": taken / (245 * of_one),
        "in passes of one image": taken / of_one,
    }
