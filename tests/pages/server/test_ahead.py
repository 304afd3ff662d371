"""Work that begins before the page is there."""

import threading

import pytest
from starlette.responses import PlainTextResponse

from explainers.service.questions import ExplainPhoto
from explainers.service.service import ExplainerService
from pages.common import first_questions, jobs
from pages.common.encoder_choice import PREFERRED_ENCODER
from pages.server.ahead import BEGINNINGS, WorksAhead
from tests.pages.conftest import app_at
from tests.pages.server.coroutines import outcome_of


def begun_by(path: str = "/explain", method: str = "GET", query: bytes = b"", headers: tuple = (), kind: str = "http") -> bool:
    """Whether a request begins the work; the request itself is answered whatever happens."""
    begun = threading.Event()
    app = WorksAhead(PlainTextResponse("the page"), {"/explain": begun.set})
    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "query_string": query, "headers": headers}
    outcome_of(app(scope, None, send))
    assert sent[0]["status"] == 200
    for thread in threading.enumerate():
        if thread.name == "encoderscope-ahead":
            thread.join()
    return begun.is_set()


def test_a_first_visit_begins_the_work():
    assert begun_by()


@pytest.mark.parametrize(
    "other",
    [
        {"path": "/compare"},
        {"path": "/"},
        {"method": "HEAD"},
        {"query": b"encoder=scenes-cnn"},
        {"headers": ((b"cookie", b"shelf=1"),)},
    ],
)
def test_any_other_request_does_not(other):
    assert not begun_by(**other)


@pytest.fixture
def questions(monkeypatch) -> list:
    """What is asked of a service that answers nothing."""
    questions = []
    ask = ExplainerService.ask

    def noted(self, question, view=None):
        questions.append(question)
        return ask(self, question, view)

    monkeypatch.setattr(ExplainerService, "ask", noted)
    return questions


def test_the_page_asks_the_very_question_that_was_begun(questions, monkeypatch, tmp_path):
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path))
    service = ExplainerService()
    monkeypatch.setattr(jobs, "service", lambda: service)
    try:
        service.open_encoder(PREFERRED_ENCODER).result(240)
        BEGINNINGS["/explain"]()
        app_at("explain").run()
        asked = [question for question in questions if isinstance(question, ExplainPhoto)]
        assert len(asked) >= 2
        assert len(set(asked)) == 1
    finally:
        service.close()


def test_a_library_without_concepts_begins_nothing(questions, monkeypatch, tmp_path):
    monkeypatch.setattr(first_questions, "explain_question", lambda library, info: None)
    service = ExplainerService()
    monkeypatch.setattr(jobs, "service", lambda: service)
    try:
        first_questions.begin_explain()
        assert not any(isinstance(question, ExplainPhoto) for question in questions)
    finally:
        service.close()
