"""Pseudo-concepts: what images that show nothing in particular would contribute. They are the null of every test.

A pseudo-concept is as many images as the concept has, drawn from the random counterpart, against the rest of it. It shows nothing
in particular, so what is credited to it is what chance gives (Kim et al., TCAV, ICML 2018, test against random CAVs in the same
spirit).

Its two emblems differ by a hair, so between them its map would be all or nothing, and a few large maps would make up the whole
null, however little the concept has in common with them. So every pseudo-concept gets at least the concept's effect size: its map
is stretched over as many standard deviations of the random images' responses as lie between concept and random images. Both are
measured on held-out images, where a concept that is noise has no effect size worth the name, and meets pseudo-concepts as they
are. Pseudo-concepts have bootstrap replicates of their own, as a concept has, because the test compares how both hold up when
their images are drawn again (significance.py).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from explainers.visual_tcav.cav import Cavs, emblem
from models.errors import TooFewExamples

MIN_RANDOM = 10  # random images, below which no pseudo-concept is worth the name
N_OF_EACH = 6  # bootstrap replicates of every pseudo-concept


@dataclass(frozen=True, eq=False)
class PseudoConcepts:
    """Pseudo-concepts of one size at one depth, with replicates of their own."""

    cavs: Cavs  # (n_null,)
    replicates: Cavs  # (n_null * N_OF_EACH,), pseudo-concept by pseudo-concept
    spreads: Tensor  # (n_null,): standard deviations of random images' held-out responses to each
    random_pooled: Tensor  # (n_random, C): mean activations of the random images, which all vectors are made of

    def raised_to(self, effect_size: float) -> "PseudoConcepts":
        """Those whose emblems lie at least ``effect_size`` standard deviations apart, the replicates' as well."""
        cavs = raised_to_effect_size(self.cavs, self.spreads, effect_size)
        replicates = raised_to_effect_size(self.replicates, self.spreads.repeat_interleave(N_OF_EACH), effect_size)
        return replace(self, cavs=cavs, replicates=replicates)


def null_size(n_concept: int, n_random: int) -> int:
    """How many images a pseudo-concept has: as many as the concept, but at most half of the counterpart, for the rest must be
    left for the other side. Raises TooFewExamples with fewer than MIN_RANDOM random images.
    """
    if n_random < MIN_RANDOM:
        raise TooFewExamples(
            f"The random counterpart has {n_random} images; a test against chance needs {MIN_RANDOM}. Add images."
        )
    return max(1, min(n_concept, n_random // 2))


def null_subsets(n_random: int, size: int, n_null: int, seed: int) -> np.ndarray:
    """Which random images make up each pseudo-concept of ``size`` images, bool (n_null, n_random)."""
    return np.random.default_rng([seed, n_random, size]).random((n_null, n_random)).argsort(1) < size


def redrawn(chosen: np.ndarray, seed: int, n_of_each: int = N_OF_EACH) -> np.ndarray:
    """How often each image is drawn in each replicate, (n_null * n_of_each, n_random), from ``chosen``, bool (n_null, n_random):
    in every replicate as many images as each row has, drawn with replacement among them."""
    size = int(chosen[0].sum())
    drawn = np.random.default_rng([seed, *chosen.shape, size]).integers(size, size=(len(chosen), n_of_each * size))
    images = np.take_along_axis(np.nonzero(chosen)[1].reshape(len(chosen), size), drawn, 1).reshape(-1, size)
    counts = np.zeros((len(images), chosen.shape[1]), np.int64)
    np.add.at(counts, (np.arange(len(images))[:, None], images), 1)
    return counts


def mean_differences(random_pooled: Tensor, chosen: np.ndarray) -> Tensor:
    """The pseudo-concepts' CAVs, (n_null, C): mean pooled activation (n_random, C) of the images chosen, bool
    (n_null, n_random), minus that of the rest."""
    inside = torch.from_numpy(chosen).to(random_pooled)
    n_inside = inside.sum(1, keepdim=True).clamp_min(1)  # a small subset may lie in the held-out fold as a whole
    return inside @ random_pooled / n_inside - (1 - inside) @ random_pooled / (1 - inside).sum(1, keepdim=True)


def drawn_again(random_pooled: Tensor, size: int, n_null: int, seed: int) -> tuple[Tensor, Tensor]:
    """Vectors of pseudo-concepts whose images, and the others, are drawn again, once each, with replacement; and the mean pooled
    activation of those others: (n_null, C) both, from pooled activations (n_random, C).

    All pseudo-concepts share the few images of the counterpart, so of what those images lack they know nothing, while a concept
    brings images of its own. Drawn again, every pseudo-concept has the chance of a drawing of its own, too.
    """
    chosen = null_subsets(len(random_pooled), size, n_null, seed)
    counts = (torch.from_numpy(redrawn(side, seed + n, 1)).to(random_pooled) for n, side in enumerate((chosen, ~chosen)))
    inside, others = (drawn @ random_pooled / drawn.sum(1, keepdim=True) for drawn in counts)
    return inside - others, others


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
