"""Text towers that pages offer, and what they say where the package is missing."""

from importlib.util import find_spec
from typing import Literal

import streamlit as st

TOWERS = {"clip-vit-b-32": "CLIP ViT-B/32 · about 600 MB", "clip-vit-b-16": "CLIP ViT-B/16 · about 600 MB"}
HELP = "Its weights are fetched once, from the hub."
WORDS_HELP = (
    "A text tower (CLIP) embeds pictures and words in one space. A linear map from that space into this encoder is fitted on "
    "photos that both have seen, and takes the word along. It is a guess at the word's CAV, not a CAV made of examples."
)
MISSING = (
    "Words need the package open_clip_torch, which is not installed on this server: `pip install -r requirements-text.txt`. "
    "It fetches the weights of a text tower from the hub when it is first asked."
)


def are_possible() -> bool:
    """Whether this server has the package that text towers need."""
    return find_spec("open_clip") is not None


def choose(key: str | None = None, width: int | Literal["stretch"] = "stretch") -> str:
    """Draws the choice of a text tower; its name. One with a key survives a change of page."""
    return st.selectbox(
        "Text tower",
        list(TOWERS),
        format_func=TOWERS.__getitem__,
        key=key,
        persist_state="session" if key else None,
        width=width,
        help=HELP,
    )
