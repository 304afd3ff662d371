"""A pinned place of a photo and what is similar to it: what the session keeps of them, and the widgets around their picture.

    at     the place as shares of the photo's width and height, such as "0.41,0.635"; "" while none is pinned
    alike  from which similarity on places are drawn and belong to the pinned region, in hundredths

Both are part of the link.
"""

import streamlit as st

from explainers.drawing.places import scale
from explainers.nave.components import Place
from pages.common import link

THRESHOLD, MAX_THRESHOLD = 40, 95  # hundredths
SIMILARITY = (
    "Cosine of the angle between the composite activations of two places, after the mean over all places has been taken away. "
    "1 means the same, 0 as alike as two places are on average."
)
_THRESHOLD_HELP = "From which similarity on a place is drawn. What is drawn around a pinned place is its region."


def settle() -> None:
    """Gives place and threshold their values before they are shown: from the link, the last picture, or the default."""
    link.settle("at", "", lambda text: text == "" or read_place(text) is not None, word="place")
    link.settle("alike", THRESHOLD, range(MAX_THRESHOLD + 1).__contains__, word="similarity")


def pinned_place() -> Place | None:
    """The place that is pinned."""
    return read_place(st.session_state.get("at", ""))


def threshold() -> float:
    """The similarity from which on places are drawn."""
    return st.session_state.get("alike", THRESHOLD) / 100


def draw_threshold() -> None:
    """Draws the slider of the threshold."""
    st.slider("Similar from", 0, MAX_THRESHOLD, key="alike", format="0.%02d", persist_state="session", help=_THRESHOLD_HELP)


def draw_scale(remark: str = "") -> None:
    """Draws what the colours of similarities mean; a remark on what they are worth stands in the help."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Similarity 0", width="content")
        st.image(scale(), width=140, alt="The scale of similarities: dark violet is 0, green 0.7, yellow 1")
        st.caption("1, the same", width="content", help=f"{SIMILARITY} {remark}".strip())


def read_place(text: str) -> Place | None:
    """The place that a text such as "0.41,0.635" names; None if it names none."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        return None
    return (x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None


def show_place(place: Place) -> str:
    """A place as it stands in the link."""
    return ",".join(f"{share:.4g}" for share in place)


def in_words(place: Place) -> str:
    """A place for people."""
    return f"the place {place[0]:.0%} across, {place[1]:.0%} down".replace("%", " %")
