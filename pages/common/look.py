"""How a segmentation is drawn: the frozen Look, and the widgets that change it without computing anything again.

The fragments that show a look rerun together when it changes; the rest of the page does not.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.nave import Segmentation
from explainers.overlay import hex_colour, overlay
from pages.common import link

SLIDER_CLASSES = {"k": "st-key-k", "opacity": "st-key-opacity"}
"""Where the browser finds the sliders that the picture follows."""

_LOOK_FRAGMENTS = ["picture", "strip", "details"]


@dataclass(frozen=True)
class Look:
    """How a segmentation is drawn."""

    n_clusters: int
    opacity: float = 0.55
    outlines: bool = True
    clusters_only: bool = False
    only: int | None = None  # the one cluster that is shown

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
    link.settle("only", None, range(st.session_state["k"]).__contains__, word="cluster", kind=int)


def current() -> Look:
    """How the segmentation is drawn now. A cluster that is gone since the granularity fell is not shown alone."""
    state = st.session_state
    if state["only"] is not None and state["only"] >= state["k"]:
        state["only"] = None
    return Look(state["k"], state["opacity"] / 100, state["outlines"], state["clusters_only"], state["only"])


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
    """Opacity, outlines, clusters without the photo, and one cluster alone."""
    opacity, toggles = st.columns([2, 3], gap="medium", vertical_alignment="bottom")
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
    st.pills(
        "One cluster alone",
        range(st.session_state["k"]),
        format_func=_chip,
        key="only",
        persist_state="session",
        wrap=True,
        help="Shows one cluster and fades the others. A click on the picture does the same; a second click shows all again.",
    )


def _chip(cluster_idx: int) -> str:
    return f':color[\u2003]{{background="{hex_colour(cluster_idx)}"}} {cluster_idx}'


def pick_cluster(cluster_idx: int) -> None:
    """A click on the picture: that cluster alone, or all again."""
    st.session_state["only"] = None if st.session_state["only"] == cluster_idx else cluster_idx


def _redraw() -> None:
    """Reruns what depends on the look, and nothing else.

    Not for changes that a callback makes itself: Streamlit forgets to tell the browser of those once it reruns from there.
    """
    st.rerun(_LOOK_FRAGMENTS)
