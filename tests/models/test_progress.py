"""Shares of parts by hand, and that whoever no longer waits stops the work."""

import pytest

from models.errors import Cancelled
from models.progress import IGNORED, Progress


def heard(*reports, part=None):
    """What a listener hears of reports to a progress, or to a part of it."""
    steps = []
    progress = Progress(lambda share, doing: steps.append((share, doing)))
    for share, doing in reports:
        (progress.part(*part) if part else progress).report(share, doing)
    return steps


def test_a_report_arrives_as_it_is():
    assert heard((0.5, "fitting"), (None, "asking")) == [(0.5, "fitting"), (None, "asking")]


def test_a_part_takes_the_whole_from_its_start_to_its_end():
    assert heard((0.0, "a"), (0.5, "b"), (1.0, "c"), part=(0.25, 0.75)) == [(0.25, "a"), (0.5, "b"), (0.75, "c")]


def test_a_part_that_does_not_know_its_share_is_at_its_start():
    assert heard((None, "asking"), part=(0.25, 0.75)) == [(0.25, "asking")]


def test_a_part_speaks_for_itself_or_is_given_words_and_a_percentage():
    assert heard((0.5, ""), (0.5, "own"), part=(0.0, 1.0, "Fitting")) == [(0.5, "Fitting, 50%"), (0.5, "own")]


def test_parts_of_parts_multiply():
    steps = []
    inner = Progress(lambda share, doing: steps.append(share)).part(0.5, 1.0).part(0.5, 1.0)
    inner.report(0.0)
    inner.report(1.0)
    assert steps == [0.75, 1.0]


def test_nobody_hears_the_report_of_work_that_should_stop():
    def stop():
        raise Cancelled("This work was cancelled.")

    steps = []
    progress = Progress(lambda share, doing: steps.append(share), stop)
    for step in (progress, progress.part(0.0, 0.5)):
        with pytest.raises(Cancelled):
            step.report(0.5)
        with pytest.raises(Cancelled):
            step.check()
    assert steps == []


def test_without_a_listener_everything_goes_on():
    IGNORED.report(0.5, "fitting")
    IGNORED.part(0.0, 0.5).check()
