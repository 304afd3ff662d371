"""A set of photos instead of one: generated scenes, which are part of the link, or the user's uploads, which are not."""

import streamlit as st

from explainers.results.comparisons import MAX_PHOTOS
from models.photo import Photo
from pages.common import link, photos

N_SCENES = (2, 4, 8, 16, 32)
SCENES, OWN = "scenes", "own"
ONE, SEVERAL = "one", "set"
_WANTED_HELP = (
    "One photo, or a set of photos whose positions are clustered together: then one colour means one thing in all of them."
)


def is_wanted() -> bool:
    """Draws the choice between one photo and a set."""
    link.settle("photos", ONE, (ONE, SEVERAL).__contains__)
    names = {ONE: "One photo", SEVERAL: "A set together"}
    wanted = st.segmented_control(
        "Photos", list(names), key="photos", required=True, format_func=names.get, persist_state="session", help=_WANTED_HELP
    )
    return wanted == SEVERAL


def is_private() -> bool:
    """True if the chosen set cannot be part of the link."""
    return st.session_state["set"] == OWN


def choose_or_upload() -> tuple[tuple[Photo, ...], list[str]]:
    """Draws the choice of a set and the uploader below it; a sentence for every upload that was refused.

    Who uploads photos wants to see them.
    """
    above, n_before = st.container(), len(photos.uploaded())
    refusals = photos.upload()
    if len(photos.uploaded()) > n_before:
        st.session_state["set"] = OWN
    with above:
        return choose(in_a_row=False), refusals


def choose(in_a_row: bool = True) -> tuple[Photo, ...]:
    """Draws the choice of a set of photos. Uploads are never part of the link."""
    all_uploads = photos.uploaded()
    uploads = all_uploads[:MAX_PHOTOS]
    sources = [SCENES, *([OWN] if uploads else [])]
    source = link.settle("set", SCENES, sources.__contains__, word="set of photos")
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom") if in_a_row else (st.container(), st.container())
    source = left.segmented_control(
        "Set of photos",
        sources,
        key="set",
        required=True,
        persist_state="session",
        format_func={SCENES: "Generated scenes", OWN: f"My uploads ({len(uploads)})"}.get,
        help=f"Which photos belong to the set. Upload several in the sidebar to use your own, up to {MAX_PHOTOS}.",
    )
    if source == OWN:
        link.leave_out("set")
        if len(uploads) < len(all_uploads):
            st.caption(f"Of {len(all_uploads)} uploads, the first {MAX_PHOTOS} are taken.")
        return uploads
    link.settle("n_scenes", 8, N_SCENES.__contains__, word="number of scenes")
    n_scenes = right.select_slider(
        "Scenes", N_SCENES, key="n_scenes", persist_state="session", help="More scenes, steadier figures, longer waiting."
    )
    return tuple(photos.scene(seed) for seed in range(n_scenes))
