"""Does Visual-TCAV tell the truth? With bundled encoders on fresh scenes, where the truth is known to the pixel.

maps          mean of the concept map on the objects that have the texture, over its mean elsewhere
correlation   ranks beside the causal effect: how much the class's logit drops when the same scenes are rendered without the
              concept; TCAV's on the same pairs
watermark     the rank of the caption among all concepts for the class that carries it
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, ShownDepth
from explainers.service.service import ExplainerService
from explainers.studies.concepts_seen import rank_correlation
from explainers.studies.rerendering import as_photo, causal_drops, mean_and_error, order_correlation, really_changed
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.catalog.catalog import Catalog
from models.encoder.encoder import Encoder
from models.scenes.scenes import CLASS_NAMES, CLASSES, WATERMARK, Scene, SceneOptions, render, sample_scene
from models.scenes.starters import COLOUR_CONCEPTS, TEXTURE_CONCEPTS
from models.scenes.textures import SURFACES
from models.training.cards import FRESH_SEED

FIRST_SEED = FRESH_SEED + 500_000  # beyond what training and model cards look at
CONCEPTS = (*TEXTURE_CONCEPTS, *COLOUR_CONCEPTS)


def scenes_of(class_idx: int, n: int, watermark: bool = False) -> list[Scene]:
    """Fresh scenes of one class."""
    options = SceneOptions(class_idx=class_idx, watermark=watermark)
    return [sample_scene(FIRST_SEED + 1000 * class_idx + i, options) for i in range(n)]


def map_table(service: ExplainerService, name: str, n_per_texture: int = 6) -> list[dict]:
    """Per depth: the map's mean on the objects that have the texture, elsewhere, and their quotient."""
    inside, outside = {}, {}
    random = service.library.open_set("scenes", "random")
    info = service.open_encoder(name).result()
    settings = ExplainSettings(depths=tuple(d.idx for d in info.depths), class_idx=(0,), n_steps=1, n_null=1, n_bootstrap=1)
    for texture in TEXTURE_CONCEPTS:
        concept = service.library.open_set(texture)
        for i in range(n_per_texture):
            rendered = render(scene := sample_scene(FIRST_SEED + 50_000 + i, SceneOptions(texture=texture)))
            explanation = service.explain(name, as_photo(scene), concepts=[concept], random=random, settings=settings).result()
            mask = rendered.texture_map == SURFACES.index(texture)
            for found in explanation.concepts:
                large = F.interpolate(torch.from_numpy(found.concept_map)[None, None], size=mask.shape, mode="bilinear")[
                    0, 0
                ].numpy()
                inside.setdefault(found.depth, []).append(large[mask].mean())
                outside.setdefault(found.depth, []).append(large[~mask].mean())
    return [
        {"encoder": name, "depth": d, "inside": np.mean(inside[d]), "outside": np.mean(outside[d]),
         "inside/outside": np.mean(inside[d]) / np.mean(outside[d])}
        for d in inside
    ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pairs:
    """Figures over (class, concept) pairs at every depth and over all, (n_depths + 1, n_classes, n_concepts); the truth has no
    depth."""

    depths: tuple[ShownDepth, ...]
    attribution: np.ndarray
    attribution_p: np.ndarray
    tcav: np.ndarray  # distance from 0.5: the share of images whose logit rises, less those whose logit falls
    tcav_p: np.ndarray
    causal: np.ndarray  # (n_classes, n_concepts)
    causal_error: np.ndarray  # standard error over the scenes


def pairs(service: ExplainerService, encoder: Encoder, name: str, classes: Sequence[int], n_scenes: int) -> Pairs:
    """Attribution, TCAV score and causal effect of every concept on every class, over fresh scenes of the class."""
    concepts = [service.library.open_set(concept) for concept in CONCEPTS]
    random = service.library.open_set("scenes", "random")
    found = []
    for class_idx in classes:
        scenes = scenes_of(class_idx, n_scenes)
        settings = ExplainSettings(depths=encoder.info.default_depths, class_idx=(class_idx,), n_bootstrap=50)
        found.append(
            service.explain_class(
                name, [as_photo(s) for s in scenes], concepts=concepts, random=random, settings=settings
            ).result()
        )
    names = ("mean", "p_value", "tcav_score", "tcav_p_value")
    mean, p, tcav, tcav_p = (np.stack([_estimates(of_class, figure) for of_class in found], 1) for figure in names)
    return Pairs(_shown(found[0]), mean, p, tcav - 0.5, tcav_p, *causal_effects(encoder, classes, n_scenes))


def causal_effects(encoder: Encoder, classes: Sequence[int], n_scenes: int) -> tuple[np.ndarray, np.ndarray]:
    """How much each class's logit drops on average when fresh scenes of it are rendered without each concept, and the standard
    error over the scenes, (n_classes, n_concepts) both."""
    return mean_and_error(np.stack([causal_drops(encoder, scenes_of(c, n_scenes), CONCEPTS, c) for c in classes]))


def _shown(found: ClassExplanation) -> tuple[ShownDepth, ...]:
    return (*found.settings.depths, ALL_DEPTHS)


def _estimates(found: ClassExplanation, figure: str) -> np.ndarray:
    """(n_depths + 1, n_concepts)."""
    return np.array([[getattr(found.estimate_at(c, d), figure) for c in found.concept_names] for d in _shown(found)])


def correlation_table(service: ExplainerService, name: str, n_scenes: int = 24) -> list[dict]:
    """Per depth, against the causal effect of removing a concept from fresh scenes of a class.

    ordered  Somers' D over every class and concept: of two whose true effects differ, how much oftener they are put in the
             right order than in the wrong one; nearly all true effects are nothing, and Spearman's ranks cannot repeat such ties
    all      Spearman's over the same; what its own test does not tell from nothing counts as nothing, in truth too
    own      Spearman's over pairs of a class and the concept that makes it: its texture, or its colour where that decides
    first    classes whose own concept is put before all others
    """
    found = pairs(service, Catalog().open(name), name, range(len(CLASSES)), n_scenes)
    own = np.array([[concept in (c.texture, c.colour) for concept in CONCEPTS] for c in CLASSES])
    real = really_changed(found.causal, found.causal_error, n_scenes)
    rows = []
    for n, depth in enumerate(found.depths):
        row = {"encoder": name, "depth": depth}
        methods = {
            "Visual-TCAV": (found.attribution[n], found.attribution_p[n]),
            "TCAV": (found.tcav[n], found.tcav_p[n]),
        }
        for method, (figures, p) in methods.items():
            row[f"{method}: ordered"] = order_correlation(figures, np.where(real, found.causal, 0))
            row[f"{method}: own"] = rank_correlation(figures[own], found.causal[own])
            row[f"{method}: all"] = rank_correlation(
                np.where(p <= SIGNIFICANCE_LEVEL, figures, 0), np.where(real, found.causal, 0)
            )
            row[f"{method}: first"] = int((figures[own] >= figures.max(1)).sum())
        rows.append(row)
    return rows


def watermark_rank(service: ExplainerService, name: str, n_scenes: int = 12) -> list[dict]:
    """Where the caption stands among all concepts for the class that carries it, per depth; 1 is first."""
    class_idx = CLASS_NAMES.index("woven star")
    info = service.open_encoder(name).result()
    concepts = [service.library.open_set(concept) for concept in (*CONCEPTS, WATERMARK)]
    random = service.library.open_set("scenes", "random")
    photos = [as_photo(scene) for scene in scenes_of(class_idx, n_scenes, watermark=True)]
    settings = ExplainSettings(depths=info.default_depths, class_idx=(class_idx,), n_bootstrap=50)
    found = service.explain_class(name, photos, concepts=concepts, random=random, settings=settings).result()
    rows = []
    for depth in _shown(found):
        figures = {concept: found.estimate_at(concept, depth) for concept in found.concept_names}
        order = sorted(figures, key=lambda concept: figures[concept].mean, reverse=True)
        told = [concept for concept in order if figures[concept].p_value <= SIGNIFICANCE_LEVEL]
        rows.append({"encoder": name, "depth": depth, "attribution": figures[WATERMARK].mean, "p": figures[WATERMARK].p_value,
                     "rank": order.index(WATERMARK) + 1, "first": order[0],
                     "more than chance, in order": ", ".join(told) or "none"})  # fmt: skip
    return rows
