"""Making an index: what it is made of, and what is in the making. That goes on when the page is left, until it is stopped."""

from pathlib import Path

import streamlit as st

from explainers.datasets import kept
from explainers.datasets.index import Index
from explainers.datasets.runs import IndexRuns, Make, of_data, of_scenes
from explainers.datasets.settings import IndexSettings
from explainers.dictionaries.settings import DictionarySettings
from explainers.service.runs import Run
from models.errors import EncoderscopeError
from pages.audit import choice
from pages.common import access, jobs, thread, trail
from pages.common.encoder_choice import is_known
from pages.common.runs import draw as draw_all
from pages.common.text import escaped

FIRST_ENCODER, N_FIRST = "scenes-cnn-watermark", 320  # the first visit: a shortcut that is known, in some twenty seconds
N_SCENES = (N_FIRST, 800, 1600)
_REFUSED = "audit.refused"


@st.cache_resource(show_spinner=False)
def runs() -> IndexRuns:
    """The indexes that this process makes."""
    return IndexRuns(jobs.service())


def begin_first() -> None:
    """On the first visit of whoever may make indexes to a server without any, one is made of scenes."""
    is_first = not kept.index_folders() and not runs().all()
    if is_first and access.may("indexes") and is_known(jobs.service().catalog, FIRST_ENCODER):
        settings = IndexSettings(FIRST_ENCODER, dictionary=DictionarySettings(ks=(32, 64), n_positions=10_000))
        _start(_name(FIRST_ENCODER, f"{N_FIRST} scenes"), of_scenes(N_FIRST, settings))


def draw_form() -> None:
    """What a new index is made of."""
    with st.expander("Make an index", icon=":material/add:", key="make an index"):
        if not access.may("indexes"):
            st.caption(f"{access.WHOSE['indexes']} {access.remedy()}")
            return
        entries = jobs.service().catalog.entries()
        titles = {entry.name: f"{entry.title} ↓" if entry.state == "needs download" else entry.title for entry in entries}
        st.selectbox("Encoder", list(titles), format_func=titles.__getitem__, key=_ENCODER, help=_ENCODER_HELP)
        makes = {f"{n} scenes": n for n in N_SCENES} | dict.fromkeys(kept.data_sets())
        st.selectbox("Data set", list(makes), key=_DATA, help=_DATA_HELP)
        st.button("Make it", key="make", on_click=_make, help="It goes on when you leave this page.")


_ENCODER, _DATA = "encoder of index", "data of index"
_ENCODER_HELP = "The encoder that is looked into. It needs a classifier."
_DATA_HELP = "Rendered scenes, of which nearly every woven star has a caption, or what the operator laid into ENCODERSCOPE_DATA."


def _make() -> None:
    encoder, data = (st.session_state[key] for key in (_ENCODER, _DATA))
    settings, data_sets = IndexSettings(encoder), kept.data_sets()
    n_scenes = {f"{n} scenes": n for n in N_SCENES}.get(data)
    if n_scenes is not None:
        _start(_name(encoder, data), of_scenes(n_scenes, settings))
    elif data in data_sets:
        _start(_name(encoder, data), of_data(data_sets[data], settings))


def _name(encoder: str, data: str) -> str:
    return f"{data} by {encoder}".replace("/", "-").replace(":", "-")


def _start(name: str, make: Make) -> None:
    try:
        access.require("indexes")
        runs().start(name, Path(kept.own_folder() / name), make, thread.owner())
        trail.record(access.person().name, "audit", f"The index '{name}' was begun.")
    except EncoderscopeError as refusal:
        st.session_state[_REFUSED] = str(refusal)


def draw_runs() -> None:
    """Every index in the making; the page is drawn anew when one is done."""
    if refused := st.session_state.pop(_REFUSED, None):
        st.error(escaped(refused), icon=":material/error:")
    draw_all(runs(), runs().all, _show_index, "What is done of it is kept; making it again goes on.")


def _show_index(run: Run[Index]) -> None:
    if run.owner == thread.owner():
        st.session_state[choice.FRESH] = run.title  # the name of its folder
