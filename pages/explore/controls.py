"""What the Explore page asks: one photo or several, and what decides their segmentation, from widgets to frozen settings."""

import streamlit as st

from explainers.nave.settings import NaveSettings
from models.catalog import EncoderInfo
from models.catalog.entries import LearntFrom
from models.photo import Photo
from pages.common import bands, choices, collection, depths, nave_controls, photos
from pages.explore import similar

ONE, SEVERAL = "one", "set"
MAX_TOGETHER = 300
_NAMES = {ONE: "One photo", SEVERAL: "Several together"}
_SEVERAL_HELP = (
    "One photo, or several whose positions are clustered together: then one colour means the same thing in all of them."
)
_DEPTHS_HELP = (
    "Which depths of the encoder are looked at together, from shallow to deep. Shallow ones follow colour and texture, deep "
    "ones objects."
)


def are_several_wanted() -> bool:
    """Draws the choice between one photo and several."""
    return choices.choose("Photos", "photos", _NAMES, _SEVERAL_HELP) == SEVERAL


def several_photos(learnt_from: LearntFrom) -> tuple[tuple[Photo, ...], list[str]]:
    """Draws the choice of several photos and the uploader below it; a sentence for every upload that was refused.

    Who uploads photos wants to see them.
    """
    above, n_before = st.container(), photos.n_own()
    refusals = photos.upload()
    if photos.n_own() > n_before:
        st.session_state["set"] = collection.OWN
    with above:
        chosen = collection.choose(learnt_from, in_a_row=False, at_most=MAX_TOGETHER)
        bands.draw_notes(chosen)
    return chosen, refusals


def nave_settings(info: EncoderInfo, mode: similar.Mode) -> NaveSettings:
    """Depths, scaling, input size, fit and seed, within what this encoder allows; those that decide nothing of what is shown are
    not drawn, and keep their values."""
    if mode == similar.PARTS:
        st.caption("Depths, scaling and input size are those with which the parts were named.")
        return NaveSettings()
    if mode != similar.CLUSTERS:
        settings = NaveSettings(
            depths=depths.choose(info, info.default_depths, _DEPTHS_HELP),
            scaling=nave_controls.scaling(),
            input_size=_input_size(info),
        )
        st.caption("Fit and seed decide clusters; here they change nothing.")
        return settings
    return NaveSettings(
        depths=depths.choose(info, info.default_depths, _DEPTHS_HELP),
        scaling=nave_controls.scaling(),
        input_size=_input_size(info),
        fit=nave_controls.fit(),
        seed=nave_controls.seed(),
    )


def _input_size(info: EncoderInfo) -> int:
    if not info.fixed_input:
        return nave_controls.input_size()
    side = info.preprocessing.input_size
    st.caption(f"This encoder takes {side} × {side} px squares only, so the photo is squeezed into one.")
    return NaveSettings.input_size
