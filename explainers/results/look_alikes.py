"""Which concepts parts of photos look like: how far each part's activation points along each concept's CAV, beside chance."""

from dataclasses import dataclass

from explainers.results.provenance import Result
from explainers.visual_tcav.settings import ExplainSettings


@dataclass(frozen=True)
class LookAlike:
    """One concept beside one part."""

    concept: str
    random: str  # the random counterpart of its CAV
    cosine: float  # of the part's activation, less the mean of the photos, and the CAV; mean over depths
    chance: tuple[float, float]  # the middle 95 % of what pseudo-concepts give

    @property
    def stands_out(self) -> bool:
        """Whether the part points along the CAV more than chance does."""
        return self.cosine > self.chance[1]


@dataclass(frozen=True, eq=False)
class LookAlikesResult(Result[ExplainSettings]):
    """Data on the CPU."""

    of_parts: tuple[tuple[LookAlike, ...], ...]  # per part, every concept whose CAVs were at hand; none where the part is empty

    def best(self, part_idx: int) -> LookAlike | None:
        """The concept that a part looks like most, among those that stand out; None if none does."""
        clear = [alike for alike in self.of_parts[part_idx] if alike.stands_out]
        return max(clear, key=lambda alike: alike.cosine - alike.chance[1], default=None)

    @property
    def n_concepts(self) -> int:
        """How many concepts took part."""
        return max((len(of_part) for of_part in self.of_parts), default=0)
