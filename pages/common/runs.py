"""What is carried on when a page is left (explainers/service/runs.py), on the page: progress, a way to stop, what went wrong."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from explainers.service.runs import Run, Runs
from models.errors import Cancelled
from pages.common import link, thread
from pages.common.text import escaped

POLL_SECONDS = 1.0
Outcome = TypeVar("Outcome")


def draw(
    runs: Runs[Outcome],
    shown: Callable[[], list[Run[Outcome]]],
    when_done: Callable[[Run[Outcome]], None],
    stop_help: str,
    key: str = "runs",
) -> None:
    """Every run of ``shown`` that goes on, and one's own that have failed. When one is done, ``when_done`` hears of it and the
    page is drawn anew. A page that shows several kinds gives each a ``key``."""

    def draw_runs() -> None:
        is_done = False
        for run in shown():
            if run.done and run.error is None:
                runs.forget(run.id)
                when_done(run)
                is_done = True
            elif run.done and run.owner == thread.owner():
                _draw_failed(runs, run)
            elif not run.done:
                _draw_running(run, stop_help)
        if is_done:
            link.rerun()

    is_busy = any(not run.done for run in shown())
    st.fragment(draw_runs, run_every=POLL_SECONDS if is_busy else None, key=key)()


def _draw_running(run: Run[Outcome], stop_help: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"run {run.id}"):
        st.progress(min(1.0, run.fraction), text=escaped(f"{run.title}: {run.message}"), width="stretch")
        if run.owner == thread.owner():
            st.button("Stop", key=f"stop {run.id}", on_click=run.cancel, help=stop_help)


def _draw_failed(runs: Runs[Outcome], run: Run[Outcome]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(run.error, Cancelled):
            st.info(escaped(f"{run.title}: stopped."), icon=":material/stop_circle:", width="stretch")
        else:
            st.error(escaped(f"{run.title}: {run.error}"), icon=":material/error:", width="stretch")
        st.button("Dismiss", key=f"dismiss {run.id}", on_click=runs.forget, args=(run.id,), help="Takes this line away.")
