"""Do a concept and its random counterpart differ in more than the concept? The domain check.

A CAV stands for whatever sets the two sets apart. If one holds photographs and the other rendered pictures, that is the
difference it finds, and all the usual measures praise it. So a plain classifier (ridge regression on mean activations, judged by
leaving out one image at a time, in closed form) tells the two sets apart at every depth. A concept as such does not make this
easy everywhere: textures are hard at the shallowest depths, colours at the middle ones. What a matched counterpart gives is
measured on the counterpart alone: the same classifier tells the quarter of its images that is most alike, around whichever image,
from the rest.

    errors     1 - AUC of concept against random images, per depth
    expected   the least error of such a quarter against the rest of the counterpart, per depth
    ratio      geometric mean of the errors over that of the expected ones
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

DomainDoubt = Literal["none", "unproven", "apart"]
SMALLEST_RATIO = 1 / 3  # a third of the mistakes or fewer: in between matched and mismatched sets (RESULTS.md)
LEAST_ERROR = 1e-3  # an error of 0 counts as this: so few images cannot show a smaller one
RIDGE = 0.1  # in units of the mean squared activation, every channel scaled to unit variance
QUARTER = 4


@dataclass(frozen=True)
class DomainCheck:
    """How easily a concept's images are distinguished from random ones at every depth, and how easily matched ones would be."""

    depths: tuple[int, ...]
    errors: tuple[float, ...]  # 1 - AUC of a plain classifier, per depth
    expected: tuple[float, ...]  # what a matched counterpart gives, per depth
    one_is_rendered: bool  # whether the images of one set are Encoderscope's own and those of the other are not

    @property
    def ratio(self) -> float:
        """The mistakes of the classifier relative to those expected, over all depths: 1 or more is as expected."""
        return _geometric_mean(self.errors) / _geometric_mean(self.expected)

    @property
    def doubt(self) -> DomainDoubt:
        """Whether the sets are distinguished too easily at every depth; if not, whether their kinds are known to differ."""
        if self.ratio < SMALLEST_RATIO:
            return "apart"
        return "unproven" if self.one_is_rendered else "none"


def separation_error(concept_pooled: Tensor, random_pooled: Tensor) -> float:
    """1 - AUC with which a plain classifier tells left-out images apart, from the pooled activations (n, C) of both sets.

    0 is without a mistake, 0.5 is guessing.
    """
    shows_concept = torch.cat([torch.ones(len(concept_pooled)), torch.zeros(len(random_pooled))]).double()
    return float(_errors(torch.cat([concept_pooled, random_pooled]), shows_concept[:, None])[0])


def expected_error(random_pooled: Tensor) -> float:
    """The least such error between a quarter of the random images that are most alike and the rest, pooled activations (n, C)."""
    scaled = _scaled(random_pooled)
    nearest = torch.cdist(scaled, scaled).argsort(1)[:, : max(1, len(scaled) // QUARTER)]  # (n, n / 4)
    quarters = torch.zeros(len(scaled), len(scaled), dtype=torch.float64).scatter_(0, nearest.T, 1)  # one per column
    return float(_errors(random_pooled, quarters).min())


def _errors(pooled: Tensor, labels: Tensor) -> Tensor:
    """1 - AUC of each of J labellings (n, J) in {0, 1} of images with pooled activations (n, C), (J,)."""
    scaled = _scaled(pooled)
    n = len(scaled)
    kernel = scaled @ scaled.T / max(1, scaled.shape[1])
    identity = torch.eye(n, dtype=torch.float64)
    hat = torch.linalg.solve(kernel + RIDGE * identity, kernel) + 1 / n  # the last term is the mean of the labels
    own = hat.diagonal()[:, None]
    left_out = (hat @ labels - own * labels) / (1 - own).clamp_min(1e-9)
    ranks = left_out.argsort(0).argsort(0).double() + 1
    n_inside = labels.sum(0)
    aucs = ((ranks * labels).sum(0) - n_inside * (n_inside + 1) / 2) / (n_inside * (n - n_inside))
    return 1 - aucs


def _scaled(pooled: Tensor) -> Tensor:
    """Every channel with mean 0 and variance 1, (n, C) double; a constant one becomes 0."""
    centred = pooled.double().cpu() - pooled.double().cpu().mean(0)
    spread = centred.std(0, correction=0)
    return centred / torch.where(spread > 0, spread, 1)


def _geometric_mean(errors: Sequence[float]) -> float:
    return float(np.exp(np.log(np.maximum(errors, LEAST_ERROR)).mean()))
