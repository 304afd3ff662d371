"""A service that answers studies, over tiny encoders and clusters made in a hurry."""

from collections.abc import Iterator

import pytest

from explainers.library.library import ConceptLibrary
from explainers.nave import composite
from explainers.nave import kmeans as clustering
from explainers.nave import segmentation as nave
from explainers.service.service import ExplainerService
from explainers.studies import concepts_seen
from explainers.studies.answers import STUDY_ANSWERS
from models.catalog.catalog import Catalog
from tests.pages.tiny_encoders import write_tiny_encoders


@pytest.fixture(scope="session")
def study_service(tmp_path_factory) -> Iterator[ExplainerService]:
    """One service for all tests, so that encoders are opened once."""
    catalog = Catalog(write_tiny_encoders(tmp_path_factory.mktemp("encoders")))
    service = ExplainerService(catalog, library=ConceptLibrary(tmp_path_factory.mktemp("home")), more_answers=STUDY_ANSWERS)
    yield service
    service.close()


@pytest.fixture
def service(study_service, monkeypatch) -> ExplainerService:
    """In a hurry for the length of a test: studies need maps, not good ones."""
    monkeypatch.setattr(nave, "N_SWEEPS", 2)
    monkeypatch.setattr(composite, "FITTING_STRIDE", 16)
    monkeypatch.setattr(clustering, "MAX_ITERATIONS", 5)
    return study_service


@pytest.fixture
def few_examples(monkeypatch) -> None:
    """Twelve images of every starter set."""
    whole = concepts_seen.halved
    monkeypatch.setattr(concepts_seen, "halved", lambda photos, half: whole(photos[:24], half)[:12])
