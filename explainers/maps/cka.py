"""Linear CKA (Kornblith et al., arXiv 1905.00414) between feature maps, from Gram matrices over positions."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def centred_gram(activations: Tensor) -> Tensor:
    """Products of all pairs of rows of (n, C) after the mean row is removed, at Frobenius norm one; (n, n). All alike: zero."""
    centred = activations.double() - activations.double().mean(0)
    gram = centred @ centred.T
    norm = gram.norm()
    return (gram / norm if norm > 0 else gram).float()


def linear_cka(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of two Gram matrices as ``centred_gram`` makes them, in [0, 1]; 0 if one is all zero."""
    return float((a.double() * b.double()).sum())


def cka_matrix(a: Sequence[Tensor], b: Sequence[Tensor]) -> np.ndarray:
    """Linear CKA of every depth of one encoder with every depth of another, (n_a, n_b)."""
    rows, columns = (np.stack([gram.numpy().ravel() for gram in grams]).astype(np.float64) for grams in (a, b))
    return rows @ columns.T
