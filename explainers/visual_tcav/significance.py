"""Is it more than chance? Pseudo-concepts, bootstrap replicates, and what they say about a figure.

A pseudo-concept is as many images as the concept has, drawn from the random counterpart, against the rest of it. It shows nothing
in particular, so what it scores is what chance scores (Kim et al., TCAV, ICML 2018, test against random CAVs in the same spirit).

Its two emblems differ by a hair, so between them its map would be all or nothing, and a few large maps would make up the whole
null, however little the concept has in common with them. So every pseudo-concept is shown at least as clearly as the concept is:
its map is stretched over as many standard deviations of the random images' responses as lie between concept and random images.
Both are measured on held-out images, where a concept that is noise is not clear at all, and meets pseudo-concepts as they are.

The permutation p-value counts the observed figure among its null (Phipson and Smyth 2010). It is averaged over the concept's
bootstrap replicates, because a figure that hangs on a few of the examples is no better than their choice: without that, up to
9 % of concepts made of noise came out significant at 0.05, those whose images happened to resemble the photo. Several figures
shown together are corrected after Holm (1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from explainers.visual_tcav.cav import Cavs, emblem
from explainers.visual_tcav.verdicts import Verdict, verdict_on
from models.errors import TooFewExamples

N_FOLDS = 5
MIN_RANDOM = 10  # random images, below which no pseudo-concept is worth the name
LEVEL = 0.05


@dataclass(frozen=True)
class CavHealth:
    """What a CAV is worth, apart from any class."""

    auc: float  # held-out area under the ROC curve of <cav, pooled activation>
    emblem_gap: float  # (e+ - e-) / e+: 1 is best, 0 or less means that random images respond as strongly
    stability: float  # mean cosine between the CAV and its bootstrap replicates
    n_concept: int
    n_random: int

    @property
    def verdict(self) -> Verdict:
        """The gravest reason to doubt the CAV, or that there is none."""
        return verdict_on(self.auc, self.emblem_gap, self.stability, self.n_concept)


def null_subsets(n_random: int, n_concept: int, n_null: int, seed: int) -> np.ndarray:
    """Which random images make up each pseudo-concept, bool (n_null, n_random).

    A concept with more than half as many images as the counterpart is matched by half of the counterpart: the rest must be
    left for the other side.
    """
    if n_random < MIN_RANDOM:
        raise TooFewExamples(
            f"The random counterpart has {n_random} images; a test against chance needs {MIN_RANDOM}. Add images."
        )
    size = max(1, min(n_concept, n_random // 2))
    rng = np.random.default_rng([seed, n_random, size])
    chosen = rng.random((n_null, n_random)).argsort(1) < size
    return chosen


def bootstrap_counts(n_images: int, n_replicates: int, seed: int) -> np.ndarray:
    """How often each image is drawn in each replicate, (n_replicates, n_images); every row sums to n_images."""
    return np.random.default_rng([seed, n_images]).multinomial(n_images, np.full(n_images, 1 / n_images), size=n_replicates)


def mean_differences(pooled: Tensor, chosen: np.ndarray) -> Tensor:
    """CAVs (n_null, C) of subsets of the random images against the rest; ``pooled`` (n_random, C)."""
    inside = torch.from_numpy(chosen).to(pooled)
    n_inside = inside.sum(1, keepdim=True).clamp_min(1)  # a small subset may lie in the held-out fold as a whole
    return inside @ pooled / n_inside - (1 - inside) @ pooled / (1 - inside).sum(1, keepdim=True)


def replicate_vectors(pooled: tuple[Tensor, Tensor], counts: tuple[np.ndarray, np.ndarray]) -> Tensor:
    """CAVs (n_replicates, C) of resampled images; both arguments for concept and random images."""
    concept, random = (torch.from_numpy(c).to(p) @ p / len(p) for p, c in zip(pooled, counts, strict=True))
    return concept - random


def weighted_emblems(responses: Tensor, counts: np.ndarray) -> Tensor:
    """The nearest-rank median over images for each of J CAVs, (J,); image n counts ``counts[j, n]`` times; responses (N, J)."""
    ordered, idx = responses.sort(0)
    repeated = torch.from_numpy(counts).to(responses.device).T.gather(0, idx).cumsum(0)  # (N, J)
    ranks = torch.tensor([round((int(total) - 1) / 2) for total in repeated[-1]], device=responses.device)
    place = (repeated <= ranks).sum(0)
    return ordered.gather(0, place[None])[0]


def clearness(of_concept: Tensor, of_random: Tensor) -> float:
    """How far the concept's images stand above random ones: the distance of their median responses (n,), in standard deviations
    of the random ones. 0 where those are all alike, which leaves nothing to measure by."""
    scatter = of_random.std(correction=0)
    return float((emblem(of_concept) - emblem(of_random)) / scatter) if scatter > 0 else 0.0


def shown_as_clearly(nulls: Cavs, scatters: Tensor, clearness: float) -> Cavs:
    """Pseudo-concepts with concept emblems at least ``clearness`` standard deviations (n_null,) above their random emblems."""
    emblems = torch.maximum(nulls.concept_emblems, nulls.random_emblems + max(clearness, 0) * scatters)
    return Cavs(nulls.vectors, emblems, nulls.random_emblems)


def folds(n_images: int, seed: int, n_folds: int = N_FOLDS) -> np.ndarray:
    """To which fold each image belongs, (n_images,); folds differ by one image at most."""
    return np.random.default_rng([seed, n_images]).permutation(np.arange(n_images) % n_folds)


def health(
    concept_pooled: Tensor, random_pooled: Tensor, emblems: tuple[float, float], replicates: Tensor, seed: int
) -> CavHealth:
    """The figures of one CAV from pooled activations (n, C) of both sets, its emblems, and its replicates (B, C)."""
    vector = concept_pooled.mean(0) - random_pooled.mean(0)
    high, low = emblems
    return CavHealth(
        auc=held_out_auc(concept_pooled, random_pooled, seed),
        emblem_gap=(high - low) / high if high > 0 else -1.0,
        stability=float(torch.cosine_similarity(replicates, vector[None], dim=1).mean()),
        n_concept=len(concept_pooled),
        n_random=len(random_pooled),
    )


def held_out_auc(concept_pooled: Tensor, random_pooled: Tensor, seed: int = 0) -> float:
    """Area under the ROC curve of <cav, pooled activation> on images that the CAV was not fitted on, mean over folds; NaN
    with fewer than two images on a side."""
    n_folds = min(N_FOLDS, len(concept_pooled), len(random_pooled))
    if n_folds < 2:
        return float("nan")
    concept_folds, random_folds = (folds(len(p), seed, n_folds) for p in (concept_pooled, random_pooled))
    figures = []
    for fold in range(n_folds):
        inside = [torch.from_numpy(of_images == fold) for of_images in (concept_folds, random_folds)]
        vector = concept_pooled[~inside[0]].mean(0) - random_pooled[~inside[1]].mean(0)
        scores = torch.cat([concept_pooled[inside[0]] @ vector, random_pooled[inside[1]] @ vector])
        truth = [1] * int(inside[0].sum()) + [0] * int(inside[1].sum())
        figures.append(roc_auc_score(truth, scores.cpu().numpy()))
    return float(np.mean(figures))


def p_value(observed: float, null: Sequence[float] | np.ndarray) -> float:
    """Share of figures by chance, the observed one included, that are at least as large."""
    null = np.asarray(null)
    return float((1 + (null >= observed).sum()) / (len(null) + 1))


def mean_p_value(observed: float, replicates: np.ndarray, null: np.ndarray) -> float:
    """The p-value of the observed figure and of each of its bootstrap replicates, averaged."""
    figures = np.concatenate([[observed], replicates])
    at_least = len(null) - np.searchsorted(np.sort(null), figures)  # figures by chance that are as large
    return float(((1 + at_least) / (len(null) + 1)).mean())


def two_sided_p_value(observed: float, null: Sequence[float] | np.ndarray, centre: float) -> float:
    """The same for the distance from ``centre``."""
    return p_value(abs(observed - centre), np.abs(np.asarray(null) - centre))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values corrected for being several, in the order given; never above 1."""
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) - np.arange(len(p_values))) * np.asarray(p_values, float)[order]
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return tuple(corrected.tolist())


def interval(replicates: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle part of bootstrap replicates that holds ``level`` of them."""
    low, high = np.quantile(np.asarray(replicates, float), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def intervals_apart(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether two confidence intervals (low, high) have nothing in common."""
    return a[1] < b[0] or b[1] < a[0]
