"""Between page and service: one request per change, progress while waiting, a refusal as a sentence."""

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


def page(asked, make):
    import streamlit as st

    from pages.common import jobs

    job = jobs.requested("answer", st.session_state.get("question"), lambda view: asked.append(view) or make())
    st.text(jobs.result_or_stop("answer", job))


def opened(make) -> tuple[AppTest, list]:
    asked = []
    return AppTest.from_function(page, kwargs={"asked": asked, "make": make}).run(timeout=30), asked


def test_a_page_may_rerun_without_asking_again_until_its_question_changes():
    app, asked = opened(lambda: StandInJob("42"))
    app.run()
    assert app.text[0].value == "42" and len(asked) == 1
    app.session_state["question"] = "another"
    app.run()
    assert len(asked) == 2 and asked[0] == asked[1]  # the same view of the same session


def test_waiting_ends_with_the_result_alone():
    app, _ = opened(lambda: StandInJob("42", n_looks=3))
    assert app.text[0].value == "42"
    assert not app.get("progress")


def test_a_refusal_is_a_sentence_and_the_next_run_asks_again():
    app, asked = opened(lambda: StandInJob(EncoderUnavailable("Not here. Choose another.")))
    assert app.error[0].value == "Not here. Choose another." and not app.text and not app.exception
    app.run()
    assert len(asked) == 2


def test_what_was_stopped_can_be_started_again():
    outcomes = [jobs.Cancelled("stopped"), "42"]
    app, asked = opened(lambda: StandInJob(outcomes.pop(0)))
    assert app.info[0].value.startswith("Stopped.")
    app.run()
    assert len(asked) == 1  # not by itself
    app.button("again answer").click().run()
    assert app.text[0].value == "42" and len(asked) == 2
