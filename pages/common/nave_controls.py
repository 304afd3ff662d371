"""What decides a segmentation besides depths: scaling, fit, input size and seed. Nothing is computed here."""

from collections.abc import Mapping

import streamlit as st

from explainers.nave.settings import FITS, Fit, NaveSettings, Scaling
from pages.common import choices, link
from pages.common.choices import Way

INPUT_SIZES = [224, 320, 448, 576, 768, 1024]
MAX_SEED = 9999
SCALINGS: dict[Scaling, str] = {
    "balanced": "Every depth counts alike, whatever the size of its activations.",
    "raw": "Activations as they are: depths with large activations dominate.",
    "unit": "Only the direction of the activations counts, not their size.",
}


def scaling() -> Scaling:
    """Draws the choice of how depths are made comparable."""
    return _way("Scaling", "scaling", SCALINGS, "How activations of different depths are made comparable.")


def fit() -> Fit:
    """Draws the choice of the positions on which clusters are found."""
    return _way("Fit", "fit", FITS, "On which positions clusters are found; every pixel gets its cluster in any case.")


def _way(label: str, key: str, meanings: Mapping[Way, str], question: str) -> Way:
    """Draws a choice whose ways go by their own names, each explained on hover."""
    explained = "\n".join(f"- **{name}**: {meaning}" for name, meaning in meanings.items())
    return choices.choose(label, key, {name: name for name in meanings}, f"{question}\n\n{explained}")


def input_size() -> int:
    """Draws the choice of how large encoders see the photo."""
    link.settle("size", NaveSettings.input_size, INPUT_SIZES.__contains__, word="input size")
    return st.select_slider(
        "Input size",
        INPUT_SIZES,
        key="size",
        persist_state="session",
        format_func="{} px".format,
        help="The photo is shown to the encoder with as many pixels as a square of this side. "
        "Larger finds smaller parts, and takes longer.",
    )


def seed() -> int:
    """Draws the choice of the seed of clustering."""
    link.settle("seed", 0, range(MAX_SEED + 1).__contains__)
    return st.number_input(
        "Seed",
        0,
        MAX_SEED,
        key="seed",
        persist_state="session",
        help="Clustering starts from random positions. The same seed gives the same picture; "
        "another seed shows how much is chance.",
    )
