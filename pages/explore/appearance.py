"""How a segmentation is drawn: the frozen Appearance, and the widgets that change it without computing anything again.

The fragments that show a segmentation rerun together when its appearance changes; the rest of the page does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.drawing.clusters import overlay
from explainers.nave.segmentation import Segmentation
from pages.common import link
from pages.common.live_view.live_view import Controls, Cover, Role
from pages.common.text import escaped

_FOLLOW: dict[Role, str] = {  # the keys of the widgets
    "frame": "k",
    "opacity": "opacity",
    "outlines": "outlines",
    "clusters_only": "clusters_only",
    "blink": "blink",
}
_FRAGMENTS = ["picture", "strip", "details"]
_BLINK_HELP = "Shows the photo and its clusters in turn. The picture held pressed, or the key O on it, shows the photo, too."


@dataclass(frozen=True)
class Appearance:
    """How a segmentation is drawn."""

    n_clusters: int
    opacity: float = 0.55
    outlines: bool = True
    clusters_only: bool = False
    only: tuple[int, ...] = ()  # the clusters that are shown alone; () shows all

    @property
    def drawn_opacity(self) -> float:
        """Without the photo, the clusters hide it."""
        return 1.0 if self.clusters_only else self.opacity

    @property
    def cover(self) -> Cover:
        """What the live view needs of it: it knows granularity and selection by itself."""
        return Cover(self.opacity, self.outlines, self.clusters_only)

    def draw(self, pixels: np.ndarray, segmentation: Segmentation) -> np.ndarray:
        """The picture (H, W, 3) uint8 of a photo's pixels (H, W, 3) under its clusters."""
        labels = segmentation.at(self.n_clusters)
        return overlay(pixels, labels, opacity=self.drawn_opacity, outlines=self.outlines, only=self.only)


def settle(segmentation: Segmentation) -> None:
    """Gives the appearance its values before the fragments show it: from the link, the last picture, or the suggestion."""
    link.settle("k", segmentation.suggested_k, segmentation.ks.__contains__, word="granularity")
    link.settle("opacity", 55, range(101).__contains__)
    link.settle("outlines", default=True)
    link.settle("clusters_only", default=False)
    link.settle("only", [], lambda clusters: all(0 <= idx < st.session_state["k"] for idx in clusters), word="cluster")


def current() -> Appearance:
    """How the segmentation is drawn now. Clusters that are gone since the granularity fell are not shown alone."""
    state = st.session_state
    remaining = [idx for idx in state["only"] if idx < state["k"]]
    if remaining != state["only"]:
        state["only"] = remaining
    return Appearance(state["k"], state["opacity"] / 100, state["outlines"], state["clusters_only"], tuple(remaining))


def live_controls(*, together: bool = False) -> Controls:
    """The widgets that the live view follows in the browser while they move, and what a click on a picture does."""
    return Controls(_FOLLOW, _select, together)


def _select(pane: str, clusters: tuple[int, ...]) -> None:
    """A click on the picture: those clusters alone, or all if there are none."""
    st.session_state["only"] = list(clusters)


def granularity(segmentation: Segmentation) -> None:
    """Draws the live slider."""
    st.slider(
        "Granularity",
        segmentation.ks[0],
        segmentation.ks[-1],
        key="k",
        persist_state="session",
        on_change=_redraw,
        help=f"Into how many clusters the photo is divided. Suggested here: {segmentation.suggested_k}.",
    )


def controls() -> None:
    """Draws opacity, outlines, clusters without the photo, and blinking."""
    opacity, toggles = st.columns([1, 2], gap="medium", vertical_alignment="bottom")
    opacity.slider(
        "Opacity",
        0,
        100,
        key="opacity",
        format="%d %%",
        persist_state="session",
        on_change=_redraw,
        disabled=st.session_state["clusters_only"],
        help="How strongly the colours cover the photo.",
    )
    with toggles.container(horizontal=True):
        st.toggle("Outlines", key="outlines", persist_state="session", on_change=_redraw, help="Lines between clusters.")
        st.toggle("Clusters only", key="clusters_only", persist_state="session", on_change=_redraw, help="Hides the photo.")
        st.toggle("Blink", key="blink", persist_state="session", help=_BLINK_HELP)


def swatch(colour: str) -> str:
    """A little square in the colour '#RRGGBB', as the address of a picture."""
    fill = colour.replace("#", "%23")
    square = f"<rect width='24' height='24' rx='5' fill='{fill}'/>"
    return f"data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' width='24' height='24'>{square}</svg>"


def legend(colours: Sequence[str], words: Sequence[str]) -> None:
    """Draws the clusters with their colours on the picture and what they are called; those that are pressed are shown alone."""
    st.pills(
        "Show only",
        range(st.session_state["k"]),
        selection_mode="multi",
        format_func=lambda idx: f':color[\u2003]{{background="{colours[idx]}"}} {escaped(words[idx])}',
        key="only",
        persist_state="session",
        wrap=True,
        help="Highlights some clusters and fades the rest. Clicking the picture selects one, clicking it again clears the "
        "selection; Shift and click adds or removes one.",
    )


def _redraw() -> None:
    """Reruns what depends on the appearance, and nothing else.

    Not for changes that a callback makes itself: Streamlit does not send those to the browser when it reruns from there.
    """
    st.rerun(_FRAGMENTS)
