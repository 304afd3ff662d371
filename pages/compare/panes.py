"""Several encoders at a time: each is opened and asked alone, shows up when it is ready, and fails alone.

An `Opening` is one encoder of the comparison by its place. `watched` asks every opened one, draws what is there, says how far the
others are, and looks again until all have answered.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explainers.nave.settings import NaveSettings
from explainers.service.questions import OpenEncoder, Question
from explainers.service.service import Job
from models.catalog import EncoderInfo
from models.catalog.catalog import Catalog
from models.catalog.entries import LearntFrom
from models.errors import EncoderscopeError
from models.photo import Photo
from pages.common import jobs, link, photos, theme
from pages.common.text import escaped
from pages.compare.controls import Pair

COLOURS = (theme.BLUE, theme.ORANGE, theme.GREEN, "#8A6FBF")
"""One per encoder, by place; readable on light and on dark."""
_POLL_SECONDS = 0.6


@dataclass(frozen=True)
class Opening:
    """One encoder of the comparison."""

    place: int  # the others are compared with the one at 0
    name: str
    title: str
    remark: str  # on what its answer about the photo is worth; empty where there is nothing to say
    job: Job[EncoderInfo]
    info: EncoderInfo | None  # once it is open

    @property
    def colour(self) -> str:
        return COLOURS[self.place]

    @property
    def error(self) -> EncoderscopeError | None:
        """Why it cannot be opened, once that is known."""
        return self.job.error() if self.job.done else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, as far as it is chosen in the sidebar."""

    photo: Photo
    learnt_from: LearntFrom  # of the first encoder
    openings: Sequence[Opening]
    settings: NaveSettings  # without depths
    settings_of: Mapping[int, NaveSettings]  # by place, with the depths of every encoder that is open
    pair: Pair | None  # what is looked for, if the encoders are a pair that is offered
    notes: DeltaGenerator  # the place for refusals


Questions = Mapping[str, Question]  # by view; a pane is drawn once the first one is answered
Answers = dict[int, dict[str, Any]]  # by place and view; None for an answer that is still to come


def open_all(catalog: Catalog, names: Sequence[str]) -> list[Opening]:
    """Asks for every encoder; they load one after the other."""
    openings = []
    for place, name in enumerate(names):
        job = jobs.asked(f"compare open {place}", OpenEncoder(name))
        openings.append(Opening(place, name, *_title_and_remark(catalog, name), job, _answer(job)))
    return openings


def _title_and_remark(catalog: Catalog, name: str) -> tuple[str, str]:
    try:
        entry = catalog.entry(name)
    except EncoderscopeError:
        return name, ""
    return entry.title, photos.outside_what_was_learnt(entry)


def give_up(views: Iterable[str]) -> None:
    """Cancels what these views still wait for, so that those that are looked at now need not wait behind them."""
    for view in views:
        jobs.give_up(f"compare {view} ")


def watched(
    name: str, openings: Sequence[Opening], questions_of: Callable[[Opening], Questions], draw: Callable[[Answers], None]
) -> None:
    """Asks every opened encoder and draws the answers as they come."""
    waiting = {}
    for opening in openings:
        questions = questions_of(opening) if opening.info else {}
        pending = {view: jobs.asked(_key(view, opening), question) for view, question in questions.items()}
        waiting[opening.place] = pending or {"open": opening.job}
    is_polling = _n_pending(waiting) > 0
    redraw = partial(_draw_ready, openings, waiting, draw, is_polling=is_polling)
    st.fragment(redraw, key=f"compare {name}", run_every=_POLL_SECONDS if is_polling else None)()


def _draw_ready(
    openings: Sequence[Opening], waiting: Mapping[int, Mapping[str, Job]], draw: Callable[[Answers], None], *, is_polling: bool
) -> None:
    n_pending = _n_pending(waiting)
    for opening in openings:
        _draw_progress(opening, waiting[opening.place].values())
    answers = {o.place: {view: _answer(job) for view, job in waiting[o.place].items()} for o in openings if o.info}
    draw({place: of_place for place, of_place in answers.items() if next(iter(of_place.values())) is not None})
    just_opened = any(o.info is None and o.job.done and o.job.error() is None for o in openings)
    if just_opened or (is_polling and n_pending == 0):
        link.rerun()  # a full run: to ask an encoder that has just opened, and to stop looking once all have answered


def _n_pending(waiting: Mapping[int, Mapping[str, Job]]) -> int:
    return sum(not job.done for of_place in waiting.values() for job in of_place.values())


def _draw_progress(opening: Opening, waiting: Iterable[Job]) -> None:
    """Says how far an encoder is, or why it has no answer; nothing once all is there."""
    failed = next((job for job in waiting if job.done and job.error() is not None), None)
    busy = next((job for job in waiting if not job.done), None)
    if failed is not None:
        st.error(escaped(f"{opening.title}: {failed.error()}"), icon=":material/error:")
    elif busy is not None:
        st.progress(busy.fraction or 0.0, text=escaped(f"{opening.title}: {busy.message}"))


def answer_in_hand(view: str, opening: Opening) -> Any:
    """What the encoder has answered in a view that was looked at before; None without an answer."""
    job = jobs.in_hand(_key(view, opening))
    return None if job is None else _answer(job)


def _key(view: str, opening: Opening) -> str:
    return f"compare {view} {opening.place}"


def _answer(job: Job) -> Any:
    return job.result() if job.done and job.error() is None else None


def draw_title(opening: Opening) -> None:
    """Draws the heading of a pane: the encoder in the colour of its curves."""
    st.markdown(f':color[\u25cf]{{foreground="{opening.colour}"}} **{escaped(opening.title)}**')
