"""Starting a study, and what is running: it goes on when the page is left, until it is done or stopped."""

import streamlit as st

from explainers.studies.kept import KeptStudies
from explainers.studies.runs import Run, Runs
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy, Study
from explainers.studies.table import STUDIES
from explainers.studies.truths import Need
from models.errors import Cancelled, EncoderscopeError
from pages.common import jobs, link, thread
from pages.common.text import escaped
from pages.study.controls import Chosen

POLL_SECONDS = 1.0
_REFUSED = "study.refused"
_WITH: dict[Need, str] = {  # what photos must bring along
    "nothing": "",
    "regions": " with true masks",
    "mask": " with true masks",
    "box": " with true boxes",
    "truth": " with true masks or boxes",
}


@st.cache_resource(show_spinner=False)
def kept_studies() -> KeptStudies:
    """The results on this server."""
    return KeptStudies()


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The runs of this process."""
    return Runs(jobs.service(), kept_studies())


def draw(study: Study, settings: StudySettings, chosen: Chosen) -> None:
    """The button that starts the study, and what is running."""
    question = RunStudy(study.name, settings, chosen.photos)
    why_not = _why_not(study, settings, chosen)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run the example" if settings == study.example and not chosen.photos else "Run",
            key="run",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(why_not),
            on_click=_start,
            args=(question,),
            help="It goes on when you leave this page; others' work has its turn in between.",
        )
        st.caption(why_not or _about(study, question), width="stretch")
    if refused := st.session_state.pop(_REFUSED, None):
        st.error(escaped(refused), icon=":material/error:")
    is_busy = any(not run.done for run in runs().of(thread.owner()))
    st.fragment(_draw_runs, run_every=POLL_SECONDS if is_busy else None, key="runs")()


def _why_not(study: Study, settings: StudySettings, chosen: Chosen) -> str:
    """Why the study cannot start, in a sentence; empty if it can."""
    if not settings.encoders:
        return "Choose an encoder in the sidebar."
    if not chosen.is_complete:
        return f"Upload photos{_WITH[study.needs]} in the sidebar, or take scenes."
    return ""


def _about(study: Study, question: RunStudy) -> str:
    """What it is run on, and how long the last run lets expect."""
    settings = question.settings
    n_photos, photos = (len(question.photos), "photos") if question.photos else (settings.n_scenes, "scenes")
    counts = {"encoder": len(settings.encoders), photos.removesuffix("s"): n_photos, "seed": settings.n_seeds}
    facts = ", ".join(f"{n} {word}{'s' * (n != 1)}" for word, n in counts.items()) + f", {settings.input_size} px"
    last = next(iter(kept_studies().of(study.name)), None)
    if last is None:
        return f"{facts}."
    before = last.report.settings
    work_before = _work(before, len(last.report.photos) or before.n_scenes)
    seconds = last.report.seconds * _work(settings, n_photos) / work_before
    return f"{facts}; {_in_words(seconds)}, to judge by the last run."


def _work(settings: StudySettings, n_photos: int) -> float:
    return len(settings.encoders) * n_photos * settings.n_seeds * settings.input_size**2


def _in_words(seconds: float) -> str:
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"


def _start(question: RunStudy) -> None:
    try:
        runs().start(question, thread.owner())
    except EncoderscopeError as refusal:
        st.session_state[_REFUSED] = str(refusal)


def _draw_runs() -> None:
    """Every run of this browser that goes on or has failed. The page is drawn anew when one is done."""
    done = False
    for run in runs().of(thread.owner()):
        if run.done and run.error is None:
            runs().forget(run.id)
            st.session_state["result"] = run.kept.id if run.kept else None
            done = True
        elif run.done:
            _draw_failed(run)
        else:
            _draw_running(run)
    if done:
        link.rerun()


def _draw_running(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"run {run.id}"):
        st.progress(min(1.0, run.fraction), text=escaped(f"{STUDIES[run.question.study].title}: {run.message}"), width="stretch")
        st.button("Stop", key=f"stop {run.id}", on_click=run.cancel, help="Cancels this study; nothing of it is kept.")


def _draw_failed(run: Run) -> None:
    title = STUDIES[run.question.study].title if run.question.study in STUDIES else run.question.study
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(run.error, Cancelled):
            st.info(f"{title}: stopped.", icon=":material/stop_circle:", width="stretch")
        else:
            st.error(escaped(f"{title}: {run.error}"), icon=":material/error:", width="stretch")
        st.button("Dismiss", key=f"dismiss {run.id}", on_click=runs().forget, args=(run.id,), help="Takes this line away.")
