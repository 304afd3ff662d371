"""Whose turn it is, without threads; and a worker that survives a bad beginning."""

import logging
import threading
import time

import pytest

from explainers.runtime import worker as workers
from explainers.runtime.worker import MOST_AT_A_TIME, MOST_IN_A_ROW, Line, Pulse, Ticket, Turn, Urgency, Wait, Worker

NOW, SOON, LATER = Urgency
PATIENCE = 20


def line(*turns: tuple[Urgency, str]) -> tuple[Line, list[Ticket]]:
    waiting, tickets = Line(), [Ticket(lambda: None, Turn(urgency, owner), n) for n, (urgency, owner) in enumerate(turns)]
    for ticket in tickets:
        waiting.put(ticket)
    return waiting, tickets


def taken(waiting: Line) -> list[int]:
    numbers = []
    while (ticket := waiting.take()) is not None:
        numbers.append(ticket.n)
    return numbers


def test_the_more_urgent_comes_first_and_equals_in_the_order_they_came():
    assert taken(line((LATER, "a"), (SOON, "a"), (NOW, "a"), (SOON, "a"))[0]) == [2, 1, 3, 0]


@pytest.mark.parametrize("urgency", [SOON, LATER])
def test_owners_take_turns(urgency):
    owners = ["a", "a", "a", "b", "c", "b"]
    assert taken(line(*((urgency, owner) for owner in owners))[0]) == [0, 3, 4, 1, 5, 2]


def test_what_an_owner_waits_for_when_the_turn_begins_is_one_turn_where_it_is_short():
    assert taken(line((NOW, "a"), (NOW, "b"), (NOW, "a"), (NOW, "c"), (NOW, "b"), (NOW, "a"))[0]) == [0, 2, 5, 1, 4, 3]


def test_a_turn_has_an_end():
    waiting, _ = line(*[(NOW, "a")] * (2 * MOST_AT_A_TIME), (NOW, "b"))
    assert taken(waiting).index(2 * MOST_AT_A_TIME) == MOST_AT_A_TIME


def test_whoever_comes_back_at_once_waits_for_the_others():
    waiting, _ = line((NOW, "a"), (NOW, "a"), (NOW, "b"))
    assert waiting.take().n == 0
    waiting.put(Ticket(lambda: None, Turn(NOW, "a"), 3))
    assert taken(waiting) == [1, 2, 3]


def test_the_less_urgent_gets_a_turn_among_many_urgent_ones():
    waiting, _ = line((LATER, "a"), (SOON, "a"), *[(NOW, "b")] * 30)
    order = taken(waiting)
    assert order.index(0) == MOST_IN_A_ROW and order.index(1) == 2 * MOST_IN_A_ROW + 1 and len(order) == 32


@pytest.mark.parametrize("urgency", Urgency)
def test_long_work_gives_way_to_what_is_more_urgent_and_has_arrived(urgency):
    waiting, _ = line((SOON, "a"), (NOW, "a"), (NOW, "b"), (LATER, "a"))
    order = []
    while (ticket := waiting.take_before(urgency, n=2)) is not None:
        order.append(ticket.n)
    assert order == {NOW: [], SOON: [1], LATER: [1, 0]}[urgency]


def test_who_stands_before_whom_is_what_will_happen():
    turns = [(NOW, "a"), (NOW, "a"), (SOON, "b"), (NOW, "b"), (SOON, "a"), (NOW, "c"), (LATER, "c")]
    waiting, tickets = line(*turns)
    expected = {ticket.n: [before.n for before in waiting.before(ticket)] for ticket in tickets}
    order = taken(waiting)
    assert expected == {n: order[: order.index(n)] for n in range(len(turns))}


def test_what_is_taken_out_leaves_no_trace():
    waiting, tickets = line((NOW, "a"), (NOW, "b"))
    for _ in range(2):
        waiting.remove(tickets[0])
    assert len(waiting) == 1 and taken(waiting) == [1]
    waiting.remove(tickets[1])


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (Wait(0, 0, None), "Waiting for its turn"),
        (Wait(2, 0, 0.2), "Waiting for its turn: 2 before it, about 1 s"),
        (Wait(1, 1, 12.4), "Waiting for its turn: 1 before it, another's comes first, about 12 s"),
        (Wait(5, 3, None), "Waiting for its turn: 5 before it, others' work comes first"),
    ],
)
def test_a_wait_in_words(wait, words):
    assert str(wait) == words


def test_a_worker_that_could_not_be_set_up_works_and_says_so_in_the_log(caplog):
    def fails():
        raise PermissionError("not allowed")

    with caplog.at_level(logging.ERROR):
        worker, done = Worker("test", prepare=fails), threading.Event()
        worker.submit(done.set, Turn())
        assert done.wait(PATIENCE)
        worker.close(PATIENCE)
    assert "could not be set up" in caplog.text


def test_what_a_kind_of_work_has_taken_is_expected_of_the_next_without_what_it_gave_to_others(monkeypatch):
    clock = iter([0.0, 10.0, 14.0, 20.0]).__next__
    monkeypatch.setattr("explainers.runtime.worker.time.monotonic", clock)
    worker, begun, quick_is_there = Worker("test"), threading.Event(), threading.Event()

    def long_work():
        begun.set()
        assert quick_is_there.wait(PATIENCE)
        worker.give_way(LATER)

    worker.submit(long_work, Turn(LATER, kind="long"))
    assert begun.wait(PATIENCE)
    worker.submit(lambda: None, Turn(NOW, kind="quick"))
    quick_is_there.set()
    worker.close(PATIENCE)
    assert worker._seconds == {"long": 16.0, "quick": 4.0}


def test_a_worker_that_runs_something_long_is_silent_until_it_comes_by_a_check(monkeypatch):
    begun, check, checked, end = (threading.Event() for _ in range(4))
    worker = Worker("test")

    def work():
        begun.set()
        assert check.wait(PATIENCE)
        worker.give_way(NOW)
        checked.set()
        assert end.wait(PATIENCE)

    assert worker.pulse() == Pulse(True, 0.0)
    worker.submit(work, Turn())
    assert begun.wait(PATIENCE)
    now = time.perf_counter()
    monkeypatch.setattr(workers.time, "perf_counter", lambda: now + 200)
    assert worker.pulse().silent_seconds == pytest.approx(200, abs=PATIENCE)
    check.set()
    assert checked.wait(PATIENCE)
    assert worker.pulse().silent_seconds == 0
    end.set()
    worker.close(PATIENCE)
    assert worker.pulse() == Pulse(False, 0.0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_thread_has_ended_goes_on_with_another(caplog):
    worker, done = Worker("test"), threading.Event()
    thread = worker._thread

    def deadly():
        raise SystemExit  # work promises to raise nothing

    worker.submit(deadly, Turn())
    thread.join(PATIENCE)
    assert not worker.pulse().is_alive
    with caplog.at_level(logging.ERROR):
        worker.submit(done.set, Turn())
    assert done.wait(PATIENCE) and worker.pulse().is_alive
    assert "another one goes on" in caplog.text
    worker.close(PATIENCE)
