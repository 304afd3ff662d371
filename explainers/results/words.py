"""What an encoder makes of words: CAVs by way of a text tower, each with what it is worth, and the photos that respond."""

from dataclasses import dataclass

import numpy as np

from explainers.results.provenance import Result
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from explainers.visual_tcav.text import MapWorth, TextSettings


@dataclass(frozen=True, eq=False)
class WordAtDepth:
    """One word at one depth."""

    word: str
    depth: int
    health: CavHealth
    p_value: float  # of the held-out AUC
    corrected_p_value: float  # over all words and depths of the answer
    emblems: tuple[float, float]  # of the photos near to the word, and of the others
    responses: np.ndarray  # (n_photos,)

    @property
    def significant(self) -> bool:
        """Whether photos near to the word are set apart from the others more than chance would."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


@dataclass(frozen=True, eq=False)
class WordsResult(Result[TextSettings]):
    """Data on the CPU."""

    words: tuple[str, ...]
    maps: dict[int, MapWorth]  # by depth
    judged: tuple[WordAtDepth, ...]  # every word at every depth
    similarities: np.ndarray  # (n_words, n_photos): cosine of every word and every photo, both centred, in the tower's space

    def at(self, word: str, depth: int) -> WordAtDepth:
        """One word at one depth."""
        return next(at for at in self.judged if (at.word, at.depth) == (word, depth))

    def best_depth(self, word: str) -> int:
        """The depth at which its CAV has the least to doubt; among equals, the one with the highest held-out AUC."""
        of_word = [at for at in self.judged if at.word == word]
        return max(of_word, key=lambda at: (at.significant, at.health.verdict.rank, at.health.auc)).depth
