"""Several photos instead of one: generated scenes, which are part of the link, or the user's uploads, which are not."""

import streamlit as st

from explainers.results.comparisons import MAX_PHOTOS
from models.photo import Photo
from pages.common import choices, link, photos

SCENE_COUNTS = (2, 4, 8, 16, 32)
SCENES, OWN = "scenes", "own"
ONE, SEVERAL = "one", "set"
_NAMES = {ONE: "One photo", SEVERAL: "Several together"}
_WANTED_HELP = (
    "One photo, or several whose positions are clustered together: then one colour means the same thing in all of them."
)
_SOURCE_HELP = f"Which photos are looked at. Upload several in the sidebar to use your own, up to {MAX_PHOTOS}."


def is_wanted() -> bool:
    """Draws the choice between one photo and several."""
    return choices.choose("Photos", "photos", _NAMES, _WANTED_HELP) == SEVERAL


def is_private() -> bool:
    """True if the chosen photos cannot be part of the link."""
    return st.session_state["set"] == OWN


def choose_or_upload() -> tuple[tuple[Photo, ...], list[str]]:
    """Draws the choice of photos and the uploader below it; a sentence for every upload that was refused.

    Who uploads photos wants to see them.
    """
    above, n_before = st.container(), len(photos.uploaded())
    refusals = photos.upload()
    if len(photos.uploaded()) > n_before:
        st.session_state["set"] = OWN
    with above:
        return choose(in_a_row=False), refusals


def choose(*, in_a_row: bool = True) -> tuple[Photo, ...]:
    """Draws the choice of photos. Uploads are never part of the link."""
    all_uploads = photos.uploaded()
    own = all_uploads[:MAX_PHOTOS]
    names = {SCENES: "Generated scenes"} | ({OWN: f"My uploads ({len(own)})"} if own else {})
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom") if in_a_row else (st.container(), st.container())
    with left:
        source = choices.choose("Collection", "set", names, _SOURCE_HELP, word="collection")
    if source == OWN:
        link.leave_out("set")
        if len(own) < len(all_uploads):
            st.caption(f"Of {len(all_uploads)} uploads, the first {MAX_PHOTOS} are taken.")
        return own
    link.settle("n_scenes", 8, SCENE_COUNTS.__contains__, word="number of scenes")
    n_scenes = right.select_slider(
        "Scenes", SCENE_COUNTS, key="n_scenes", persist_state="session", help="More scenes, steadier figures, longer waiting."
    )
    return tuple(photos.scene(seed) for seed in range(n_scenes))
