"""Pseudo-concepts: what images that show nothing in particular would contribute. They are the null of every test.

A pseudo-concept is as many images as the concept has, drawn from the random counterpart, against the rest of it. It shows nothing
in particular, so what is credited to it is what chance gives (Kim et al., TCAV, ICML 2018, test against random CAVs in the same
spirit).

Its two emblems differ by a hair, so between them its map would be all or nothing, and a few large maps would make up the whole
null, however little the concept has in common with them. So every pseudo-concept gets at least the concept's effect size: its map
is stretched over as many standard deviations of the random images' responses as lie between concept and random images. Both are
measured on held-out images, where a concept that is noise has no effect size worth the name, and meets pseudo-concepts as they
are.
"""

import numpy as np
import torch
from torch import Tensor

from explainers.visual_tcav.cav import Cavs, emblem
from models.errors import TooFewExamples

MIN_RANDOM = 10  # random images, below which no pseudo-concept is worth the name


def null_subsets(n_random: int, n_concept: int, n_null: int, seed: int) -> np.ndarray:
    """Which random images make up each pseudo-concept, bool (n_null, n_random).

    A concept with more than half as many images as the counterpart is matched by half of the counterpart: the rest must be
    left for the other side. Raises TooFewExamples with fewer than MIN_RANDOM random images.
    """
    if n_random < MIN_RANDOM:
        raise TooFewExamples(
            f"The random counterpart has {n_random} images; a test against chance needs {MIN_RANDOM}. Add images."
        )
    size = max(1, min(n_concept, n_random // 2))
    rng = np.random.default_rng([seed, n_random, size])
    return rng.random((n_null, n_random)).argsort(1) < size


def mean_differences(random_pooled: Tensor, chosen: np.ndarray) -> Tensor:
    """The pseudo-concepts' CAVs, (n_null, C): mean pooled activation (n_random, C) of the images chosen, bool
    (n_null, n_random), minus that of the rest."""
    inside = torch.from_numpy(chosen).to(random_pooled)
    n_inside = inside.sum(1, keepdim=True).clamp_min(1)  # a small subset may lie in the held-out fold as a whole
    return inside @ random_pooled / n_inside - (1 - inside) @ random_pooled / (1 - inside).sum(1, keepdim=True)


def effect_size(concept_responses: Tensor, random_responses: Tensor) -> float:
    """How far a concept's images stand above random ones in their responses to its CAV, (n_concept,) and (n_random,).

    The difference of the two medians in standard deviations of the random images' responses: Glass's delta with medians
    (``emblem``) for means, and the random images as the control group. 0 where their responses are all alike, which leaves
    nothing to measure by.
    """
    spread = random_responses.std(correction=0)
    return float((emblem(concept_responses) - emblem(random_responses)) / spread) if spread > 0 else 0.0


def raised_to_effect_size(pseudo_concepts: Cavs, spreads: Tensor, effect_size: float) -> Cavs:
    """Pseudo-concepts whose concept emblems lie at least ``effect_size`` standard deviations above their random emblems.

    ``spreads`` (n_null,) are the standard deviations of random images' responses to the CAV of each. A negative effect size
    counts as 0.
    """
    lowest = pseudo_concepts.random_emblems + max(effect_size, 0) * spreads
    emblems = torch.maximum(pseudo_concepts.concept_emblems, lowest)
    return Cavs(pseudo_concepts.vectors, emblems, pseudo_concepts.random_emblems)
