"""The CAVs that are followed together through an image: a concept's own, its replicates, and what it is tested against."""

from dataclasses import dataclass

import numpy as np

from explainers.visual_tcav.cav import Cavs
from explainers.visual_tcav.fitting import FittedConcept
from explainers.visual_tcav.nulls import N_OF_EACH, PseudoConcepts


@dataclass(frozen=True, eq=False)
class Parts:
    """Values of a whole stack, (..., J), taken apart."""

    observed: np.ndarray  # (...): of the concept's own CAV
    replicates: np.ndarray  # (..., n_bootstrap)
    nulls: np.ndarray  # (..., n_null): of pseudo-concepts
    null_replicates: np.ndarray  # (..., n_null, N_OF_EACH)

    def mean(self) -> "Parts":
        """The mean over the first axis."""
        return Parts(self.observed.mean(0), self.replicates.mean(0), self.nulls.mean(0), self.null_replicates.mean(0))


@dataclass(frozen=True, eq=False)
class CavStack:
    """J CAVs of one depth: a concept's own, its replicates, pseudo-concepts as clear as the concept, their replicates."""

    cavs: Cavs
    n_bootstrap: int
    n_null: int

    @staticmethod
    def of(fit: FittedConcept, pseudo_concepts: PseudoConcepts) -> "CavStack":
        """The stack of a concept and of pseudo-concepts of as many images."""
        pseudo = pseudo_concepts.raised_to(fit.effect_size)
        cavs = Cavs.joined([Cavs.of(fit.cav), fit.replicates, pseudo.cavs, pseudo.replicates])
        return CavStack(cavs, len(fit.replicates), len(pseudo.cavs))

    def with_nulls(self, n: int) -> Cavs:
        """The concept's own CAV and the first n pseudo-concepts, without replicates."""
        own, _, nulls, _ = self.cavs.split([1, self.n_bootstrap, self.n_null, self.n_null * N_OF_EACH])
        return Cavs.joined([own, nulls.split(min(n, self.n_null))[0]])

    def parts(self, values: np.ndarray) -> Parts:
        """Values (..., J) taken apart."""
        first_null = 1 + self.n_bootstrap
        first_replicate = first_null + self.n_null
        of_nulls = values[..., first_replicate:].reshape(*values.shape[:-1], self.n_null, N_OF_EACH)
        return Parts(values[..., 0], values[..., 1:first_null], values[..., first_null:first_replicate], of_nulls)
