"""Results that are kept, and runs that go on by themselves; with a study that needs no encoder's activations."""

import threading
from dataclasses import replace

import pytest

from explainers.service.runs import TooManyRuns
from explainers.studies import kept as keeping
from explainers.studies import runs as running
from explainers.studies import table
from explainers.studies.findings import Column, Findings, Table
from explainers.studies.kept import KeptStudies
from explainers.studies.runs import StudyRuns
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy, Study, with_estimate
from models.errors import BadSettings, Cancelled, EncoderscopeError
from models.progress import Progress
from tests.pages.tiny_encoders import CNN, VIT

NUMBERS = Table.of("numbers", "Numbers", [Column("n", "N")], [{"n": 1}])


@pytest.fixture
def may_end() -> threading.Event:
    """The study by hand waits for it."""
    return threading.Event()


@pytest.fixture
def question(may_end, monkeypatch) -> RunStudy:
    def run(question, observatory, progress):
        while not may_end.wait(0.01):
            progress.report(0.5, "Counting")
        return Findings("One.", (NUMBERS,))

    study = Study("by-hand", "By hand", "One?", "Numbers.", "More.", StudySettings((VIT,)), run, needs="nothing")
    monkeypatch.setitem(table.STUDIES, study.name, study)
    return RunStudy(study.name, StudySettings((VIT, CNN), n_scenes=1))


@pytest.fixture
def kept(tmp_path) -> KeptStudies:
    return KeptStudies(tmp_path / "studies")


@pytest.fixture
def runs(service, kept) -> StudyRuns:
    return StudyRuns(service, kept)


def test_a_run_goes_on_by_itself_and_its_result_is_kept(runs, kept, question, may_end):
    run = runs.start(question, "me")
    assert runs.start(question, "me") is run and runs.of("me") == [run] and runs.of("you") == []
    may_end.set()
    assert run.ended.wait(240) and run.error is None
    (of_study,) = kept.of("by-hand")
    assert of_study == run.outcome and of_study.report.findings == Findings("One.", (NUMBERS,))
    assert [encoder["name"] for encoder in of_study.report.encoders] == [VIT, CNN] and of_study.report.made_at
    runs.forget(run.id)
    assert runs.of("me") == []


def test_a_run_can_be_cancelled_and_leaves_nothing_behind(runs, kept, question):
    run = runs.start(question, "me")
    run.cancel()
    assert run.ended.wait(240) and isinstance(run.error, Cancelled) and kept.of("by-hand") == []


def test_one_person_may_have_a_few_runs_at_a_time(runs, question, monkeypatch, may_end):
    monkeypatch.setattr(running, "MAX_RUNS", 1)
    first = runs.start(question, "me")
    other = replace(question, settings=replace(question.settings, n_seeds=5))
    with pytest.raises(TooManyRuns):
        runs.start(other, "me")
    second = runs.start(other, "you")
    may_end.set()
    assert first.ended.wait(240) and second.ended.wait(240) and second.error is None


def test_a_refusal_ends_the_run_with_its_sentence(runs, question):
    run = runs.start(replace(question, study="unheard-of"), "me")
    assert run.ended.wait(240) and isinstance(run.error, BadSettings) and "unheard-of" in str(run.error)


def test_what_is_deleted_can_come_back_and_the_oldest_make_room(runs, kept, question, may_end, monkeypatch):
    may_end.set()
    first, second = (runs.start(replace(question, settings=replace(question.settings, n_seeds=n)), "me") for n in (1, 2))
    assert first.ended.wait(240) and second.ended.wait(240)
    kept.delete(first.outcome.id)
    assert [result.id for result in kept.of("by-hand")] == [second.outcome.id]
    kept.restore(first.outcome.id)
    assert len(kept.of("by-hand")) == 2
    with pytest.raises(EncoderscopeError, match="gone"):
        kept.restore("no-such-result")
    monkeypatch.setattr(keeping, "MAX_KEPT", 1)
    third = runs.start(replace(question, settings=replace(question.settings, n_seeds=3)), "me")
    assert third.ended.wait(240) and [result.id for result in kept.of("by-hand")] == [third.outcome.id]


def test_files_of_others_in_the_folder_are_passed_over(kept):
    kept.folder.mkdir()
    (kept.folder / "a.json").write_text("{")
    (kept.folder / "b.json").write_text('{"schema": "another/1"}')
    assert kept.of("by-hand") == []


def test_progress_says_what_is_left_once_a_part_is_done():
    said = []
    progress = with_estimate(Progress(lambda share, doing: said.append(doing)))
    progress.report(0.01, "Counting")
    progress.report(0.5, "Counting")
    assert said[0] == "Counting" and said[1].startswith("Counting, about ") and said[1].endswith(" left")


def test_of_one_seed_it_is_said_that_every_difference_counts(runs, kept, question, may_end):
    may_end.set()
    assert runs.start(replace(question, settings=replace(question.settings, n_seeds=1)), "me").ended.wait(240)
    (of_study,) = kept.of("by-hand")
    assert of_study.report.findings.sentence == "One. One seed has no spread: every difference counts here, however small."


def test_of_results_of_one_second_the_later_comes_first(runs, kept, question, may_end):
    may_end.set()
    ids = []
    for n_seeds in (2, 3, 4, 5, 6):
        run = runs.start(replace(question, settings=replace(question.settings, n_seeds=n_seeds)), "me")
        assert run.ended.wait(240)
        ids.append(run.outcome.id)
        runs.forget(run.id)
    assert [result.id for result in kept.of("by-hand")] == ids[::-1]
