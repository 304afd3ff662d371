"""How a segmentation is drawn: the frozen Look, and the widgets that change it without computing anything again.

The fragments that show a look rerun together when it changes; the rest of the page does not.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.drawing.clusters import hex_colour, overlay
from explainers.nave.segmentation import Segmentation
from pages.common import link
from pages.common.live_view.live_view import Role

FOLLOW: dict[Role, str] = {
    "frame": "k",
    "opacity": "opacity",
    "outlines": "outlines",
    "clusters_only": "clusters_only",
    "blink": "blink",
}
"""The widgets that the live view follows in the browser, while they move."""

_LOOK_FRAGMENTS = ["picture", "strip", "details"]
_BLINK_HELP = "Shows the photo and its clusters in turn. The picture held pressed, or the key O on it, shows the photo, too."


@dataclass(frozen=True)
class Look:
    """How a segmentation is drawn."""

    n_clusters: int
    opacity: float = 0.55
    outlines: bool = True
    clusters_only: bool = False
    only: tuple[int, ...] = ()  # the clusters that are shown alone; () shows all

    @property
    def cover(self) -> float:
        """The opacity that is drawn: without the photo, the clusters hide it."""
        return 1.0 if self.clusters_only else self.opacity


def draw(pixels: np.ndarray, segmentation: Segmentation, look: Look) -> np.ndarray:
    """The picture (H, W, 3) uint8 at the size of ``pixels``."""
    return overlay(pixels, segmentation.at(look.n_clusters), opacity=look.cover, outlines=look.outlines, only=look.only)


def settle(segmentation: Segmentation) -> None:
    """Gives the look its values before the fragments that show it: from the link, the last picture, or the suggestion."""
    link.settle("k", segmentation.suggested_k, segmentation.ks.__contains__, word="granularity")
    link.settle("opacity", 55, range(101).__contains__)
    link.settle("outlines", True)
    link.settle("clusters_only", False)
    link.settle("only", [], lambda clusters: all(0 <= idx < st.session_state["k"] for idx in clusters), word="cluster")


def current() -> Look:
    """How the segmentation is drawn now. Clusters that are gone since the granularity fell are not shown alone."""
    state = st.session_state
    remaining = [idx for idx in state["only"] if idx < state["k"]]
    if remaining != state["only"]:
        state["only"] = remaining
    return Look(state["k"], state["opacity"] / 100, state["outlines"], state["clusters_only"], tuple(remaining))


def granularity(segmentation: Segmentation) -> None:
    """The live slider."""
    st.slider(
        "Granularity",
        segmentation.ks[0],
        segmentation.ks[-1],
        key="k",
        persist_state="session",
        on_change=_redraw,
        help=f"Into how many clusters the photo is divided. Suggested here: {segmentation.suggested_k}.",
    )


def appearance(segmentation: Segmentation) -> None:
    """Opacity, outlines, clusters without the photo, blinking, and some clusters alone."""
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
    st.pills(
        "Clusters alone",
        range(st.session_state["k"]),
        selection_mode="multi",
        format_func=_chip,
        key="only",
        persist_state="session",
        wrap=True,
        help="Shows some clusters and fades the others. A click on the picture shows one, a second click all again; "
        "with the shift key held, a click adds or takes away.",
    )


def _chip(cluster_idx: int) -> str:
    return f':color[\u2003]{{background="{hex_colour(cluster_idx)}"}} {cluster_idx}'


def select(pane: str, clusters: tuple[int, ...]) -> None:
    """A click on the picture: those clusters alone, or all if there are none."""
    st.session_state["only"] = list(clusters)


def _redraw() -> None:
    """Reruns what depends on the look, and nothing else.

    Not for changes that a callback makes itself: Streamlit forgets to tell the browser of those once it reruns from there.
    """
    st.rerun(_LOOK_FRAGMENTS)
