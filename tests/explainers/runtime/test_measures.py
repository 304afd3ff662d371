"""What is counted when work ends, and what is read at the moment of asking."""

import logging

import pytest

from explainers.runtime.measures import Ended, Measures, Outcome
from explainers.runtime.scheduler import Activity, OwnThread, Request, Scheduler
from models.errors import BadSettings, Cancelled, EncoderscopeError
from tests.explainers.runtime.test_scheduler import PATIENCE, Gate, ManualPlace


def answering(progress):
    return 1


def refusing(progress):
    raise BadSettings("Choose a depth.")


def failing(progress):
    raise ValueError("secret.jpg")


def ask(scheduler, work, place=None, key="key"):
    return scheduler.request(Request(key, work, place or OwnThread(), Activity("segmenting", "'cat.jpg'")))


@pytest.mark.parametrize(
    ("work", "outcome"), [(answering, Outcome.ANSWERED), (refusing, Outcome.REFUSED), (failing, Outcome.FAILED)]
)
def test_work_that_ends_is_counted_once_by_how_it_ended(work, outcome):
    ended: list[Ended] = []
    job = ask(Scheduler(ended.append), work)
    try:
        job.result(PATIENCE)
    except EncoderscopeError:
        assert outcome != Outcome.ANSWERED
    assert [(e.verb, e.outcome) for e in ended] == [("segmenting", outcome)]
    assert ended[0].waited >= 0 and ended[0].worked > 0


def test_work_that_nobody_waits_for_is_counted_as_cancelled_begun_or_not():
    ended, place, gate = [], ManualPlace(), Gate()
    scheduler = Scheduler(ended.append)
    ask(scheduler, gate, place).cancel()
    assert [(e.outcome, e.worked) for e in ended] == [(Outcome.CANCELLED, 0)]
    begun = ask(scheduler, gate, key="another")
    assert gate.begun.wait(PATIENCE)
    begun.cancel()
    with pytest.raises(Cancelled):
        begun.result(PATIENCE)
    again = ask(scheduler, answering, key="third")
    gate.go_on.set()
    again.result(PATIENCE)
    assert {e.outcome for e in ended} == {Outcome.CANCELLED, Outcome.ANSWERED}


def test_a_defect_can_be_looked_up_in_the_log_under_what_the_sentence_says(caplog):
    ended = []
    with caplog.at_level(logging.ERROR), pytest.raises(EncoderscopeError) as error:
        ask(Scheduler(ended.append), failing).result(PATIENCE)
    (record,) = caplog.records
    assert record.facts["request"] == ended[0].request_id
    assert ended[0].request_id in str(error.value)
    assert "cat.jpg" not in record.getMessage()


def test_the_text_has_what_was_counted_and_what_is_held_now():
    held = {"queue_length": 3.0}
    measures = Measures(lambda: held)
    measures.ended(Ended("id", "segmenting", Outcome.ANSWERED, waited=0.02, worked=2.0))
    measures.ended(Ended("id", "segmenting", Outcome.CANCELLED, waited=0.5, worked=0.0))
    lines = measures.text().splitlines()
    assert 'encoderscope_requests_total{outcome="answered",verb="segmenting"} 1.0' in lines
    assert 'encoderscope_wait_seconds_bucket{le="0.1",verb="segmenting"} 1.0' in lines
    assert 'encoderscope_work_seconds_count{verb="segmenting"} 1.0' in lines  # what never began has not worked
    assert "encoderscope_queue_length 3.0" in lines
    held["queue_length"] = 0.0
    assert "encoderscope_queue_length 0.0" in measures.text().splitlines()
