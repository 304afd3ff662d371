"""Addresses for those who run the server."""

import json
from types import SimpleNamespace

import pytest

from explainers.runtime.worker import Pulse
from models.version import __version__
from pages.common import jobs
from pages.server import routes
from tests.pages.server.coroutines import outcome_of


def answer(monkeypatch, endpoint, pulse=None):
    service = SimpleNamespace(pulse=lambda: pulse, measures=SimpleNamespace(text=lambda: "encoderscope_queue_length 2.0\n"))
    monkeypatch.setattr(jobs, "service", lambda: service)
    return outcome_of(endpoint(None))


def test_the_process_says_that_it_is_there(monkeypatch):
    assert json.loads(answer(monkeypatch, routes.healthz).body) == {"status": "ok", "version": __version__}


@pytest.mark.parametrize(
    ("pulse", "status", "code"),
    [
        (Pulse(True, 0.0), "ready", 200),
        (Pulse(True, routes.LONGEST_STEP - 1), "ready", 200),
        (Pulse(True, routes.LONGEST_STEP + 1), "stuck", 503),
        (Pulse(False, 0.0), "stuck", 503),
    ],
)
def test_a_worker_that_gives_no_sign_is_noticed(monkeypatch, pulse, status, code):
    response = answer(monkeypatch, routes.readyz, pulse)
    assert (json.loads(response.body)["status"], response.status_code) == (status, code)


def test_figures_come_as_text(monkeypatch):
    response = answer(monkeypatch, routes.metrics)
    assert response.body == b"encoderscope_queue_length 2.0\n" and response.media_type.startswith("text/plain")
