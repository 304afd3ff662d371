"""Between page and service: one question per change, progress while waiting, a refusal as a sentence."""

from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from streamlit.testing.v1 import AppTest

from models.errors import EncoderUnavailable
from pages.common import jobs


class StandInJob:
    """Done after a number of looks; then gives a value or raises."""

    def __init__(self, outcome, n_looks: int = 0):
        self.outcome, self.n_looks, self.cancelled = outcome, n_looks, False
        self.fraction, self.message = 0.4, "Thinking"

    @property
    def done(self) -> bool:
        self.n_looks -= 1
        return self.n_looks < 0

    def result(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def cancel(self) -> None:
        self.cancelled = True


class GrowingJob(StandInJob):
    """Knows more after a while."""

    @property
    def so_far(self):
        self.known = getattr(self, "known", iter([None, "one", "one"]))
        return next(self.known, "two")


class StandInService:
    """Answers every question with the next job; remembers for which view it was asked."""

    def __init__(self, make):
        self.make, self.views = make, []

    def ask(self, question, view):
        self.views.append(view)
        return self.make()


def page():
    import streamlit as st

    from pages.common import jobs

    st.text(jobs.answer_or_stop("answer", st.session_state.get("question")))


@pytest.fixture
def opened(monkeypatch) -> Callable:
    """Opens the page over a service that makes these jobs; the page, and for which views the service was asked."""

    def opened(make) -> tuple[AppTest, list]:
        service = StandInService(make)
        monkeypatch.setattr(jobs, "service", lambda: service)
        return AppTest.from_function(page).run(timeout=240), service.views

    return opened


def test_a_page_may_rerun_without_asking_again_until_its_question_changes(opened):
    app, asked = opened(lambda: StandInJob("42"))
    app.run()
    assert app.text[0].value == "42" and len(asked) == 1
    app.session_state["question"] = "another"
    app.run()
    assert len(asked) == 2 and asked[0] == asked[1]  # the same view of the same session


def test_waiting_ends_with_the_result_alone(opened):
    app, _ = opened(lambda: StandInJob("42", n_looks=3))
    assert app.text[0].value == "42"
    assert not app.get("progress")


def test_a_refusal_is_a_sentence_and_the_next_run_asks_again(opened):
    app, asked = opened(lambda: StandInJob(EncoderUnavailable("Not here. Choose another.")))
    assert app.error[0].value == "Not here. Choose another." and not app.text and not app.exception
    app.run()
    assert len(asked) == 2


def test_what_was_stopped_can_be_started_again(opened):
    outcomes = [jobs.Cancelled("stopped"), "42"]
    app, asked = opened(lambda: StandInJob(outcomes.pop(0)))
    assert app.info[0].value.startswith("Stopped.")
    app.run()
    assert len(asked) == 1  # not by itself
    app.button("again answer").click().run()
    assert app.text[0].value == "42" and len(asked) == 2


def growing_page():
    import streamlit as st

    from pages.common import jobs

    def draw(so_far):
        st.session_state.setdefault("drawn", []).append(so_far)

    job = jobs.asked("answer", None)
    st.text(jobs.result_or_stop("answer", job, draw))


def test_what_is_known_so_far_is_drawn_once_each_and_gone_in_the_end(monkeypatch):
    service = StandInService(lambda: GrowingJob("whole", n_looks=4))
    monkeypatch.setattr(jobs, "service", lambda: service)
    monkeypatch.setattr(jobs, "_PATIENCE_SECONDS", -1)
    page = AppTest.from_function(growing_page).run(timeout=240)
    assert page.session_state["drawn"] == ["one", "two"]
    assert [text.value for text in page.text] == ["whole"]


def test_what_is_whole_within_a_second_is_not_drawn_in_parts(monkeypatch):
    drawn = []
    place = MagicMock()
    monkeypatch.setattr(jobs, "_PATIENCE_SECONDS", 3600)
    jobs._watch("view", GrowingJob("whole", n_looks=4), place, place, drawn.append)
    assert not drawn
    monkeypatch.setattr(jobs, "_PATIENCE_SECONDS", -1)
    monkeypatch.setattr(jobs, "_bar_with_stop", lambda view, job, place: place)
    jobs._watch("view", GrowingJob("whole", n_looks=4), place, place, drawn.append)
    assert drawn == ["one", "two"]


def test_a_bar_that_says_the_same_is_not_sent_again(monkeypatch):
    sent = []
    place = SimpleNamespace(progress=lambda *args, **kwargs: sent.append(args), empty=lambda: None)
    jobs._watch("view", StandInJob("whole", n_looks=5), place, place, None)
    assert sent == [(0.4,)]
