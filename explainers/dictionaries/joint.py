"""Joint parts of two encoders: clusters of positions by what both make of them.

    z_1, z_2   coordinates of a position in the space of either encoder (clustering.py)        z   both, one after the other

Both spaces hold vectors of length at most 1, so either encoder weighs the same. Maps of different size are brought to the coarser
grid.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits
from torch.nn.functional import adaptive_avg_pool2d

from explainers.dictionaries.clustering import OTHER_SEED, Space, fit_space, fitted, nearest
from explainers.dictionaries.settings import DictionarySettings
from models.errors import TooFewExamples


@dataclass(frozen=True, eq=False)
class JointDictionary:
    """The joint parts of two encoders."""

    spaces: tuple[Space, Space]
    centroids: np.ndarray  # (k, q_1 + q_2)
    stability: float  # adjusted Rand index with the clusters of another seed, on the sample

    def parts(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The part (n,) of positions with activations (n, C_1) and (n, C_2)."""
        return nearest(coordinates(self.spaces, first, second), self.centroids)


def coordinates(spaces: tuple[Space, Space], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Joint coordinates (n, q_1 + q_2) of activations (n, C_1) and (n, C_2) of the same positions."""
    return np.concatenate([spaces[0].coordinates(first), spaces[1].coordinates(second)], 1)


def fit_joint(first: np.ndarray, second: np.ndarray, k: int, settings: DictionarySettings) -> JointDictionary:
    """The joint parts of sampled activations (n, C_1) and (n, C_2); raises TooFewExamples where there are fewer positions than
    parts."""
    if len(first) < k:
        raise TooFewExamples(f"{len(first)} positions were sampled; at least {k} are needed for as many parts. Add photos.")
    spaces = fit_space(first, settings.n_components), fit_space(second, settings.n_components)
    joint = coordinates(spaces, first, second)
    with threadpool_limits(1):
        centroids, parts = fitted(joint, k, settings.seed)
        _, others = fitted(joint, k, settings.seed + OTHER_SEED)
    return JointDictionary(spaces, centroids, float(adjusted_rand_score(parts, others)))


def common_grid(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """The coarser of two grids (h, w), side by side."""
    return min(first[0], second[0]), min(first[1], second[1])


def on_grid(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means of a map (C, H, W) over the cells of a coarser grid, (C, h, w)."""
    return values if values.shape[1:] == shape else adaptive_avg_pool2d(torch.from_numpy(values), shape).numpy()
