"""The CAVs that lie beside the starters are those that a first visit asks for."""

import pytest

from explainers.library.library import STARTERS_FOLDER, ConceptLibrary
from explainers.library.starters import CAVS
from explainers.service import cavs, starter_cavs
from models.progress import IGNORED
from pages.common.concept_controls import STARTING_ON_PHOTOGRAPHS


def test_a_first_visit_fits_nothing(tmp_path, monkeypatch):
    """If this fails because the fit has changed: python -m explainers.service.starter_cavs"""

    def refuse(*_):
        pytest.fail("CAVs of a first visit were fitted: run python -m explainers.service.starter_cavs")

    monkeypatch.setattr(cavs, "_fit", refuse)
    library = ConceptLibrary(tmp_path / "library")
    of_explain, of_concepts = starter_cavs.inquiries(library)
    tested = cavs.tested_concepts(of_explain, IGNORED)
    assert set(tested) == set(STARTING_ON_PHOTOGRAPHS) and len(tested["orange"]) == 3
    assert len(cavs.fitted_concepts(of_concepts, IGNORED)["striped"]) == 5
    assert not (tmp_path / "library/cavs").exists()


def test_they_are_few_and_small():
    files = list((STARTERS_FOLDER / CAVS).iterdir())
    assert sum(file.stat().st_size for file in files) < 4e6


def test_a_library_without_starters_has_none_of_them(tmp_path):
    key = next((STARTERS_FOLDER / CAVS).iterdir()).stem
    assert ConceptLibrary(tmp_path, starters=None).load_cav(key) is None
    assert ConceptLibrary(tmp_path).load_cav(key) is not None
