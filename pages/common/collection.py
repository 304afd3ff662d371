"""Several photos instead of one: samples or generated scenes, which are part of the link, or uploads, which are not."""

import streamlit as st

from explainers.results.comparisons import MAX_PHOTOS
from models.catalog.entries import LearntFrom
from models.photo import Photo
from pages.common import choices, link, photos

SCENE_COUNTS = (2, 4, 8, 16, 32)
SAMPLES, SCENES, OWN = "samples", "scenes", "own"
_SOURCE_HELP = "Which photos are used. Upload several in the sidebar to use your own, up to {}."
PRIVATE = (
    "This link was made with private photos, which are not part of it and stay with whoever made it; others are shown instead."
)


def is_private() -> bool:
    """True if the chosen photos cannot be part of the link."""
    return st.session_state["set"] == OWN


def choose(learnt_from: LearntFrom, *, in_a_row: bool = True, at_most: int = MAX_PHOTOS) -> tuple[Photo, ...]:
    """Draws the choice of photos; what the encoder has learnt from comes first. Uploads are never part of the link."""
    n_own = photos.n_own()
    samples, scenes = {SAMPLES: "Sample photos"}, {SCENES: "Generated scenes"}
    offered = scenes | samples if learnt_from == "scenes" else samples | scenes
    names = offered | ({OWN: f"My uploads ({min(n_own, at_most)})"} if n_own else {})
    if link.wish("set") == OWN and not n_own:
        link.decline("set", PRIVATE)
    if link.wish("n_scenes") is not None:
        link.imply("set", SCENES)
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom") if in_a_row else (st.container(), st.container())
    with left:
        source = choices.choose("Collection", "set", names, _SOURCE_HELP.format(at_most), word="collection")
    if source == OWN:
        if n_own > at_most:
            st.caption(f"Of {n_own} uploads, the first {at_most} are used.")
        return photos.uploaded(at_most)
    if source == SAMPLES:
        return tuple(photos.sample(name) for name in photos.SAMPLES)
    link.settle("n_scenes", 8, SCENE_COUNTS.__contains__, word="number of scenes")
    n_scenes = right.select_slider(
        "Scenes", SCENE_COUNTS, key="n_scenes", persist_state="session", help="More scenes give steadier numbers and take longer."
    )
    return tuple(photos.scene(seed) for seed in range(n_scenes))
