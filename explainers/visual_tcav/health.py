"""What a CAV is worth, apart from any class: does it hold for images that it was not fitted on, would others give it too?"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from explainers.visual_tcav.cav import Cav, mean_difference
from explainers.visual_tcav.domain import DomainCheck
from explainers.visual_tcav.resampling import N_FOLDS, folds
from explainers.visual_tcav.verdicts import Verdict, verdict_on


@dataclass(frozen=True)
class CavHealth:
    """What a CAV is worth, apart from any class."""

    auc: float  # held-out area under the ROC curve of <cav, pooled activation>
    emblem_gap: float  # (e+ - e-) / e+: 1 is best, 0 or less means that random images respond as strongly
    stability: float  # mean cosine between the CAV and its bootstrap replicates
    n_concept: int
    n_random: int
    domain: DomainCheck | None = None  # None where both sets are of one kind by origin, or it was not asked for

    @property
    def verdict(self) -> Verdict:
        """The gravest reason to doubt the CAV, or that there is none."""
        doubt = self.domain.doubt if self.domain else "none"
        return verdict_on(self.auc, self.emblem_gap, self.stability, self.n_concept, doubt)


def health_of(cav: Cav, concept_pooled: Tensor, random_pooled: Tensor, replicates: Tensor, seed: int) -> CavHealth:
    """The health of a CAV, from the pooled activations (n, C) of both sets and the vectors (B, C) of its replicates."""
    high, low = cav.concept_emblem, cav.random_emblem
    return CavHealth(
        auc=held_out_auc(concept_pooled, random_pooled, seed),
        emblem_gap=(high - low) / high if high > 0 else -1.0,
        stability=float(torch.cosine_similarity(replicates, cav.vector[None], dim=1).mean()),
        n_concept=len(concept_pooled),
        n_random=len(random_pooled),
    )


def held_out_auc(concept_pooled: Tensor, random_pooled: Tensor, seed: int = 0) -> float:
    """Area under the ROC curve of <cav, pooled activation> on images that the CAV was not fitted on, mean over folds.

    From the pooled activations (n, C) of both sets; NaN with fewer than two images in one of them.
    """
    n_folds = min(N_FOLDS, len(concept_pooled), len(random_pooled))
    if n_folds < 2:
        return float("nan")
    concept_folds, random_folds = (folds(len(pooled), seed, n_folds) for pooled in (concept_pooled, random_pooled))
    areas = []
    for fold in range(n_folds):
        concept_out, random_out = torch.from_numpy(concept_folds == fold), torch.from_numpy(random_folds == fold)
        vector = mean_difference(concept_pooled[~concept_out], random_pooled[~random_out])
        projections = torch.cat([concept_pooled[concept_out] @ vector, random_pooled[random_out] @ vector])
        shows_concept = [1] * int(concept_out.sum()) + [0] * int(random_out.sum())
        areas.append(roc_auc_score(shows_concept, projections.cpu().numpy()))
    return float(np.mean(areas))
