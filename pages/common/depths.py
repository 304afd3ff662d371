"""The choice of depths, and what each depth is."""

from collections.abc import Sequence

import streamlit as st

from models.catalog import EncoderInfo
from pages.common import link


def choose(info: EncoderInfo, usual: Sequence[int], meaning: str, label: str = "Depths", key: str = "depths") -> tuple[int, ...]:
    """Draws the choice of several depths of an encoder, shallow first; the usual ones while none is chosen.

    ``meaning`` says on hover what they are for.
    """
    available = [depth.idx for depth in info.depths]
    link.settle(key, list(usual), lambda depths: bool(depths) and set(depths) <= set(available), word="depths", kind=list)
    chosen = st.pills(
        label,
        available,
        selection_mode="multi",
        key=key,
        persist_state="session",
        help=f"{meaning}\n\n{in_words(info, available)}",
    )
    return tuple(sorted(chosen)) or tuple(usual)


def in_words(info: EncoderInfo, depths: Sequence[int]) -> str:
    """What each of these depths is, as a Markdown list."""
    by_idx = {depth.idx: depth for depth in info.depths}
    return "\n".join(
        f"- **{idx}**: {by_idx[idx].n_channels} channels, one position every {by_idx[idx].reduction} px" for idx in depths
    )
