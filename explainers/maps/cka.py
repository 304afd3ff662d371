"""Linear CKA (Kornblith et al., arXiv 1905.00414) between feature maps, from Gram matrices over positions."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def centred_gram(activations: Tensor) -> Tensor:
    """Products (n, n) of all pairs of rows of (n, C) after the mean row is removed, at Frobenius norm one; zero if all rows are
    alike."""
    centred = activations.double() - activations.double().mean(0)
    gram = centred @ centred.T
    norm = gram.norm()
    return (gram / norm if norm > 0 else gram).float()


def linear_cka(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of two Gram matrices (n, n) from ``centred_gram``, in [0, 1]; 0 if either is all zero."""
    return float((a.double() * b.double()).sum())


def cka_matrix(a: Sequence[Tensor], b: Sequence[Tensor]) -> np.ndarray:
    """Linear CKA of every depth of one encoder with every depth of another, (n_a, n_b), from the depths' Gram matrices (n, n)."""
    rows, columns = (np.stack([gram.numpy().ravel() for gram in grams]).astype(np.float64) for grams in (a, b))
    return rows @ columns.T
