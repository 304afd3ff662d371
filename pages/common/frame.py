"""What every page begins with: what it is about, whose picture it shows, and room for what went wrong."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.common.text import escaped

_behaviour = st.components.v2.component("encoderscope_frame", js=(Path(__file__).parent / "frame.js").read_text())


@dataclass(frozen=True)
class Frame:
    """The top of a page."""

    subject: DeltaGenerator  # the place for the photo and the encoder
    notes: DeltaGenerator  # the place for refusals and remarks

    def name(self, photo: str, encoder: str, shown: str = "") -> None:
        """Says which photo is seen by which encoder, in the page and in the title of the browser's tab; and what is ``shown`` of
        it, where that is not what the page usually shows."""
        more = f" :gray[· {escaped(shown)}]" if shown else ""
        self.subject.markdown(f"**{escaped(photo)}** :gray[seen by] **{escaped(encoder)}**{more}")
        st.set_page_config(page_title=" · ".join(part for part in (photo, encoder, shown, "Encoderscope") if part))

    def name_encoder(self, encoder: str) -> None:
        """Says which encoder is looked into, where there is no photo."""
        self.subject.markdown(f":gray[Encoder] **{escaped(encoder)}**")
        st.set_page_config(page_title=f"{encoder} · Encoderscope")


def begin(title: str, question: str) -> Frame:
    """Draws the title and the question that the page answers."""
    st.title(title, anchor=False)
    st.caption(question)
    _behaviour(key="frame")
    return Frame(st.empty(), st.container())
