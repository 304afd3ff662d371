"""A concept that was made of regions on a page: what it is worth, the way to Explain, and its undo."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import MAX_NAME, ImageSet, Kind
from explainers.service.questions import CheckConcepts
from explainers.service.service import Job
from explainers.visual_tcav.settings import ExplainSettings
from models.errors import BadConcept, UnknownConcept
from pages.common import jobs, link
from pages.common.concept_controls import opened
from pages.common.ledger import Ledger
from pages.common.text import escaped

SETTINGS = ExplainSettings()  # as the pages Concepts and Explain have them, so that they find these CAVs
_COLOURS = {"none": "green", "some": "blue", "serious": "orange"}


@dataclass(frozen=True)
class Change:
    """What was made, and what undoes it."""

    sentence: str
    undone: str = ""  # the sentence once it is undone
    made: tuple[ImageSet, ...] = ()  # deleted when undone; the concept first
    random_name: str = ""


def require_new(library: ConceptLibrary, name: str) -> None:
    """Raises BadConcept if the library has a concept of this name."""
    try:
        there = library.get(name, "concept")
    except UnknownConcept:
        return
    raise BadConcept(f"There is a concept '{there.name}' already. Choose another name.")


def free_name(library: ConceptLibrary, name: str, kind: Kind = "concept") -> str:
    """The name, or the first of 'name 2', 'name 3' ... that is free."""
    taken = {s.name.casefold() for s in library.sets() if s.kind == kind}
    numbered = (name if n == 1 else f"{name[: MAX_NAME - 4]} {n}" for n in range(1, len(taken) + 2))
    return next(word for word in numbered if word.casefold() not in taken)


def bar(ledger: Ledger, encoder_name: str, query: Mapping[str, str]) -> None:
    """Draws the concept that was made last, what it is worth, the way to Explain, and its undo; ``query`` is what else the link
    to Explain asks for."""
    change: Change | None = ledger.last()
    if change is None:
        return
    library, announced = jobs.service().library, f"{ledger.page}.announced"
    if change.made and st.session_state.get(announced) != change:  # the button may be far from where the change is shown
        st.toast(f"{escaped(change.sentence)} What it is worth stands on top of the page.", icon=":material/category:")
    st.session_state[announced] = change
    with st.container(border=True, key="change"):
        undo = partial(_undo, library, change) if change.made else None
        to_explain = partial(_to_explain, change, {"encoder": encoder_name, **query})
        ledger.draw(change, undo, "Removes the concept, and the random counterpart made with it.", to_explain)
        if change.made:
            _verdict(library, encoder_name, change)


def _undo(library: ConceptLibrary, change: Change) -> None:
    for image_set in change.made:
        library.delete(image_set.name, image_set.kind)


def _to_explain(change: Change, query: Mapping[str, str]) -> None:
    """Draws the link to Explain with the concept chosen."""
    if not change.made:
        return
    query = {**query, "concepts": change.made[0].name, "random": change.random_name}
    meaning = "Opens Explain with this concept: where it is, and what it contributes to the classes."
    st.page_link("pages/explain/page.py", label="Explain with it", icon=":material/neurology:", help=meaning, query_params=query)


def _verdict(library: ConceptLibrary, encoder_name: str, change: Change) -> None:
    """What the CAV is worth, as soon as it is known."""
    try:
        concept, random = library.get(change.made[0].name), library.get(change.random_name, "random")
    except UnknownConcept:
        return
    question = CheckConcepts(encoder_name, (opened(library, concept),), opened(library, random), SETTINGS)
    job = jobs.asked("made concept", question)
    st.fragment(partial(_verdict_when_ready, job, concept.name), key="verdict", run_every=None if job.done else 0.5)()


def _verdict_when_ready(job: Job, concept: str) -> None:
    if not job.done:
        st.session_state["verdict.pending"] = True
        st.caption(escaped(f"Checking what the concept is worth … {job.message}"))
    elif job.error() is not None:
        st.caption(escaped(str(job.error())))
    else:
        of_depths = [check.health for check in job.result().concepts]
        best = max(of_depths, key=lambda health: (health.verdict.rank, health.auc))
        domain = {"none": "matched", "unproven": "unproven", "apart": "mismatched"}[best.domain.doubt] if best.domain else ""
        badge = f":{_COLOURS[best.verdict.doubt]}-badge[{best.verdict.value.capitalize()}]"
        figures = (
            "" if best.auc != best.auc else f" Held-out AUC {best.auc:.2f} (chance: 0.50), emblem gap {best.emblem_gap:.2f}."
        )
        st.markdown(f"{badge} {best.verdict.sentence}{figures}" + (f" Domain check: {domain}." if domain else ""))
    if job.done and st.session_state.pop("verdict.pending", False):
        link.rerun()  # the one full run that stops this fragment from asking every half second
