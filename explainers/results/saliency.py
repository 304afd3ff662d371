"""A second opinion as pages and the command line ask for it: saliency maps, and how the answer follows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from explainers.results.provenance import Result
from explainers.saliency.curves import Chance, Curve, corrected
from explainers.saliency.settings import MapName, SaliencySettings


@dataclass(frozen=True, eq=False)
class SaliencyMap:
    """One map of the class at one depth, and what becomes of the class when the photo is removed in its order."""

    name: MapName
    values: np.ndarray  # (h, w) float32; below 0: against the class
    deletion: Curve
    insertion: Curve

    @property
    def shown(self) -> np.ndarray:
        """What speaks for the class, (h, w) in [0, 1]: 1 where it is most; all 0 where nothing does."""
        positive = self.values.clip(min=0)
        return positive / (positive.max() or 1)


@dataclass(frozen=True, eq=False)
class SaliencyAtDepth:
    """All maps of one depth."""

    depth: int
    maps: tuple[SaliencyMap, ...]
    middle_first: SaliencyMap  # an order that knows nothing of the network, for comparison
    deletion_chance: Chance
    insertion_chance: Chance
    gap_share: float  # completeness gap of plain integrated gradients, as a share of the logit's change

    def agreement(self, name: MapName) -> float:
        """Spearman's rank correlation of a map with Visual-TCAV's, position by position; 0 where one is the same everywhere."""
        ours, other = (next(m.values for m in self.maps if m.name == wanted).ravel() for wanted in ("visual_tcav", name))
        return 0.0 if np.ptp(ours) == 0 or np.ptp(other) == 0 else float(spearmanr(ours, other).statistic)


@dataclass(frozen=True, eq=False)
class SecondOpinion(Result[SaliencySettings]):
    """Saliency maps of one class in one photo, at several depths. Data on the CPU."""

    class_idx: int
    class_name: str
    probability: float  # of the whole photo
    depths: tuple[SaliencyAtDepth, ...]
    refused_depths: Mapping[int, str]  # why there is no map at these

    @property
    def shares(self) -> tuple[float, ...]:
        """How much of the photo is removed, or restored, at every point of a curve."""
        n = self.settings.n_shares
        return tuple(step / n for step in range(n + 1))

    def at(self, depth: int) -> SaliencyAtDepth:
        """The maps of a depth."""
        return next(of_depth for of_depth in self.depths if of_depth.depth == depth)


def corrected_over_depths(depths: Sequence[SaliencyAtDepth]) -> tuple[SaliencyAtDepth, ...]:
    """With p-values corrected over all maps and depths given; deletion and insertion each for themselves."""
    maps = [m for of_depth in depths for m in of_depth.maps]
    deletions, insertions = corrected([m.deletion for m in maps]), corrected([m.insertion for m in maps])
    pairs = zip(maps, deletions, insertions, strict=True)
    done = iter([replace(m, deletion=deletion, insertion=insertion) for m, deletion, insertion in pairs])
    return tuple(replace(of_depth, maps=tuple(next(done) for _ in of_depth.maps)) for of_depth in depths)
