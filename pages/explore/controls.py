"""What decides the segmentation of the Explore page, from widgets to frozen settings."""

import streamlit as st

from explainers.nave.settings import NaveSettings
from models.catalog import EncoderInfo
from pages.common import depths, nave_controls

_DEPTHS_HELP = (
    "Which depths of the encoder are looked at together, from shallow to deep. Shallow ones follow colour and texture, deep "
    "ones objects."
)


def nave_settings(info: EncoderInfo) -> NaveSettings:
    """Depths, scaling, input size, fit and seed, within what this encoder allows."""
    return NaveSettings(
        depths=depths.choose(info, _DEPTHS_HELP),
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
