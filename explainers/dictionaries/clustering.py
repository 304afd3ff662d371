"""A dictionary of parts: joint clusters of the positions of many photos at one depth, for several k from one sample.

    x   activation of a position, (C,)
    u   (x - m) / |x - m|, m the mean over the sample: so the product of two of them is the similarity of the glossary
    z   coordinates of u on the principal components of the sample, (q,)

Clusters are k-means in z (scikit-learn, on one thread: several threads add up in an order of their own, which moves last bits).
Parts are numbered by how many sampled positions they have, the largest first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from explainers.dictionaries.settings import DictionarySettings
from models.errors import TooFewExamples
from models.progress import IGNORED, Progress

MAX_ITERATIONS = 60  # of Lloyd
OTHER_SEED = 1  # added to the seed: the sample is clustered a second time, to see what of it is luck


@dataclass(frozen=True, eq=False)
class Space:
    """Where positions are compared."""

    mean: np.ndarray  # (C,)
    axes: np.ndarray  # (C, q)

    def coordinates(self, activations: np.ndarray) -> np.ndarray:
        """Coordinates (n, q) of activations (n, C); all zero where an activation is the mean itself."""
        return _unit(activations - self.mean) @ self.axes


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The parts for every k, in one space."""

    space: Space
    centroids: Mapping[int, np.ndarray]  # by k: (k, q)
    stability: Mapping[int, float]  # by k: adjusted Rand index with the clusters of another seed, on the sample

    @property
    def ks(self) -> tuple[int, ...]:
        return tuple(self.centroids)

    def parts(self, coordinates: np.ndarray, k: int) -> np.ndarray:
        """Which of k parts positions of coordinates (n, q) belong to, (n,); the first of several equally near."""
        return nearest(coordinates, self.centroids[k])

    def at_other_k(self, part: int, k: int, other_k: int) -> int:
        """The part of another k to which the middle of a part belongs."""
        return int(self.parts(self.centroids[k][part : part + 1], other_k)[0])


def nearest(coordinates: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Which of k centroids (k, q) is nearest to each of some coordinates (n, q), (n,); the first of several equally near."""
    return ((centroids**2).sum(1) - 2 * coordinates @ centroids.T).argmin(1)


def fit_dictionary(activations: np.ndarray, settings: DictionarySettings, progress: Progress = IGNORED) -> Dictionary:
    """The dictionary of sampled activations (n, C); raises TooFewExamples where there are fewer positions than parts."""
    if len(activations) < max(settings.ks):
        raise TooFewExamples(
            f"{len(activations)} positions were sampled; at least {max(settings.ks)} are needed for as many parts. Add photos."
        )
    space = fit_space(activations, settings.n_components)
    coordinates = space.coordinates(activations)
    centroids, stability = {}, {}
    with threadpool_limits(1):
        for n, k in enumerate(settings.ks):
            progress.report(n / len(settings.ks), f"Clustering {len(activations)} positions into {k} parts")
            centroids[k], parts = fitted(coordinates, k, settings.seed)
            stability[k] = float(adjusted_rand_score(parts, fitted(coordinates, k, settings.seed + OTHER_SEED)[1]))
    return Dictionary(space, centroids, stability)


def fit_space(activations: np.ndarray, n_components: int) -> Space:
    """The space of at most ``n_components`` principal components of activations (n, C)."""
    mean = activations.mean(0)
    units = _unit(activations - mean).astype(np.float64)
    with threadpool_limits(1):
        axes = np.linalg.eigh(units.T @ units).eigenvectors[:, ::-1][:, :n_components]
    largest = axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])]
    return Space(mean, (axes * np.where(largest < 0, -1, 1)).astype(np.float32))  # an axis has no sign of its own: fix it


def _unit(differences: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(differences, axis=1, keepdims=True)
    return np.divide(differences, norms, out=np.zeros_like(differences), where=norms > 0)


def fitted(coordinates: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Centroids (k, q), the largest cluster first, and the cluster (n,) of every position."""
    fit = KMeans(k, n_init=1, max_iter=MAX_ITERATIONS, random_state=seed).fit(coordinates)
    order = np.argsort(-np.bincount(fit.labels_, minlength=k), kind="stable")
    return fit.cluster_centers_[order].astype(np.float32), np.argsort(order)[fit.labels_]
