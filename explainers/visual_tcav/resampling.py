"""Which images are drawn again or held out, and the CAVs and emblems of images that are drawn more than once."""

import numpy as np
import torch
from torch import Tensor

N_FOLDS = 5


def folds(n_images: int, seed: int, n_folds: int = N_FOLDS) -> np.ndarray:
    """To which fold each image belongs, (n_images,); folds differ by one image at most."""
    return np.random.default_rng([seed, n_images]).permutation(np.arange(n_images) % n_folds)


def bootstrap_counts(n_images: int, n_replicates: int, seed: int) -> np.ndarray:
    """How often each image is drawn in each replicate, (n_replicates, n_images); every row sums to n_images."""
    return np.random.default_rng([seed, n_images]).multinomial(n_images, np.full(n_images, 1 / n_images), size=n_replicates)


def replicate_vectors(pooled: tuple[Tensor, Tensor], counts: tuple[np.ndarray, np.ndarray]) -> Tensor:
    """CAVs (n_replicates, C) of resampled images, from pooled activations (n, C) of concept and random images and from how
    often each is drawn, (n_replicates, n)."""
    concept, random = (torch.from_numpy(c / c.sum(1, keepdims=True)).to(p) @ p for p, c in zip(pooled, counts, strict=True))
    return concept - random


def weighted_emblems(responses: Tensor, counts: np.ndarray) -> Tensor:
    """The nearest-rank median over images for each of J CAVs, (J,).

    ``responses`` is (N, J), ``counts`` (J, N): how often image n counts for CAV j.
    """
    ordered, idx = responses.sort(0)
    repeated = torch.from_numpy(counts).to(responses.device).T.gather(0, idx).cumsum(0)  # (N, J)
    ranks = torch.tensor([round((int(total) - 1) / 2) for total in repeated[-1]], device=responses.device)
    place = (repeated <= ranks).sum(0)
    return ordered.gather(0, place[None])[0]
