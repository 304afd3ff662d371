"""Starting a study, and what is running: it goes on when the page is left, until it is done or stopped."""

from functools import partial

import streamlit as st

from explainers.service.runs import Run
from explainers.studies.kept import Kept, KeptStudies
from explainers.studies.runs import StudyRuns
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy, Study
from explainers.studies.truths import Need
from models.errors import EncoderscopeError
from pages.common import jobs, thread
from pages.common.runs import draw as draw_runs
from pages.common.text import escaped
from pages.study.controls import Chosen

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
def runs() -> StudyRuns:
    """The runs of this process."""
    return StudyRuns(jobs.service(), kept_studies())


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
    own = partial(runs().of, thread.owner())
    draw_runs(runs(), own, _show_result, "Cancels this study; nothing of it is kept.")


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


def _show_result(run: Run[Kept]) -> None:
    st.session_state["result"] = run.outcome.id if run.outcome else None
