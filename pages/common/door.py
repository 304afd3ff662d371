"""What every page begins with: which encoder, opened; what was refused; and what to do where nothing is there yet."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers.service.questions import OpenEncoder
from models.catalog import EncoderInfo
from models.catalog.catalog import Catalog, CatalogEntry
from models.catalog.entries import LearntFrom
from models.errors import EncoderscopeError
from pages.common import encoder_choice, jobs, link
from pages.common.text import escaped


@dataclass(frozen=True)
class EncoderChoice:
    """The encoder that is chosen in the sidebar, and the place below the choice that says what it is."""

    name: str | None
    learnt_from: LearntFrom
    facts: DeltaGenerator


def choose_encoder(catalog: Catalog) -> EncoderChoice:
    """Draws the choice of an encoder with room for its facts."""
    name = encoder_choice.choose(catalog)
    return EncoderChoice(name, catalog.entry(name).learnt_from if name else "", st.empty())


def learnt_from(catalog: Catalog, name: str) -> LearntFrom:
    """What an encoder learnt from; "" also where it is not there any more, as that of an old index may be."""
    try:
        return catalog.entry(name).learnt_from
    except EncoderscopeError:
        return ""


def opened_encoder(catalog: Catalog, choice: EncoderChoice) -> EncoderInfo:
    """The encoder once it is open, with its facts in the sidebar; the page ends where there is none, or it is refused."""
    name = choice.name
    if name is None:
        nothing_yet("There is no encoder. Set ENCODERSCOPE_ENCODERS to a folder of encoders, and start again.")
    entry = catalog.entry(name)
    _draw_facts(choice.facts, entry)
    info = jobs.answer_or_stop("encoder", OpenEncoder(name))
    _draw_facts(choice.facts, entry, info)
    return info


def _draw_facts(place: DeltaGenerator, entry: CatalogEntry, info: EncoderInfo | None = None) -> None:
    """Who this encoder is, in a few lines; ``info`` is known once it is open."""
    size = info.n_parameters if info else entry.n_parameters
    facts = [
        *(part for part in (entry.training.lower(), entry.family) if part),
        *([f"{encoder_choice.in_short(size)} parameters"] if size else []),
        *([f"{len(info.depths)} depths"] if info else []),
        f"trained at {entry.input_size} px",
        "classifier" if entry.has_classifier else "no classifier",
        f"licence {entry.licence or 'unknown'}",
        encoder_choice.STATES[entry.state],
    ]
    place.caption("  \n".join(escaped(line) for line in (" · ".join(facts), entry.note) if line))


def nothing_yet(sentence: str) -> NoReturn:
    """An empty page that says what to do next; nothing below it is drawn."""
    st.info(sentence, icon=":material/arrow_back:")
    st.stop()


def draw_refusals(place: DeltaGenerator, sentences: Sequence[str]) -> None:
    """One line for every upload that could not be read; the page goes on."""
    for sentence in sentences:
        place.error(escaped(sentence), icon=":material/broken_image:")


@contextmanager
def refusals_shown() -> Generator[None]:
    """What is refused inside becomes its sentence, and the page ends there."""
    try:
        yield
    except EncoderscopeError as refusal:
        st.error(escaped(str(refusal)), icon=":material/error:")
        st.stop()


def draw_link_notes(place: DeltaGenerator, *, photo_is_private: bool) -> None:
    """What the link asked for in vain, and what it leaves out."""
    if link.complaints():
        place.warning(escaped(link.complaints()), icon=":material/link_off:")
    if photo_is_private:
        place.caption(
            "The address of this page holds every setting, but not your own photo: it stays on this server until you leave, "
            "and whoever else opens the link learns that there was one."
        )
