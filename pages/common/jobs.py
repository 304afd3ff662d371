"""Between a page and the service: one service per process, one job per view of a session, and waiting with progress.

A view is a place in the page that shows one result ("picture", "depth 3"). A page may rerun as often as it likes; the
service is asked only when the question of a view changes, and then cancels what that view asked for before.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.service.questions import Answer, Question
from explainers.service.service import ExplainerService, Job
from explainers.studies.answers import STUDY_ANSWERS
from models.errors import Cancelled, EncoderscopeError, LibraryUnavailable, TooMuchHeld
from pages.common import link
from pages.common.holdings import HOLDINGS, MB, OF_ONE
from pages.common.text import escaped

T = TypeVar("T")

_JOBS = "jobs"  # view -> what was asked there
_LET_GO = "jobs.let go"  # view -> hash of the question whose answer had to make room
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 1.0  # what takes longer can be stopped, and is shown as far as it is known


@dataclass(eq=False)
class _Inquiry:
    """What a view has asked last."""

    question: Question
    job: Job
    is_counted: bool = False  # whether the result counts towards the bounds of what pages hold


_MADE_ROOM = (
    f"This was known before and is computed again: it had to make room, since {OF_ONE / MB:.0f} MB are kept for a page, and "
    "what other pages show goes first when the server is full."
)


@st.cache_resource(show_spinner=False)
def service() -> ExplainerService:
    """The one service of this process, shared by all sessions. Images that no concept has used for a day are cleared away."""
    service = ExplainerService(more_answers=STUDY_ANSWERS | INDEX_ANSWERS)
    with suppress(LibraryUnavailable):
        service.library.sweep()
    return service


def asked(view: str, question: Question[Answer]) -> Job[Answer]:
    """The job of a view: the one in hand if the question is the same, else a new one."""
    jobs = _held()
    HOLDINGS.show(link.session_id(), view, link.run())
    _count()
    if view not in jobs or jobs[view].question != question:
        if st.session_state.get(_LET_GO, {}).pop(view, None) == hash(question):
            st.toast(_MADE_ROOM, icon=":material/memory:")
        session = st.session_state.setdefault("session", uuid.uuid4().hex)
        jobs[view] = _Inquiry(question, service().ask(question, (session, view)))
    return jobs[view].job


def answer_or_stop(view: str, question: Question[Answer]) -> Answer:
    """What the service answers, with its progress shown meanwhile; a refusal becomes its sentence, and the page ends there."""
    return result_or_stop(view, asked(view, question))


def in_hand(view: str) -> Job | None:
    """The job that a view waits for or has got; None before it asked, and after a refusal."""
    held = _held().get(view)
    return None if held is None else held.job


def give_up(prefix: str) -> None:
    """Cancels what the views of that prefix still wait for, so that something more urgent need not wait behind it."""
    for view, inquiry in [*_held().items()]:
        if view.startswith(prefix) and not inquiry.job.done:
            inquiry.job.cancel()
            forget(view)


def forget(view: str) -> None:
    """The next run asks again, as after a failure."""
    _held().pop(view, None)
    HOLDINGS.forget(link.session_id(), view)


def _held() -> dict[str, _Inquiry]:
    """What this session has asked, by view."""
    views = st.session_state.setdefault(_JOBS, {})
    _left_behind().update(views=views, page=link.session_id())
    return views


def _count() -> None:
    """Counts results that have arrived since; one that is too much becomes the sentence that says so."""
    views, let_go = _held(), st.session_state.setdefault(_LET_GO, {})
    for view, inquiry in [*views.items()]:
        if not inquiry.is_counted and inquiry.job.done and view in views:
            inquiry.is_counted = True
            with suppress(EncoderscopeError):
                held = getattr(inquiry.question, "photos_in_order", ()), inquiry.job.result()
                refusal = HOLDINGS.hold(link.session_id(), view, held, partial(_make_room, views, let_go, view))
                if refusal:
                    inquiry.job = Job.refused(TooMuchHeld(refusal))


def _make_room(views: dict[str, _Inquiry], let_go: dict[str, int], view: str) -> None:
    """Lets go of what a view has got; may be called while another session runs."""
    inquiry = views.pop(view, None)
    if inquiry is not None:
        let_go[view] = hash(inquiry.question)


def _cancel(left_behind: dict[str, Any]) -> None:
    views = left_behind.get("views", {})
    for inquiry in [*views.values()]:
        inquiry.job.cancel()
    views.clear()
    HOLDINGS.close(left_behind.get("page", ""))


@st.cache_resource(scope="session", show_spinner=False, on_release=_cancel)
def _left_behind() -> dict[str, Any]:
    """What is cancelled when the browser tab is closed: nobody else should wait behind it."""
    return {}


def result_or_stop(view: str, job: Job[T], draw_so_far: Callable[[T], None] | None = None) -> T:
    """The job's result, as `answer_or_stop` waits for it; ``draw_so_far`` draws meanwhile what is known of it already."""
    place, below = st.empty(), st.empty()
    try:
        _watch(view, job, place, below, draw_so_far)
        result = job.result()
        _count()
        return _held()[view].job.result() if view in _held() else result  # which may be too much by now
    except Cancelled:
        place.info("Stopped. Change a setting, or start again.", icon=":material/stop_circle:")
        st.button("Start again", key=f"again {view}", on_click=forget, args=(view,))
    except EncoderscopeError as refusal:
        place.error(escaped(str(refusal)), icon=":material/error:")
        forget(view)
    st.stop()


def _watch(view: str, job: Job[T], place: DeltaGenerator, below: DeltaGenerator, draw_so_far: Callable[[T], None] | None) -> None:
    """Shows the progress until the job is done, and below it what is known so far, then clears both places.

    What is known so far waits for what takes long: of two pictures in one second, a browser that has just come shows neither.
    Only what has changed is sent: a browser that draws the same bar anew takes the core that the work needs.
    """
    asked_at = time.monotonic()
    bar, said, drawn = None, None, None
    while not job.done:
        takes_long = time.monotonic() - asked_at > _PATIENCE_SECONDS
        if bar is None and takes_long:
            bar, said = _bar_with_stop(view, job, place), None
        if (says := (job.fraction or 0.0, escaped(job.message))) != said:
            said = says
            (bar or place).progress(said[0], text=said[1])
        if draw_so_far is not None and takes_long and (so_far := job.so_far) is not None and so_far is not drawn:
            drawn = so_far
            with below.container():
                draw_so_far(so_far)
        time.sleep(_POLL_SECONDS)
    place.empty()
    below.empty()


def _bar_with_stop(view: str, job: Job, place: DeltaGenerator) -> DeltaGenerator:
    bar, button = place.container().columns([5, 1], vertical_alignment="bottom")
    button.button("Stop", key=f"stop {view}", on_click=job.cancel, help="Cancels this computation.", width="stretch")
    return bar.empty()
