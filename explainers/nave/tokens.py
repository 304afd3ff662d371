"""Tokens that stand out by their norm: artefacts, as Darcet, Oquab, Mairal, Bojanowski describe them (arXiv 2309.16588).

Large transformers keep facts about the whole image in a few tokens of plain places, whose norm is many times that of the others;
register tokens take these facts over. Where no histogram shows two heaps, a rule has to say what stands out.

    norm     length of the activation of a position, (h, w) per feature map
    limit    median + LIMIT robust standard deviations (1.4826 times the median deviation) of the norms at a depth, in all images
    outlier  a position whose norm is beyond the limit: of norms that scatter normally, fewer than one in a million
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

LIMIT = 5.0
_ROBUST = 1.4826  # standard deviations in a median deviation, if values scatter normally


def token_norms(feature_map: Tensor) -> np.ndarray:
    """The norm of the activation of every position, (h, w), of a map (C, h, w)."""
    return feature_map.float().norm(dim=0).cpu().numpy()


def norm_limit(norms: Sequence[np.ndarray]) -> float:
    """The norm beyond which a token stands out, from the norms (h, w) of one depth in several images."""
    values = np.concatenate([of_image.ravel() for of_image in norms])
    middle = np.median(values)
    return float(middle + LIMIT * _ROBUST * np.median(np.abs(values - middle)))


def outliers(norms: np.ndarray, limit: float) -> np.ndarray:
    """Which tokens stand out, (h, w) bool. Where all norms are equal, none does."""
    return norms > max(limit, float(np.min(norms)))


def without(feature_map: Tensor, outlier: np.ndarray) -> Tensor:
    """The map (C, h, w) in which every outlier (h, w) has the activation of the nearest position that is none; as it was if all
    are outliers."""
    if not outlier.any() or outlier.all():
        return feature_map
    rows, columns = ndimage.distance_transform_edt(outlier, return_distances=False, return_indices=True)
    return feature_map[:, torch.from_numpy(rows), torch.from_numpy(columns)]
