"""What is shown of an explanation, and how: the depth, the class and the heat. Changing it computes nothing again."""

from collections.abc import Sequence

import streamlit as st

from explainers.results.explanations import ALL_DEPTHS, LocalExplanation, ShownDepth
from pages.common import link
from pages.common.heat_appearance import OPACITY, THRESHOLD, HeatAppearance

_FRAGMENTS = ["local", "second opinion"]  # both draw maps over the photo


def settle(explanation: LocalExplanation, *, is_opened: bool) -> None:
    """Gives the controls their values before the fragment that has them: from the link, the last explanation, or the defaults.

    An image opened from a class follows the depth of the class.
    """
    if not is_opened:
        settle_depth(choices([facts.depth for facts in explanation.depths]), explanation.telling_depth)
    link.settle("of", explanation.class_idx[0], explanation.class_idx.__contains__, word="class")
    link.settle("heat_opacity", OPACITY, range(101).__contains__, word="opacity")
    link.settle("heat_threshold", THRESHOLD, range(101).__contains__, word="threshold")


def settle_depth(depths: Sequence[ShownDepth], default: ShownDepth) -> None:
    """The depth that is shown, or all of them."""
    link.settle("depth", default, depths.__contains__, kind=depth_in_link)


def depth_in_link(text: str) -> ShownDepth:
    """A depth, or all, as links spell it."""
    return ALL_DEPTHS if text == ALL_DEPTHS else int(text)


def choice_in_words(choice: ShownDepth) -> str:
    """For controls: of one depth, or of all."""
    return "All" if choice == ALL_DEPTHS else str(choice)


def choices(depths: Sequence[int]) -> list[ShownDepth]:
    """What can be shown: every depth, and all together where they are several."""
    return [*depths, ALL_DEPTHS] if len(depths) > 1 else list(depths)


def depth(depths: Sequence[int]) -> ShownDepth:
    """Draws the choice of the depth that is shown."""
    chosen = st.segmented_control(
        "Depth shown",
        choices(depths),
        format_func=choice_in_words,
        key="depth",
        required=True,
        persist_state="session",
        help="Shallow depths see small and simple things, deep ones what decides the class. All: the mean over the depths, "
        "with one test per concept instead of one per depth, so that no depth has to be guessed.",
    )
    return st.session_state["depth"] if chosen is None else chosen


def in_words(depth: ShownDepth) -> str:
    """For headings: of one depth, or of all."""
    return "over all depths" if depth == ALL_DEPTHS else f"at depth {depth}"


def heat() -> HeatAppearance:
    """Draws the sliders of opacity and threshold."""
    left, right = st.columns(2, gap="medium")
    with left:
        opacity = _percent("Opacity", "heat_opacity", "How strongly the heat covers the photo.")
    with right:
        threshold = _percent("Threshold", "heat_threshold", "Below this value of the concept map, the photo is left as it is.")
    return HeatAppearance(opacity, threshold)


def _percent(label: str, key: str, meaning: str) -> float:
    return st.slider(label, 0, 100, key=key, format="%d %%", persist_state="session", on_change=_redraw, help=meaning) / 100


def _redraw() -> None:
    """Reruns all that draws heat. Without a second opinion that is the fragment of the sliders, which reruns anyway."""
    if st.session_state.get("opinion"):
        st.rerun(_FRAGMENTS)


def class_shown(explanation: LocalExplanation) -> int:
    """Draws the choice of the class of the table; its place in the explanation."""
    names = dict(zip(explanation.class_idx, explanation.class_names, strict=True))
    idx = st.selectbox(
        "Class shown",
        list(names),
        format_func=names.__getitem__,
        key="of",
        persist_state="session",
        help="The table and the chart of depths are about this class.",
    )
    return explanation.class_idx.index(idx)
