"""What the server does while it starts."""

import gc
import os

import pytest

from explainers.service.questions import OpenEncoder
from explainers.service.service import ExplainerService
from pages.common import jobs, warm_up
from pages.common.encoder_choice import PREFERRED_ENCODER


@pytest.fixture
def done(monkeypatch) -> list:
    """What was done, in order; none of it reaches this process."""
    done = []
    monkeypatch.setattr(jobs, "service", ExplainerService)
    monkeypatch.setattr(ExplainerService, "ask", lambda self, question, view=None: done.append(question))
    monkeypatch.setattr(gc, "freeze", lambda: done.append("frozen"))
    return done


def test_imports_are_kept_from_the_collector_and_the_first_encoder_is_opened(done):
    warm_up.warm_up()
    assert done == ["frozen", OpenEncoder(PREFERRED_ENCODER)]  # an encoder that is unloaded must be collected


def test_idle_threads_sleep(done, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    warm_up.warm_up()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_what_the_operator_says_of_threads_counts(done, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    warm_up.warm_up()
    assert os.environ["OMP_WAIT_POLICY"] == "active"
