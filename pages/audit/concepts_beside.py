"""Concepts of the library as rows beside parts: which parts respond to them, and what these carry together."""

from collections.abc import Sequence

import streamlit as st

from explainers.datasets.findings import RankedConcepts
from explainers.datasets.index import Index
from explainers.datasets.questions import RankConcepts
from pages.common import concept_controls, jobs, link
from pages.common.concept_controls import STARTING_CONCEPTS, opened
from pages.common.text import escaped

_HELP = (
    "Concepts of the library become rows of the tables: what the parts that respond to each carry together, tested as parts are. "
    "A part that responds to concepts says so. Concepts that this encoder has not been asked about take some seconds each."
)
_FIRST = ("watermark", *STARTING_CONCEPTS)


def asked(index: Index, k: int) -> RankedConcepts | None:
    """Draws the switch and, while it is on, the choice of concepts; what was found of them."""
    link.settle("beside", default=False, word="concepts beside parts")
    if not st.toggle("Concepts beside parts", key="beside", persist_state="session", help=_HELP):
        return None
    library = jobs.service().library
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="stretch"):
            concepts = concept_controls.concepts(library.sets("concept"), _FIRST)
        with st.container(width=240):
            random = concept_controls.random_counterpart(library.sets("random"))
    if not concepts or random is None:
        st.info("Choose concepts, and a random counterpart; the Concepts page makes them.", icon=":material/arrow_upward:")
        return None
    sets = tuple(opened(library, concept) for concept in concepts)
    ranked = jobs.answer_or_stop("audit concepts", RankConcepts(index.folder, index.key, k, sets, opened(library, random)))
    _draw_silent([concept.name for concept in ranked.named if not concept.parts])
    return ranked


def _draw_silent(names: Sequence[str]) -> None:
    if names:
        st.caption(escaped(f"No part of this index responds to {', '.join(names)}."))
