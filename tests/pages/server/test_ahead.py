"""Work that begins before the page is there."""

import threading
import time

import pytest
import streamlit as st
from starlette.responses import PlainTextResponse
from streamlit.runtime.secrets import Secrets

from explainers.runtime.scheduler import Activity, Queued, Request, Scheduler
from explainers.runtime.worker import Turn, Worker
from explainers.service.questions import ExplainPhoto
from explainers.service.service import ExplainerService
from models.errors import Cancelled
from pages.common import first_questions, jobs
from pages.common.access import VISITORS
from pages.common.encoder_choice import PREFERRED_ENCODER
from pages.server.ahead import BEGINNINGS, WorksAhead
from tests.pages.conftest import app_at
from tests.pages.server.coroutines import outcome_of


def begun_by(path: str = "/explain", method: str = "GET", query: bytes = b"", headers: tuple = ()) -> bool:
    """Whether a request begins the work; the request itself is answered whatever happens."""
    begun = threading.Event()
    request(WorksAhead(PlainTextResponse("the page"), {"/explain": begun.set}), path, method, query, headers)
    wait_for_beginnings()
    return begun.is_set()


def request(app: WorksAhead, path: str = "/explain", method: str = "GET", query: bytes = b"", headers: tuple = ()) -> None:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers}
    outcome_of(app(scope, None, send))
    assert sent[0]["status"] == 200


def wait_for_beginnings() -> None:
    for thread in threading.enumerate():
        if thread.name == "encoderscope-ahead":
            thread.join()


def test_a_first_visit_begins_the_work():
    assert begun_by()


def test_nothing_begins_for_strangers_who_have_to_sign_in(monkeypatch):
    monkeypatch.setattr(st, "secrets", Secrets())
    monkeypatch.setattr(st.secrets, "_secrets", {"auth": {"client_id": "encoderscope"}})
    assert not begun_by()
    monkeypatch.setenv(VISITORS, "viewer")
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


def test_however_many_ask_one_begins_at_a_time():
    begun, go_on = [], threading.Event()

    def begin() -> None:
        begun.append(threading.current_thread())
        assert go_on.wait(60)

    app = WorksAhead(PlainTextResponse("the page"), {"/explain": begin})
    for _ in range(20):
        request(app)
    assert len(begun) == 1
    go_on.set()
    wait_for_beginnings()
    request(app)
    wait_for_beginnings()
    assert len(begun) == 2


def test_what_is_no_request_passes():
    passed = []

    async def app(scope, receive, send) -> None:
        passed.append(scope["type"])

    outcome_of(WorksAhead(app)({"type": "lifespan"}, None, None))
    outcome_of(WorksAhead(app)({"type": "websocket", "path": "/explain", "headers": []}, None, None))
    assert passed == ["lifespan", "websocket"]


def test_work_that_no_page_comes_for_is_given_up(monkeypatch):
    monkeypatch.setattr(first_questions, "PATIENCE_SECONDS", 0.01)
    stopped = threading.Event()

    def endless(progress) -> None:
        while True:
            try:
                progress.check()
            except Cancelled:
                stopped.set()
                raise
            time.sleep(0.01)

    worker = Worker("a test")
    job = Scheduler().request(Request("key", endless, Queued(worker, Turn()), Activity("testing", "nothing")))
    first_questions._worked_on(job)
    assert stopped.wait(60)
    worker.close(60)


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
