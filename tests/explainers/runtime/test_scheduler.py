"""Jobs: shared work, replaced work, cancelled work, failed work. Events say when, so that nothing depends on speed."""

import logging
import threading

import pytest

from explainers.runtime.scheduler import Desk, Job, Lane, own_thread
from models.errors import BadSettings, Cancelled, EncoderscopeError

PATIENCE = 20  # seconds after which a test that hangs fails


class Gate:
    """Work that says that it has begun, then waits until it may go on; it counts how often it ran."""

    def __init__(self, value="done"):
        self.value, self.begun, self.go_on, self.n_runs, self.stopped = value, threading.Event(), threading.Event(), 0, False

    def __call__(self, task):
        self.n_runs += 1
        task.report(0.25, "half of the half")
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        self.stopped = task.should_stop()
        task.check()
        return self.value


class ManualLane:
    """Runs what was asked for only when told to, in the test's own thread."""

    def __init__(self):
        self.queued = []

    def __call__(self, run):
        self.queued.append(run)

    def run_all(self):
        while self.queued:
            self.queued.pop(0)()


@pytest.fixture
def lane():
    lane = Lane("test")
    yield lane
    lane.close(PATIENCE)


@pytest.fixture
def later():
    return ManualLane()


@pytest.fixture
def desk():
    return Desk()


def counted(n_runs, value="done"):
    def work(task):
        n_runs.append(1)
        return value

    return work


def test_a_finished_job_answers_at_once():
    job = Job.finished(7)
    assert job.done and job.result(timeout=0) == 7 and job.fraction == 1.0
    job.cancel()
    assert job.result(timeout=0) == 7


def test_a_job_comes_back_at_once_and_tells_how_far_it_is(desk, lane):
    gate = Gate()
    job = desk.request("a", gate, lane, "testing")
    assert gate.begun.wait(PATIENCE)
    assert not job.done and (job.fraction, job.message) == (0.25, "half of the half")
    with pytest.raises(TimeoutError):
        job.result(timeout=0)
    gate.go_on.set()
    assert job.result(PATIENCE) == "done" and job.done


def test_identical_requests_in_flight_are_computed_once(desk, later):
    n_runs = []
    first, second = (desk.request("a", counted(n_runs), later, "testing") for _ in range(2))
    other = desk.request("b", counted([], "other"), later, "testing")
    later.run_all()
    assert (first.result(0), second.result(0), other.result(0)) == ("done", "done", "other")
    assert len(n_runs) == 1


def test_a_request_after_the_flight_is_computed_again(desk, later):
    n_runs = []
    for _ in range(2):
        desk.request("a", counted(n_runs), later, "testing")
        later.run_all()
    assert len(n_runs) == 2


def test_work_of_a_lane_is_done_one_at_a_time_in_order_by_one_thread(desk, lane):
    threads, order = set(), []

    def work(task, number):
        threads.add(threading.get_ident())
        order.append(number)

    jobs = [desk.request(n, lambda task, n=n: work(task, n), lane, "testing") for n in range(20)]
    [job.result(PATIENCE) for job in jobs]
    assert order == list(range(20))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_cancelled_before_its_turn_it_never_runs(desk, later):
    n_runs = []
    job = desk.request("a", counted(n_runs), later, "testing")
    assert desk.waiting() == 1
    job.cancel()
    assert job.done and desk.waiting() == 0
    with pytest.raises(Cancelled):
        job.result(0)
    later.run_all()
    assert n_runs == []


def test_cancelled_while_running_it_is_told_to_stop(desk, lane):
    gate = Gate()
    job = desk.request("a", gate, lane, "testing")
    assert gate.begun.wait(PATIENCE)
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(0)  # whoever cancels need not wait for the work to notice
    gate.go_on.set()
    lane.close(PATIENCE)
    assert gate.stopped


def test_somebody_who_waits_learns_of_the_cancellation(desk, lane):
    gate, outcome = Gate(), []
    job = desk.request("a", gate, lane, "testing")

    def wait():
        try:
            job.result(PATIENCE)
        except Cancelled as error:
            outcome.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert gate.begun.wait(PATIENCE)
    job.cancel()
    waiting.join(PATIENCE)
    gate.go_on.set()
    assert len(outcome) == 1


def test_one_of_two_holders_may_leave(desk, later):
    staying, leaving = (desk.request("a", counted([]), later, "testing") for _ in range(2))
    leaving.cancel()
    later.run_all()
    assert staying.result(0) == "done"
    with pytest.raises(Cancelled):
        leaving.result(0)


def test_a_request_does_not_join_work_that_was_told_to_stop(desk, lane):
    stopping, fresh = Gate("old"), Gate("new")
    old = desk.request("a", stopping, lane, "testing")
    assert stopping.begun.wait(PATIENCE)
    old.cancel()
    new = desk.request("a", fresh, lane, "testing")
    stopping.go_on.set()
    fresh.go_on.set()
    assert new.result(PATIENCE) == "new"


def test_the_newest_request_of_a_view_replaces_the_older_one(desk, later):
    n_runs = []
    old = desk.request("a", counted(n_runs), later, "testing", view="page")
    new = desk.request("b", counted([]), later, "testing", view="page")
    elsewhere = desk.request("c", counted([]), later, "testing", view="another page")
    later.run_all()
    assert new.result(0) == elsewhere.result(0) == "done" and n_runs == []
    with pytest.raises(Cancelled):
        old.result(0)


def test_a_view_that_asks_the_same_again_keeps_its_job(desk, later):
    assert desk.request("a", counted([]), later, "x", view="page") is desk.request("a", counted([]), later, "x", view="page")


def test_a_replaced_request_goes_on_for_another_view(desk, later):
    mine = desk.request("a", counted([]), later, "testing", view="mine")
    yours = desk.request("a", counted([]), later, "testing", view="yours")
    desk.request("b", counted([]), later, "testing", view="mine")
    later.run_all()
    assert yours.result(0) == "done"
    with pytest.raises(Cancelled):
        mine.result(0)


def test_what_is_done_leaves_nothing_behind(desk, later):
    for key in range(3):
        desk.request(key, counted([]), later, "testing", view="page")
    later.run_all()
    assert not desk._views and not desk._in_flight


def refusing(task):
    raise BadSettings("There is no depth 9.")


def broken(task):
    raise KeyError("a defect of ours")


def giving_up(task):
    raise SystemExit(3)


def test_a_refusal_reaches_every_holder(desk, later):
    jobs = [desk.request("a", refusing, later, "testing") for _ in range(2)]
    later.run_all()
    for job in jobs:
        with pytest.raises(BadSettings, match="no depth 9"):
            job.result(0)


@pytest.mark.parametrize("work", [broken, giving_up])
def test_a_defect_is_logged_told_in_one_sentence_and_survived(desk, lane, caplog, work):
    with caplog.at_level(logging.ERROR):
        job = desk.request("a", work, lane, "segmenting 'cat.jpg'")
        with pytest.raises(EncoderscopeError, match=r"^Something went wrong inside Encoderscope while segmenting 'cat.jpg'; "):
            job.result(PATIENCE)
    assert work.__name__ in caplog.text and "Traceback" in caplog.text
    assert desk.request("b", lambda task: 5, lane, "testing").result(PATIENCE) == 5


def test_what_must_come_first_comes_first_and_shows_its_progress(desk, later, lane):
    gate = Gate("weights")
    job = desk.request("b", lambda task: "map", later, "testing", after=lambda: desk.request("a", gate, lane, "loading"))
    assert gate.begun.wait(PATIENCE)
    assert job.message == "half of the half" and later.queued == []
    first = desk.request("a", gate, lane, "loading")
    gate.go_on.set()
    assert first.result(PATIENCE) == "weights"
    while not later.queued:  # the lane's thread hands over just after it has settled the jobs
        threading.Event().wait(0.001)
    later.run_all()
    assert job.result(0) == "map"


def test_what_must_come_first_fails_for_all(desk, later):
    n_runs = []
    job = desk.request("b", counted(n_runs), later, "testing", after=lambda: desk.request("a", refusing, later, "loading"))
    later.run_all()
    with pytest.raises(BadSettings):
        job.result(0)
    assert n_runs == [] and not desk._in_flight


def test_cancelling_takes_along_what_must_come_first_unless_somebody_else_wants_it(desk, later):
    n_runs = []

    def loading():
        return desk.request("a", counted(n_runs), later, "loading")

    job = desk.request("b", counted([]), later, "testing", after=loading)
    job.cancel()
    later.run_all()
    assert n_runs == []
    job, shared = desk.request("b", counted([]), later, "testing", after=loading), loading()
    job.cancel()
    later.run_all()
    assert shared.result(0) == "done" and n_runs == [1]


def test_a_network_wait_holds_nobody_up(desk, lane):
    gate = Gate()
    slow = desk.request("slow", gate, own_thread, "downloading")
    assert gate.begun.wait(PATIENCE)
    assert desk.request("quick", lambda task: 1, lane, "testing").result(PATIENCE) == 1
    assert not slow.done and desk.running() == ("downloading",)
    gate.go_on.set()
    assert slow.result(PATIENCE) == "done"


def test_closing_cancels_everything(desk, later):
    n_runs = []
    job = desk.request("a", counted(n_runs), later, "testing")
    desk.close()
    with pytest.raises(Cancelled):
        job.result(0)
    with pytest.raises(Cancelled, match="closed"):
        desk.request("b", counted(n_runs), later, "testing")
    later.run_all()
    assert n_runs == []


def test_many_callers_at_once_lose_nothing(desk, lane):
    """Sixteen threads ask for the same eight results, half of them give up at once."""
    start, results = threading.Barrier(16), []

    def ask(number):
        start.wait(PATIENCE)
        jobs = [desk.request(key, lambda task, key=key: key, lane, "testing", view=(number, key)) for key in range(8)]
        if number % 2:
            [job.cancel() for job in jobs]
        else:
            results.append([job.result(PATIENCE) for job in jobs])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    [thread.start() for thread in threads]
    [thread.join(PATIENCE) for thread in threads]
    assert results == [list(range(8))] * 8
    assert not desk._in_flight and not desk._views
