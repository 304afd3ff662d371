"""Several encoders at a time: each is opened and asked alone, shows up when it is ready, and fails alone.

An `Opening` is one encoder of the comparison by its place. `watched` asks every opened one, draws what is there, tells of the
others how far they are, and looks again until all have answered.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from explainers.service.questions import OpenEncoder
from explainers.service.service import ExplainerService, Job
from models.catalog import EncoderInfo
from models.errors import EncoderscopeError
from pages.common import jobs, link, theme
from pages.common.text import plain

_POLL_SECONDS = 0.6
_KEPT, _KEPT_OF = "compare.kept", "compare.kept of"
COLOURS = (theme.BLUE, theme.ORANGE, theme.GREEN, "#8A6FBF")
"""One per encoder, by place; readable on light and on dark."""


@dataclass(frozen=True)
class Opening:
    """One encoder of the comparison."""

    place: int  # 0 is the reference
    name: str
    title: str
    job: Job[EncoderInfo]
    info: EncoderInfo | None  # once it is open

    @property
    def colour(self) -> str:
        return COLOURS[self.place]


Found = dict[int, tuple[Any, ...]]  # place -> the answers of an encoder; None for one that is still to come
Ask = Callable[[Opening], Sequence[Job]]


def open_all(service: ExplainerService, names: Sequence[str]) -> list[Opening]:
    """Asks for every encoder; they load one after the other."""
    openings = []
    for place, name in enumerate(names):
        job = jobs.requested(f"compare open {place}", name, lambda view, name=name: service.ask(OpenEncoder(name), view))
        info = job.result() if job.done and job.error() is None else None
        openings.append(Opening(place, name, _title(service, name), job, info))
    return openings


def _title(service: ExplainerService, name: str) -> str:
    try:
        return service.catalog.entry(name).title
    except EncoderscopeError:
        return name


def asked(view: str, opening: Opening, request: tuple, ask: Callable[[Any], Job]) -> Job:
    """The job of an encoder's part of a view."""
    return jobs.requested(f"compare {view} {opening.place}", (opening.name, *request), ask)


def give_up(views: Iterable[str]) -> None:
    """Cancels what these views still wait for, so that those that are looked at now need not wait behind them."""
    for view in views:
        jobs.give_up(f"compare {view} ")


def watched(view: str, openings: Sequence[Opening], ask: Ask, draw: Callable[[Found], None]) -> None:
    """Asks every opened encoder and draws the answers as they come."""
    waiting = {o.place: tuple(ask(o)) if o.info else (o.job,) for o in openings}
    is_polling = _n_pending(waiting) > 0
    redraw = partial(_draw_ready, openings, waiting, draw, is_polling)
    st.fragment(redraw, key=f"compare {view}", run_every=_POLL_SECONDS if is_polling else None)()


def _draw_ready(
    openings: Sequence[Opening], waiting: dict[int, tuple[Job, ...]], draw: Callable[[Found], None], is_polling: bool
) -> None:
    n_pending = _n_pending(waiting)
    for opening in openings:
        _tell(opening, waiting[opening.place])
    ready = [o for o in openings if o.info and waiting[o.place][0].done and waiting[o.place][0].error() is None]
    draw({o.place: tuple(_answer(job) for job in waiting[o.place]) for o in ready})
    just_opened = any(o.info is None and o.job.done and o.job.error() is None for o in openings)
    if just_opened or (is_polling and n_pending == 0):
        link.rerun()  # a full run: to ask an encoder that has just opened, and to stop looking once all have answered


def _n_pending(waiting: dict[int, tuple[Job, ...]]) -> int:
    return sum(not job.done for of_encoder in waiting.values() for job in of_encoder)


def _answer(job: Job) -> Any:
    return job.result() if job.done and job.error() is None else None


def _tell(opening: Opening, waiting: Sequence[Job]) -> None:
    """Says how far an encoder is, or why it has no answer; nothing once all is there."""
    failed = next((job for job in waiting if job.done and job.error() is not None), None)
    busy = next((job for job in waiting if not job.done), None)
    if failed is not None:
        st.error(plain(f"{opening.title}: {failed.error()}"), icon=":material/error:")
    elif busy is not None:
        st.progress(busy.fraction or 0.0, text=plain(f"{opening.title}: {busy.message}"))


@dataclass(frozen=True)
class Kept:
    """What a section showed: for the downloads."""

    rows: tuple[dict[str, Any], ...]
    figures: tuple[go.Figure, ...] = ()
    pictures: tuple[tuple[np.ndarray, str], ...] = ()  # with captions


def keep(section: str, rows: Sequence[dict], figures: Sequence = (), pictures: Sequence = ()) -> None:
    """Remembers what a section shows, as long as the same encoders are compared on the same photo."""
    st.session_state.setdefault(_KEPT, {})[section] = Kept(tuple(rows), tuple(figures), tuple(pictures))


def kept(of: Hashable) -> dict[str, Kept]:
    """What every section has shown of this comparison."""
    if st.session_state.get(_KEPT_OF) != of:
        st.session_state[_KEPT], st.session_state[_KEPT_OF] = {}, of
    return st.session_state.setdefault(_KEPT, {})


def title(opening: Opening) -> None:
    """Draws the heading of a pane: the encoder in the colour of its curves."""
    st.markdown(f':color[\u25cf]{{foreground="{opening.colour}"}} **{plain(opening.title)}**')
