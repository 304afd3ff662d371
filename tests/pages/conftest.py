"""The page without a browser: AppTest over tiny encoders, and one service for all tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from explainers.datasets.answers import INDEX_ANSWERS
from explainers.nave import composite
from explainers.nave import kmeans as clustering
from explainers.nave import segmentation as nave
from explainers.service.service import ExplainerService, Job
from explainers.studies.answers import STUDY_ANSWERS
from models.catalog.catalog import Catalog
from pages.common import jobs, trail
from tests.pages.tiny_encoders import VIT, write_tiny_encoders

APP = Path(__file__).parents[2] / "app.py"
PATIENCE_SECONDS = 240


def app_at(address: str) -> AppTest:
    """The app, not yet run, with a page open by its address; ``switch_page`` would need a run of the first page before."""
    app = AppTest.from_file(str(APP), default_timeout=300)
    app._page_hash = calc_hash(address)
    return app


def settled(app: AppTest) -> AppTest:
    """The page once all is answered that it asks for: it runs again where a timer of the browser would make it."""
    ends, drawn = time.monotonic() + PATIENCE_SECONDS, []
    while (asked := _asked(app)) != drawn:
        while not all(job.done for job in asked):
            assert time.monotonic() < ends, [job.message for job in asked if not job.done]
            time.sleep(0.02)
        drawn = asked
        app.run()
    assert not app.exception
    return app


def _asked(app: AppTest) -> list[Job]:
    if "jobs" not in app.session_state:
        return []
    return [inquiry.job for inquiry in app.session_state["jobs"].values()]


@pytest.fixture(autouse=True)
def trail_file(tmp_path, monkeypatch) -> Path:
    """Where the pages of a test record what was changed."""
    monkeypatch.setattr(trail, "home", lambda: tmp_path / "trail")
    return tmp_path / "trail" / trail.TRAIL_FILE


FAST = {"encoder": VIT, "size": "224"}


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory) -> Iterator[ExplainerService]:
    """One service for all tests, so that encoders are opened once."""
    catalog = Catalog(write_tiny_encoders(tmp_path_factory.mktemp("encoders")))
    service = ExplainerService(catalog, more_answers=STUDY_ANSWERS | INDEX_ANSWERS)
    yield service
    service.close()


@pytest.fixture
def service(shared_service, monkeypatch) -> ExplainerService:
    """In a hurry for the length of a test: pages need maps, not good ones."""
    monkeypatch.setattr(nave, "N_SWEEPS", 2)
    monkeypatch.setattr(composite, "FITTING_STRIDE", 16)
    monkeypatch.setattr(clustering, "MAX_ITERATIONS", 5)
    monkeypatch.setattr(jobs, "service", lambda: shared_service)
    return shared_service


@pytest.fixture
def explore(service) -> Callable[..., AppTest]:
    """Opens the app with the given link; the encoder is a fast one unless the link names another."""

    def opened(**link: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=300)
        app.query_params.update(FAST | link)
        return app.run()

    return opened
