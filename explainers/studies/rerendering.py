"""The causal effect of a concept on a class: scenes are rendered again without it, and the class's logit is compared.

drop      logit of the class in a scene, less that in the same scene rendered without the concept
changed   effects that a t-test over the scenes, corrected after Holm over all of them, distinguishes from nothing
ordered   Somers' D of figures given the truth: of two whose true effects differ, how much oftener they are put in the right order
          than in the wrong one. Nearly all true effects are nothing, and Spearman's ranks cannot repeat such ties
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import somersd
from scipy.stats import t as t_distribution

from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, holm
from models.encoder import Encoder
from models.photo import Photo, photo_from_array
from models.scenes.scenes import Scene, render, without

BATCH = 32

Array = np.ndarray


def as_photo(scene: Scene) -> Photo:
    """A scene as it is rendered, under its number."""
    return photo_from_array(render(scene).image, f"scene {scene.seed}")


def logits_of(encoder: Encoder, photos: Sequence[Photo]) -> Array:
    """Logits of photos of one size, (n, n_outputs)."""
    size = encoder.info.preprocessing.input_size
    images = [encoder.prepare(photo, size) for photo in photos]
    batches = (torch.stack(images[start : start + BATCH]) for start in range(0, len(images), BATCH))
    return torch.cat([encoder.logits(batch).cpu() for batch in batches]).double().numpy()


def class_logits(encoder: Encoder, photos: Sequence[Photo], class_idx: int) -> Array:
    """The class's logit in every photo, (n,); photos have one size."""
    return logits_of(encoder, photos)[:, class_idx]


def logit_drops(encoder: Encoder, scenes: Sequence[Scene], before: Array, concept: str, class_idx: int) -> Array:
    """Per scene (n,): how much the class's logit drops from ``before`` (n,) when it is rendered without the concept; scenes that
    do not show it are not rendered again."""
    changed = [(n, changed) for n, scene in enumerate(scenes) if (changed := without(scene, concept)) != scene]
    drops = np.zeros(len(scenes))
    if changed:
        places = [n for n, _ in changed]
        drops[places] = before[places] - class_logits(encoder, [as_photo(scene) for _, scene in changed], class_idx)
    return drops


def causal_drops(encoder: Encoder, scenes: Sequence[Scene], concepts: Sequence[str], class_idx: int) -> Array:
    """How much the class's logit drops in every scene without each concept, (n_concepts, n_scenes)."""
    before = class_logits(encoder, [as_photo(scene) for scene in scenes], class_idx)
    return np.stack([logit_drops(encoder, scenes, before, concept, class_idx) for concept in concepts])


def mean_and_error(drops: Array) -> tuple[Array, Array]:
    """Mean over scenes, and its standard error, of drops (..., n_scenes): (...) both."""
    return drops.mean(-1), drops.std(-1, ddof=1) / drops.shape[-1] ** 0.5


def really_changed(causal: Array, errors: Array, n_scenes: int) -> Array:
    """Which mean effects (N, ...) a t-test over the scenes, corrected over all, distinguishes from nothing, (N, ...) bool."""
    t_values = np.abs(causal) / np.maximum(errors, 1e-9)  # no scatter at all: no scene shows the concept
    corrected = holm(2 * t_distribution.sf(t_values.ravel(), n_scenes - 1))
    return np.array(corrected).reshape(causal.shape) <= SIGNIFICANCE_LEVEL


def order_correlation(figures: Array, truth: Array) -> float:
    """Somers' D of the figures (N, ...) given the truth (N, ...): pairs that are equal in truth do not count, those equal in the
    figures are half right, so figures that are all alike give 0."""
    return 0.0 if np.ptp(figures) == 0 else float(somersd(truth.ravel(), figures.ravel()).statistic)
