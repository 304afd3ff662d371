"""Several photos instead of one: samples or generated scenes, which are part of the link, or uploads, which are not."""

import streamlit as st

from explainers.results.comparisons import MAX_PHOTOS
from models.catalog.entries import LearntFrom
from models.photo import Photo
from pages.common import choices, link, photos

SCENE_COUNTS = (2, 4, 8, 16, 32)
SAMPLES, SCENES, OWN = "samples", "scenes", "own"
_SOURCE_HELP = f"Which photos are used. Upload several in the sidebar to use your own, up to {MAX_PHOTOS}."


def is_private() -> bool:
    """True if the chosen photos cannot be part of the link."""
    return st.session_state["set"] == OWN


def choose(learnt_from: LearntFrom, *, in_a_row: bool = True) -> tuple[Photo, ...]:
    """Draws the choice of photos; what the encoder has learnt from comes first. Uploads are never part of the link."""
    all_uploads = photos.uploaded()
    own = all_uploads[:MAX_PHOTOS]
    samples, scenes = {SAMPLES: "Sample photos"}, {SCENES: "Generated scenes"}
    offered = scenes | samples if learnt_from == "scenes" else samples | scenes
    names = offered | ({OWN: f"My uploads ({len(own)})"} if own else {})
    if link.wish("n_scenes") is not None:
        link.imply("set", SCENES)
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="bottom") if in_a_row else (st.container(), st.container())
    with left:
        source = choices.choose("Collection", "set", names, _SOURCE_HELP, word="collection")
    if source == OWN:
        link.leave_out("set")
        if len(own) < len(all_uploads):
            st.caption(f"Of {len(all_uploads)} uploads, the first {MAX_PHOTOS} are taken.")
        return own
    if source == SAMPLES:
        return tuple(photos.sample(name) for name in photos.SAMPLES)
    link.settle("n_scenes", 8, SCENE_COUNTS.__contains__, word="number of scenes")
    n_scenes = right.select_slider(
        "Scenes", SCENE_COUNTS, key="n_scenes", persist_state="session", help="More scenes give steadier numbers and take longer."
    )
    return tuple(photos.scene(seed) for seed in range(n_scenes))
