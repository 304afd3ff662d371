"""What every page begins with: which encoder, what it is, what was refused, and what to do where nothing is there yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from models.catalog import EncoderInfo
from models.catalog.catalog import CatalogEntry
from models.errors import EncoderscopeError
from pages.common import controls, link
from pages.common.text import plain


def refusals(place, sentences: Sequence[str]) -> None:
    """One line for every upload that could not be read; the page goes on."""
    for sentence in sentences:
        place.error(plain(sentence), icon=":material/broken_image:")


def nothing_yet(sentence: str) -> None:
    """An empty page that says what to do next; nothing below it is drawn."""
    st.info(sentence, icon=":material/arrow_back:")
    st.stop()


def link_notes(place, photo_is_private: bool) -> None:
    """What the link asked for in vain, and what it leaves out."""
    if link.complaints():
        place.warning(plain(link.complaints()), icon=":material/link_off:")
    if photo_is_private:
        place.caption("The address of this page holds every setting, but not your own photo: it stays in this session.")


def encoder_facts(place, entry: CatalogEntry, info: EncoderInfo | None = None) -> None:
    """Who this encoder is, in a few lines; ``info`` is known once it is open."""
    size = info.n_parameters if info else entry.n_parameters
    facts = [
        entry.family,
        *([f"{controls.in_short(size)} parameters"] if size else []),
        *([f"{len(info.depths)} depths"] if info else []),
        f"trained at {entry.input_size} px",
        "classifier" if entry.has_classifier else "no classifier",
        f"licence {entry.licence or 'unknown'}",
        controls.STATES[entry.state],
    ]
    place.caption("  \n".join(plain(line) for line in (" · ".join(facts), entry.note) if line))


@contextmanager
def refusals_told() -> Iterator[None]:
    """What is refused inside becomes its sentence, and the page ends there."""
    try:
        yield
    except EncoderscopeError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        st.stop()
