"""A home that goes wrong under servers that use it: deleted, shared by two, on a clock that is set back, or not to be written."""

import os
import shutil
import time

import pytest
import torch

from explainers.library.library import ConceptLibrary
from explainers.results.provenance import provenance_of
from explainers.studies.findings import Findings
from explainers.studies.kept import KeptStudies
from explainers.studies.settings import StudySettings
from explainers.studies.study import StudyResult
from models import files as kept_files
from models.catalog.catalog import Catalog
from models.errors import EncoderscopeError, UnknownConcept
from tests.drill.kills import picture
from tests.pages.tiny_encoders import CNN, write_tiny_encoders

DAY = 24 * 3600


def pictures(*seeds: int) -> list[tuple[str, bytes]]:
    return [(f"{seed}.png", picture(seed)) for seed in seeds]


@pytest.fixture
def library(tmp_path) -> ConceptLibrary:
    library = ConceptLibrary(tmp_path / "library", starters=None)
    library.add("cats", "concept", pictures(1, 2, 3))
    return library


def names(library: ConceptLibrary) -> set[str]:
    return {image_set.name for image_set in library.sets("concept")}


# --- the folder is deleted while a server runs ------------------------------------------------------------------------------


def test_a_library_that_was_deleted_is_empty_and_takes_new_sets(library, tmp_path):
    image = library.get("cats").images[0]
    shutil.rmtree(tmp_path / "library")
    assert names(library) == set() and library.sweep() == 0
    with pytest.raises(UnknownConcept):
        library.get("cats")
    with pytest.raises(EncoderscopeError, match="no longer in the library"):
        library.photo(image)
    library.add("dogs", "concept", pictures(4))
    assert names(library) == {"dogs"} and [*library.photos(library.get("dogs"))]


def test_encoders_that_were_deleted_are_no_longer_offered(tmp_path):
    folder = write_tiny_encoders(tmp_path / "encoders")
    catalog = Catalog(folder, tmp_path / "own")
    assert CNN in {entry.name for entry in catalog.entries()}
    shutil.rmtree(folder)
    assert CNN not in {entry.name for entry in catalog.entries()}
    with pytest.raises(EncoderscopeError):
        catalog.open(CNN)


# --- two servers on one home ------------------------------------------------------------------------------------------------


def test_what_one_server_changes_the_other_sees(library, tmp_path):
    other = ConceptLibrary(tmp_path / "library", starters=None)
    other.add("cats", "concept", pictures(4))
    assert len(library.get("cats").images) == 4
    library.delete("cats", "concept")
    assert names(other) == set()


def test_encoders_that_one_server_takes_in_the_other_opens(tmp_path):
    one, other = Catalog(None, tmp_path / "own"), Catalog(None, tmp_path / "own")
    assert CNN not in {entry.name for entry in one.entries()}
    write_tiny_encoders(tmp_path / "own")
    assert CNN in {entry.name for entry in other.entries()} and one.open(CNN).info.name == CNN


@pytest.fixture
def result(tmp_path) -> StudyResult:
    settings = StudySettings((CNN,))
    info = Catalog(write_tiny_encoders(tmp_path / "encoders")).open(CNN).info
    return StudyResult(provenance_of(info, (), settings), "alignment", Findings("It is so.", ()))


def test_results_that_one_server_keeps_the_other_shows_and_deletes(result, tmp_path):
    one, other = KeptStudies(tmp_path / "studies"), KeptStudies(tmp_path / "studies")
    kept = one.keep(result)
    assert other.of("alignment") == [kept]
    other.delete(kept.id)
    assert one.of("alignment") == []


# --- the clock ---------------------------------------------------------------------------------------------------------------


def test_on_a_clock_that_is_set_back_nothing_is_swept_and_all_can_be_undone(library, monkeypatch):
    removed = library.delete("cats", "concept")
    now = time.time
    monkeypatch.setattr(kept_files.time, "time", lambda: now() - 30 * DAY)
    assert library.sweep() == 0
    library.restore(removed)
    assert len([*library.photos(library.get("cats"))]) == 3


def test_on_a_clock_that_is_put_right_again_what_was_let_go_goes_after_its_day(library, tmp_path, monkeypatch):
    library.delete("cats", "concept")
    for path in (tmp_path / "library" / "images").glob("*/*"):
        os.utime(path, (time.time() + 30 * DAY,) * 2)  # written while the clock was a month ahead
    assert library.sweep() == 0
    now = time.time
    monkeypatch.setattr(kept_files.time, "time", lambda: now() + 32 * DAY)
    assert library.sweep() == 3


# --- a home that cannot be written -------------------------------------------------------------------------------------------


def test_where_nothing_can_be_kept_cavs_are_fitted_again_and_nothing_is_refused(tmp_path):
    (tmp_path / "home").write_text("a file in the way")
    library = ConceptLibrary(tmp_path / "home" / "library", starters=None)
    library.save_cav("ab" * 32, {"vector": torch.ones(3)})
    assert library.load_cav("ab" * 32) is None


def test_where_nothing_can_be_kept_a_result_is_refused_in_a_sentence(result, tmp_path):
    (tmp_path / "home").write_text("a file in the way")
    kept = KeptStudies(tmp_path / "home" / "studies")
    with pytest.raises(EncoderscopeError, match="cannot be kept"):
        kept.keep(result)
    assert kept.of("alignment") == []
