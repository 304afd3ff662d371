"""What the server does while it starts."""

import os

from explainers.service.questions import OpenEncoder
from explainers.service.service import ExplainerService
from pages.common import jobs, warm_up
from pages.common.encoder_choice import PREFERRED_ENCODER


def test_the_first_encoder_is_opened_and_idle_threads_sleep(monkeypatch):
    asked = []
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(jobs, "service", ExplainerService)
    monkeypatch.setattr(ExplainerService, "ask", lambda self, question, view=None: asked.append(question))
    warm_up.warm_up()
    assert asked == [OpenEncoder(PREFERRED_ENCODER)]
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_what_the_operator_says_of_threads_counts(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setattr(jobs, "service", ExplainerService)
    monkeypatch.setattr(ExplainerService, "ask", lambda self, question, view=None: None)
    warm_up.warm_up()
    assert os.environ["OMP_WAIT_POLICY"] == "active"
