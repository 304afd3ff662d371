"""Jobs: shared work, replaced work, cancelled work, failed work. Events say when, so that nothing depends on speed."""

import logging
import threading

import pytest

from explainers.runtime.scheduler import Activity, Job, OwnThread, Queued, Request, Scheduler
from explainers.runtime.worker import Turn, Urgency, Worker
from models.errors import BadSettings, Cancelled, EncoderscopeError

PATIENCE = 20  # seconds after which a test that hangs fails


class Gate:
    """Work that says that it has begun, then waits until it may go on; it counts how often it ran."""

    def __init__(self, value="done"):
        self.value, self.begun, self.go_on, self.n_runs, self.stopped = value, threading.Event(), threading.Event(), 0, False

    def __call__(self, progress):
        self.n_runs += 1
        progress.report(0.25, "half of the half")
        self.begun.set()
        assert self.go_on.wait(PATIENCE)
        try:
            progress.check()
        except Cancelled:
            self.stopped = True
            raise
        return self.value


class ManualPlace:
    """Runs what was asked for only when told to, in the test's own thread."""

    def __init__(self):
        self.queued = []

    def submit(self, run):
        self.queued.append(run)

    def withdraw(self):
        pass

    def give_way(self):
        pass

    def wait(self):
        return "Waiting for the test"

    def run_all(self):
        while self.queued:
            self.queued.pop(0)()


@pytest.fixture
def worker():
    worker = Worker("test")
    yield worker
    worker.close(PATIENCE)


@pytest.fixture
def later():
    return ManualPlace()


@pytest.fixture
def scheduler():
    return Scheduler()


def request(scheduler, key, work, place, doing, view=None, first=None, urgency=Urgency.NOW):
    verb, _, what = doing.partition(" ")
    place = Queued(place, Turn(urgency)) if isinstance(place, Worker) else place
    return scheduler.request(Request(key, work, place, Activity(verb, what), first), view)


def counted(n_runs, value="done"):
    def work(progress):
        n_runs.append(1)
        return value

    return work


def test_a_finished_job_answers_at_once():
    job = Job.finished(7)
    assert job.done and job.result(timeout=0) == 7 and job.fraction == 1.0
    job.cancel()
    assert job.result(timeout=0) == 7


def test_a_job_comes_back_at_once_and_tells_how_far_it_is(scheduler, worker):
    gate = Gate()
    job = request(scheduler, "a", gate, worker, "testing")
    assert gate.begun.wait(PATIENCE)
    assert not job.done and (job.fraction, job.message) == (0.25, "half of the half")
    with pytest.raises(TimeoutError):
        job.result(timeout=0)
    gate.go_on.set()
    assert job.result(PATIENCE) == "done" and job.done


def test_what_is_known_so_far_can_be_seen_before_the_work_is_done(scheduler, later):
    def work(progress):
        progress.show("half")
        seen.append(job.so_far)
        progress.part(0, 1).show("of a step, which is not the answer")
        seen.append(job.so_far)
        return "whole"

    seen = []
    job = request(scheduler, "key", work, later, "x")
    assert job.so_far is None
    later.run_all()
    assert seen == ["half", "half"] and job.result() == "whole"


def test_identical_requests_in_flight_are_computed_once(scheduler, later):
    n_runs = []
    first, second = (request(scheduler, "a", counted(n_runs), later, "testing") for _ in range(2))
    other = request(scheduler, "b", counted([], "other"), later, "testing")
    later.run_all()
    assert (first.result(0), second.result(0), other.result(0)) == ("done", "done", "other")
    assert len(n_runs) == 1


def test_a_request_after_the_flight_is_computed_again(scheduler, later):
    n_runs = []
    for _ in range(2):
        request(scheduler, "a", counted(n_runs), later, "testing")
        later.run_all()
    assert len(n_runs) == 2


def test_work_of_a_worker_is_done_one_at_a_time_in_order_by_one_thread(scheduler, worker):
    threads, order = set(), []

    def work(progress, number):
        threads.add(threading.get_ident())
        order.append(number)

    jobs = [request(scheduler, n, lambda progress, n=n: work(progress, n), worker, "testing") for n in range(20)]
    [job.result(PATIENCE) for job in jobs]
    assert order == list(range(20))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_cancelled_before_its_turn_it_never_runs(scheduler, later):
    n_runs = []
    job = request(scheduler, "a", counted(n_runs), later, "testing")
    assert scheduler.waiting() == 1
    job.cancel()
    assert job.done and scheduler.waiting() == 0
    with pytest.raises(Cancelled):
        job.result(0)
    later.run_all()
    assert n_runs == []


def test_cancelled_while_running_it_is_told_to_stop(scheduler, worker):
    gate = Gate()
    job = request(scheduler, "a", gate, worker, "testing")
    assert gate.begun.wait(PATIENCE)
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(0)  # whoever cancels need not wait for the work to notice
    gate.go_on.set()
    worker.close(PATIENCE)
    assert gate.stopped


def test_somebody_who_waits_learns_of_the_cancellation(scheduler, worker):
    gate, outcome = Gate(), []
    job = request(scheduler, "a", gate, worker, "testing")

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


def test_one_of_two_holders_may_leave(scheduler, later):
    staying, leaving = (request(scheduler, "a", counted([]), later, "testing") for _ in range(2))
    leaving.cancel()
    later.run_all()
    assert staying.result(0) == "done"
    with pytest.raises(Cancelled):
        leaving.result(0)


def test_a_request_does_not_join_work_that_was_told_to_stop(scheduler, worker):
    stopping, fresh = Gate("old"), Gate("new")
    old = request(scheduler, "a", stopping, worker, "testing")
    assert stopping.begun.wait(PATIENCE)
    old.cancel()
    new = request(scheduler, "a", fresh, worker, "testing")
    stopping.go_on.set()
    fresh.go_on.set()
    assert new.result(PATIENCE) == "new"


def test_the_newest_request_of_a_view_replaces_the_older_one(scheduler, later):
    n_runs = []
    old = request(scheduler, "a", counted(n_runs), later, "testing", view="page")
    new = request(scheduler, "b", counted([]), later, "testing", view="page")
    elsewhere = request(scheduler, "c", counted([]), later, "testing", view="another page")
    later.run_all()
    assert new.result(0) == elsewhere.result(0) == "done" and n_runs == []
    with pytest.raises(Cancelled):
        old.result(0)


def test_a_view_that_asks_the_same_again_keeps_its_job(scheduler, later):
    assert request(scheduler, "a", counted([]), later, "x", view="page") is request(
        scheduler, "a", counted([]), later, "x", view="page"
    )


def test_a_replaced_request_goes_on_for_another_view(scheduler, later):
    mine = request(scheduler, "a", counted([]), later, "testing", view="mine")
    yours = request(scheduler, "a", counted([]), later, "testing", view="yours")
    request(scheduler, "b", counted([]), later, "testing", view="mine")
    later.run_all()
    assert yours.result(0) == "done"
    with pytest.raises(Cancelled):
        mine.result(0)


def test_what_is_done_leaves_nothing_behind(scheduler, later):
    for key in range(3):
        request(scheduler, key, counted([]), later, "testing", view="page")
    later.run_all()
    assert not scheduler._views and not scheduler._in_flight


def refusing(progress):
    raise BadSettings("There is no depth 9.")


def broken(progress):
    raise KeyError("a defect of ours")


def giving_up(progress):
    raise SystemExit(3)


def test_a_refusal_reaches_every_holder(scheduler, later):
    jobs = [request(scheduler, "a", refusing, later, "testing") for _ in range(2)]
    later.run_all()
    for job in jobs:
        with pytest.raises(BadSettings, match="no depth 9"):
            job.result(0)


@pytest.mark.parametrize("work", [broken, giving_up])
def test_a_defect_is_logged_told_in_one_sentence_and_survived(scheduler, worker, caplog, work):
    with caplog.at_level(logging.ERROR):
        job = request(scheduler, "a", work, worker, "segmenting 'cat.jpg'")
        with pytest.raises(EncoderscopeError, match=r"^Something went wrong inside Encoderscope while segmenting 'cat.jpg'; "):
            job.result(PATIENCE)
    assert work.__name__ in caplog.text and "Traceback" in caplog.text
    assert request(scheduler, "b", lambda progress: 5, worker, "testing").result(PATIENCE) == 5


def test_what_must_come_first_comes_first_and_shows_its_progress(scheduler, later, worker):
    gate = Gate("weights")
    job = request(
        scheduler, "b", lambda progress: "map", later, "testing", first=lambda: request(scheduler, "a", gate, worker, "loading")
    )
    assert gate.begun.wait(PATIENCE)
    assert job.message == "half of the half" and later.queued == []
    first = request(scheduler, "a", gate, worker, "loading")
    gate.go_on.set()
    assert first.result(PATIENCE) == "weights"
    while not later.queued:  # the worker's thread hands over just after it has settled the jobs
        threading.Event().wait(0.001)
    later.run_all()
    assert job.result(0) == "map"


def test_what_must_come_first_fails_for_all(scheduler, later):
    n_runs = []
    job = request(
        scheduler, "b", counted(n_runs), later, "testing", first=lambda: request(scheduler, "a", refusing, later, "loading")
    )
    later.run_all()
    with pytest.raises(BadSettings):
        job.result(0)
    assert n_runs == [] and not scheduler._in_flight


def test_cancelling_takes_along_what_must_come_first_unless_somebody_else_wants_it(scheduler, later):
    n_runs = []

    def loading():
        return request(scheduler, "a", counted(n_runs), later, "loading")

    job = request(scheduler, "b", counted([]), later, "testing", first=loading)
    job.cancel()
    later.run_all()
    assert n_runs == []
    job, shared = request(scheduler, "b", counted([]), later, "testing", first=loading), loading()
    job.cancel()
    later.run_all()
    assert shared.result(0) == "done" and n_runs == [1]


def test_long_work_gives_way_between_its_steps_and_goes_on_where_it_was(scheduler, worker):
    order, gate = [], Gate()

    def long_work(progress):
        order.append("long begins")
        gate(progress)  # checks in the end
        order.append("long goes on")
        return "long"

    long_job = request(scheduler, "long", long_work, worker, "explaining", urgency=Urgency.LATER)
    assert gate.begun.wait(PATIENCE)
    quick = request(scheduler, "quick", lambda progress: order.append("quick"), worker, "segmenting")
    equal = request(scheduler, "equal", lambda progress: order.append("equal"), worker, "explaining", urgency=Urgency.LATER)
    unwanted = request(scheduler, "unwanted", lambda progress: order.append("unwanted"), worker, "segmenting")
    assert quick.message == "Waiting for its turn" and equal.message.startswith("Waiting for its turn: 3 before it")
    unwanted.cancel()
    assert equal.message.startswith("Waiting for its turn: 2 before it")
    gate.go_on.set()
    assert long_job.result(PATIENCE) == "long"
    equal.result(PATIENCE)
    assert order == ["long begins", "quick", "long goes on", "equal"] and gate.n_runs == 1


def test_work_that_was_given_up_while_it_gave_way_ends_there(scheduler, worker):
    gate = Gate()
    long_job = request(scheduler, "long", gate, worker, "explaining", urgency=Urgency.LATER)
    assert gate.begun.wait(PATIENCE)
    quick = request(scheduler, "quick", lambda progress: long_job.cancel(), worker, "segmenting")
    gate.go_on.set()
    quick.result(PATIENCE)
    with pytest.raises(Cancelled):
        long_job.result(PATIENCE)
    worker.close(PATIENCE)
    assert gate.stopped


def test_a_network_wait_holds_nobody_up(scheduler, worker):
    gate = Gate()
    slow = request(scheduler, "slow", gate, OwnThread(), "downloading")
    assert gate.begun.wait(PATIENCE)
    assert request(scheduler, "quick", lambda progress: 1, worker, "testing").result(PATIENCE) == 1
    assert not slow.done and [activity.verb for activity in scheduler.running()] == ["downloading"]
    gate.go_on.set()
    assert slow.result(PATIENCE) == "done"


def test_closing_cancels_everything(scheduler, later):
    n_runs = []
    job = request(scheduler, "a", counted(n_runs), later, "testing")
    scheduler.close()
    with pytest.raises(Cancelled):
        job.result(0)
    with pytest.raises(Cancelled, match="closed"):
        request(scheduler, "b", counted(n_runs), later, "testing")
    later.run_all()
    assert n_runs == []


def test_many_callers_at_once_lose_nothing(scheduler, worker):
    """Sixteen threads ask for the same eight results, half of them give up at once."""
    start, results = threading.Barrier(16), []

    def ask(number):
        start.wait(PATIENCE)
        jobs = [request(scheduler, key, lambda progress, key=key: key, worker, "testing", view=(number, key)) for key in range(8)]
        if number % 2:
            [job.cancel() for job in jobs]
        else:
            results.append([job.result(PATIENCE) for job in jobs])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    [thread.start() for thread in threads]
    [thread.join(PATIENCE) for thread in threads]
    assert results == [list(range(8))] * 8
    assert not scheduler._in_flight and not scheduler._views
