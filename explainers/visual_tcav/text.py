"""A word as a concept: its place in a text tower's space, mapped into the encoder by a linear map fitted on photos.

A text tower embeds pictures and words in one space (models/text/towers.py). What it makes of a photo and what the encoder makes
of the same photo are joined by ridge regression, whose penalty is chosen by leaving out one photo at a time. Words lie apart from
pictures in that space (the gap of Liang et al. 2022), so a word is taken relative to words that mean nothing in particular, and
photos relative to their mean: what is mapped is a difference, and the gap falls out.

    e   embedding of a photo (E,), length 1        a   its pooled activation (C,) at one depth
    W   the map (E, C): (a - mean a) is about (e - mean e) W
    d   embedding of the word less the mean of the plain words (E,)
    v   d W (C,): the CAV of the word

What the map is worth: R^2 of activations that were left out, beside what photos paired at random give. What a CAV is worth: the
measures that CAVs of example images have. The quarter of the photos that the tower finds nearest to the word stand for its
examples, the others for the random counterpart; photos are judged by CAVs of maps that have not seen them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from explainers.visual_tcav.cav import Cav, with_emblems
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.resampling import folds
from explainers.visual_tcav.significance import p_value

MIN_PHOTOS = 20
QUARTER = 4
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # in units of the mean squared length of e - mean e
PLAIN_WORDS = ("thing", "object", "place", "picture", "something", "anything", "view", "part")
PROMPT = "a photo of {}"


@dataclass(frozen=True)
class TextSettings:
    """What decides the CAVs of words, besides encoder, photos and words."""

    tower: str
    depths: tuple[int, ...] = ()  # () means every depth
    n_random: int = 199  # pairings at random, and drawings of the nearest photos
    input_size: int = 0  # 0 means the size the encoder was trained at
    seed: int = 0


@dataclass(frozen=True)
class MapWorth:
    """How well activations of left-out photos follow from the tower's embeddings of them."""

    r2: float  # share of the variance
    chance: float  # the 95 % quantile of what photos paired at random give
    p_value: float
    penalty: float


@dataclass(frozen=True, eq=False)
class TextMap:
    """Embeddings of photos (n, E) beside their pooled activations (n, C) at one depth, and the penalty of the map."""

    embeddings: Tensor
    pooled: Tensor
    penalty: float

    def vectors(self, offsets: Tensor, kept: Tensor | None = None) -> Tensor:
        """CAVs (n_words, C) of words (n_words, E), by the map fitted on all photos, or on those that are kept, bool (n,)."""
        e, a = (x if kept is None else x[kept] for x in (self.embeddings, self.pooled))
        centred = e - e.mean(0)
        kernel = centred @ centred.T
        identity = torch.eye(len(e), dtype=e.dtype)
        weights = torch.linalg.solve(kernel + self.penalty * kernel.diagonal().mean() * identity, a - a.mean(0))  # (n, C)
        return (offsets.to(e) @ centred.T) @ weights


def offsets_of(words: Tensor, plain: Tensor) -> Tensor:
    """Words (n_words, E) relative to plain ones (m, E), both as the tower embeds them: (n_words, E) of length 1."""
    return torch.nn.functional.normalize(words - plain.mean(0), dim=1)


def fit_map(embeddings: Tensor, pooled: Tensor, settings: TextSettings) -> tuple[TextMap, MapWorth]:
    """The map from embeddings (n, E) to pooled activations (n, C) of the same photos, and what it is worth."""
    e, a = embeddings.double(), pooled.double()
    shares = {penalty: _LeftOut(e, penalty) for penalty in PENALTIES}
    gram = (a - a.mean(0)) @ (a - a.mean(0)).T
    penalty, r2 = _best(shares, gram)
    rng = np.random.default_rng([settings.seed, len(e)])
    orders = (torch.from_numpy(rng.permutation(len(e))) for _ in range(settings.n_random))
    null = [_best(shares, gram[order][:, order])[1] for order in orders]
    worth = MapWorth(r2, float(np.quantile(null, 0.95)), p_value(r2, null), penalty)
    return TextMap(e, a, penalty), worth


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """Residuals of left-out photos as a linear map of their activations, for embeddings (n, E) and one penalty."""

    embeddings: Tensor
    penalty: float

    @cached_property
    def square(self) -> Tensor:
        """B (n, n): the sum of squared residuals is the sum of B times the Gram matrix of centred activations."""
        e = self.embeddings - self.embeddings.mean(0)
        kernel, n = e @ e.T, len(e)
        identity = torch.eye(n, dtype=e.dtype)
        hat = torch.linalg.solve(kernel + self.penalty * kernel.diagonal().mean() * identity, kernel) + 1 / n
        residuals = (identity - hat) / (1 - hat.diagonal())[:, None]
        return residuals.T @ residuals


def _best(shares: dict[float, _LeftOut], gram: Tensor) -> tuple[float, float]:
    """The penalty that serves left-out photos best, and their R^2, from the Gram matrix (n, n) of centred activations."""
    n = len(gram)
    total = float(gram.diagonal().sum()) * (n / (n - 1)) ** 2  # of photos less the mean of the others
    if total == 0:
        return PENALTIES[-1], 0.0
    r2 = {penalty: 1 - float((left_out.square * gram).sum()) / total for penalty, left_out in shares.items()}
    return max(r2.items(), key=lambda item: item[1])


# --- what the CAV of a word is worth --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class WordVectors:
    """CAVs of one word at one depth: of the map of all photos, and of maps without one fold of them."""

    whole: Tensor  # (C,)
    without: Tensor  # (n_folds, C)
    fold_of: np.ndarray  # (n,): which fold each photo belongs to


def word_vectors(fitted: TextMap, offsets: Tensor, seed: int) -> list[WordVectors]:
    """The CAVs of words (n_words, E) at one depth."""
    fold_of = folds(len(fitted.embeddings), seed)
    without = torch.stack([fitted.vectors(offsets, torch.from_numpy(fold_of != fold)) for fold in range(fold_of.max() + 1)])
    whole = fitted.vectors(offsets)
    return [WordVectors(whole[n].float(), without[:, n].float(), fold_of) for n in range(len(offsets))]


def nearest(similarities: np.ndarray) -> np.ndarray:
    """Which photos stand for the word's examples, bool (n,): the quarter that the tower finds nearest to it, (n,)."""
    inside = np.zeros(len(similarities), bool)
    inside[np.argsort(-similarities, kind="stable")[: len(similarities) // QUARTER]] = True
    return inside


def word_health(vectors: WordVectors, pooled: Tensor, responses: Tensor, is_near: np.ndarray) -> tuple[Cav, CavHealth]:
    """The CAV of a word with its emblems, and its health.

    From the pooled activations (n, C) of the photos, their responses (n,) to the CAV, and which are near to the word, (n,).
    """
    inside = torch.from_numpy(is_near)
    cav = with_emblems(vectors.whole, responses[inside], responses[~inside])
    high, low = cav.concept_emblem, cav.random_emblem
    stability = torch.cosine_similarity(vectors.without, vectors.whole[None], dim=1).mean()
    health = CavHealth(
        auc=float(roc_auc_score(is_near, held_out(vectors, pooled))),
        emblem_gap=(high - low) / high if high > 0 else -1.0,
        stability=float(stability),
        n_concept=int(is_near.sum()),
        n_random=int((~is_near).sum()),
    )
    return cav, health


def held_out(vectors: WordVectors, pooled: Tensor) -> np.ndarray:
    """<v, a> of every photo (n,) under the map that has not seen it, from pooled activations (n, C).

    Each fold's is in units of its spread over all photos.
    """
    projections = pooled.float() @ vectors.without.T  # (n, n_folds)
    scaled = (projections - projections.mean(0)) / projections.std(0).clamp_min(torch.finfo(torch.float32).tiny)
    return scaled[torch.arange(len(pooled)), torch.from_numpy(vectors.fold_of)].numpy()


def auc_p_value(projections: np.ndarray, is_near: np.ndarray, settings: TextSettings) -> float:
    """How often photos drawn at random are set apart as well as those near to the word, from their projections (n,)."""
    rng = np.random.default_rng([settings.seed, len(projections), 1])
    null: Sequence[float] = [float(roc_auc_score(rng.permutation(is_near), projections)) for _ in range(settings.n_random)]
    return p_value(float(roc_auc_score(is_near, projections)), null)
