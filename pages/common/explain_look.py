"""How an explanation is looked at: the depth, the class and the heat. Changing it computes nothing again."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.explanations import LocalExplanation
from explainers.heat import heat_overlay
from pages.common import link

OPACITY, THRESHOLD = 80, 15  # percent


@dataclass(frozen=True)
class HeatLook:
    """How concept maps are drawn over a photo."""

    opacity: float = OPACITY / 100
    threshold: float = THRESHOLD / 100

    def draw(self, pixels: np.ndarray, concept_map: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) uint8 at the size of ``pixels``."""
        return heat_overlay(pixels, concept_map, self.opacity, self.threshold)


def settle(explanation: LocalExplanation, is_opened: bool) -> None:
    """Gives the look its values before the fragment that shows it: from the link, the last explanation, or the defaults.

    That of an image opened from a class follows the depth of the class.
    """
    if not is_opened:
        settle_depth([facts.depth for facts in explanation.depths], explanation.telling_depth)
    link.settle("of", explanation.class_idx[0], explanation.class_idx.__contains__, word="class")
    link.settle("every_depth", False, word="every depth")
    link.settle("heat_opacity", OPACITY, range(101).__contains__, word="opacity")
    link.settle("heat_threshold", THRESHOLD, range(101).__contains__, word="threshold")


def settle_depth(depths: list[int], telling: int) -> None:
    """The depth that is looked at: where there is most to see, unless another is chosen."""
    link.settle("depth", telling, depths.__contains__)


def depth(depths: list[int]) -> int:
    """Draws the choice of the depth that is looked at."""
    return st.segmented_control(
        "Depth shown",
        depths,
        key="depth",
        required=True,
        persist_state="session",
        help="Maps and bars are of this depth. Shallow depths see small and simple things, deep ones what decides the class.",
    )


def heat() -> HeatLook:
    """Draws the sliders of opacity and threshold."""
    opacity, threshold = st.columns(2, gap="medium")
    return HeatLook(
        _percent(opacity, "Opacity", "heat_opacity", "How strongly the heat covers the photo."),
        _percent(threshold, "Threshold", "heat_threshold", "Below this value of the concept map, the photo is left as it is."),
    )


def _percent(place, label: str, key: str, meaning: str) -> float:
    return place.slider(label, 0, 100, key=key, format="%d %%", persist_state="session", help=meaning) / 100


def class_shown(explanation: LocalExplanation) -> int:
    """Draws the choice of the class of the table; its place in the explanation."""
    names = dict(zip(explanation.class_idx, explanation.class_names, strict=True))
    idx = st.selectbox(
        "Class shown",
        list(names),
        format_func=names.get,
        key="of",
        persist_state="session",
        help="The table and the chart of depths are about this class.",
    )
    return explanation.class_idx.index(idx)
