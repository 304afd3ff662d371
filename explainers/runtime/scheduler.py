"""Work that is asked for now and finished later.

    Job        what a caller holds: how far the work is, its result, a way to cancel it
    Progress   what the work gets: a way to report how far it is, and to learn that nobody waits for it any more
    Scheduler  takes requests: identical ones in flight share one computation, and the newest request of a view wins

A computation stops when the last of its jobs is cancelled, never before. Whatever goes wrong in it reaches its callers
as an EncoderscopeError, and its thread goes on.
"""

import atexit
import logging
import secrets
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from explainers.runtime.measures import Ended, Outcome
from explainers.runtime.worker import WAITING, Ticket, Turn, Worker
from models.errors import Cancelled, EncoderscopeError
from models.progress import Progress

log = logging.getLogger(__name__)
T = TypeVar("T")
_PATIENCE_SECONDS = 30  # with a step that is running when everything ends
_NETWORK_SECONDS = 6  # with a question to the network
_own_threads: WeakSet[threading.Thread] = WeakSet()


@dataclass(frozen=True)
class Activity:
    """What a piece of work does, in words that complete the sentence "Something went wrong while ..."."""

    verb: str  # "segmenting"
    what: str  # "'cat.jpg'": may name somebody's file
    encoder_name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.what}" + (f" with the encoder '{self.encoder_name}'" if self.encoder_name else "")


@dataclass(frozen=True)
class Request(Generic[T]):
    """Work to be done, and what tells it apart from other work."""

    key: Hashable  # equal for work that gives the same result
    work: Callable[[Progress], T]
    place: "Place"  # where it is done
    activity: Activity
    first: "Callable[[], Job] | None" = None  # asks for what must be done before; its failure is this job's failure


class Place(Protocol):
    """Where work is done."""

    def submit(self, run: Callable[[], None]) -> None:
        """Has it done some time."""

    def withdraw(self) -> None:
        """Nobody wants it any more; what has begun must end by itself."""

    def give_way(self) -> None:
        """Called by the work between its steps: lets others have their turn."""

    def wait(self) -> str:
        """What stands before it, in words, while it has not begun."""


class Queued:
    """A place in a worker's line."""

    def __init__(self, worker: Worker, turn: Turn):
        self._worker, self._turn = worker, turn
        self._ticket: Ticket | None = None

    def submit(self, run: Callable[[], None]) -> None:
        self._ticket = self._worker.submit(run, self._turn)

    def withdraw(self) -> None:
        if self._ticket is not None:
            self._worker.withdraw(self._ticket)

    def give_way(self) -> None:
        self._worker.give_way(self._turn.urgency)

    def wait(self) -> str:
        return str(self._worker.wait_of(self._ticket)) if self._ticket is not None else WAITING


class OwnThread:
    """A thread of its own, for work that mostly waits for the network, so that it holds nobody up."""

    def submit(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name="encoderscope-download", daemon=True)
        _own_threads.add(thread)
        thread.start()

    def withdraw(self) -> None:
        pass

    def give_way(self) -> None:
        pass

    def wait(self) -> str:
        return WAITING


class Job(Generic[T]):
    """A result that is on its way, or there already."""

    def __init__(self, computation: "_Computation[T]"):
        self._computation = computation
        self._settled = threading.Event()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @classmethod
    def finished(cls, value: T) -> "Job[T]":
        """A job whose result needs no work."""
        computation = _Computation(key=None, activity=Activity("", ""), scheduler=None)
        computation.value, computation.fraction, computation.message = value, 1.0, ""
        return cls._settled_with(computation)

    @classmethod
    def refused(cls, error: EncoderscopeError) -> "Job[T]":
        """A job that ended before any work, for the reason given."""
        computation = _Computation(key=None, activity=Activity("", ""), scheduler=None)
        computation.error = error
        return cls._settled_with(computation)

    @classmethod
    def _settled_with(cls, computation: "_Computation[T]") -> "Job[T]":
        job = cls(computation)
        job._settle()
        return job

    @property
    def done(self) -> bool:
        """Whether ``result`` answers at once, with a value or an error."""
        return self._settled.is_set()

    @property
    def fraction(self) -> float | None:
        """Share of the work done, 0 to 1; None while unknown."""
        return self._computation.progress()[0]

    @property
    def message(self) -> str:
        """What is being done, in a few words."""
        return self._computation.progress()[1]

    @property
    def so_far(self) -> T | None:
        """The answer as far as it is known before it is whole; None where nothing is, or where the work does not say."""
        return self._computation.so_far

    def result(self, timeout: float | None = None) -> T:
        """Waits for the result; raises the error family's members, or TimeoutError after ``timeout`` seconds."""
        if not self._settled.wait(timeout):
            raise TimeoutError(f"Not ready after {timeout} s.")
        error = self.error()
        if error is not None:
            raise error.with_traceback(None)
        return self._computation.value

    def error(self) -> EncoderscopeError | None:
        """What ``result`` would raise now."""
        return Cancelled("This work was cancelled.") if self._cancelled else self._computation.error

    def cancel(self) -> None:
        """Gives up this job; the work stops if no other job shares it. A job that is done already stays as it is."""
        if self._computation.scheduler is not None:
            self._computation.scheduler.release(self)

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Calls ``callback`` once the job is done, failed or cancelled; at once if it is already."""
        self._callbacks.append(callback)
        if self.done:
            self._run_callbacks()

    def _settle(self, *, cancelled: bool = False) -> None:
        self._cancelled = cancelled
        self._settled.set()
        self._run_callbacks()

    def _run_callbacks(self) -> None:
        while self._callbacks:
            try:
                callback = self._callbacks.pop()
            except IndexError:  # another thread was faster
                return
            callback()


def end(scheduler: "Scheduler", worker: Worker) -> None:
    """Cancels everything, and waits for the running step.

    A process must not end before: the interpreter would tear its threads out of torch's C++ code, which aborts the process.
    """
    scheduler.close()
    worker.close(timeout=_PATIENCE_SECONDS)


@atexit.register
def _wait_for_own_threads() -> None:
    for thread in list(_own_threads):
        thread.join(_NETWORK_SECONDS)


class _Computation(Generic[T]):
    """One piece of work and the jobs that wait for it. The scheduler's lock guards ``jobs`` and every change of state."""

    def __init__(self, key: Hashable, activity: Activity, scheduler: "Scheduler | None", place: Place | None = None):
        self.key, self.activity, self.scheduler, self.place = key, activity, scheduler, place
        self.request_id = secrets.token_hex(4)  # by which the log and the sentence in the page can be joined
        self.jobs: list[Job[T]] = []
        self.stop = threading.Event()
        self.first: Job | None = None  # what must be done before
        self.started, self.failed, self.counted = False, False, False
        self.asked_at, self.began_at = time.monotonic(), 0.0
        self.fraction: float | None = None
        self.message = WAITING
        self.so_far: T | None = None
        self.value: T  # once the work is done without an error
        self.error: EncoderscopeError | None = None

    def progress(self) -> tuple[float | None, str]:
        first = self.first
        if first is not None and not first.done:
            return first.fraction, first.message
        if self.place is not None and not self.started:
            return None, self.place.wait()
        return self.fraction, self.message

    def run(self, work: Callable[[Progress], T]) -> None:
        """Leaves a value or an error; raises nothing."""
        progress = Progress(self._report, self._check, self._show)
        try:
            progress.check()
            self.started, self.began_at = True, time.monotonic()
            progress.report(None, "Starting")
            self.value = work(progress)
        except EncoderscopeError as error:
            self.error = error.with_traceback(None)  # its frames hold tensors
        except BaseException:  # our defect: the log gets the details, the caller one sentence, the thread goes on
            log.exception("Defect while %s", self.activity.verb, extra={"facts": {"request": self.request_id}})
            self.failed = True
            self.error = EncoderscopeError(
                f"Something went wrong inside Encoderscope while {self.activity}; the details are in the server log under "
                f"{self.request_id}."
            )

    def ended(self) -> Ended:
        """What became of the work, now that it is over."""
        now = time.monotonic()
        began_at = self.began_at if self.started else now
        return Ended(self.request_id, self.activity.verb, self._outcome(), began_at - self.asked_at, now - began_at)

    def _outcome(self) -> Outcome:
        if self.stop.is_set() or isinstance(self.error, Cancelled):
            return Outcome.CANCELLED
        if self.failed:
            return Outcome.FAILED
        return Outcome.ANSWERED if self.error is None else Outcome.REFUSED

    def _report(self, share: float | None, doing: str) -> None:
        self.fraction, self.message = share, doing

    def _show(self, so_far: T) -> None:
        self.so_far = so_far

    def _check(self) -> None:
        """Raises Cancelled if nobody waits for the result any more; else lets what is more urgent have its turn."""
        if self.started and self.place is not None and not self.stop.is_set():
            self.place.give_way()
        if self.stop.is_set():
            raise Cancelled("This work was cancelled.")


class Scheduler:
    """Takes requests and hands out jobs; ``ended`` learns of every piece of work that is over."""

    def __init__(self, ended: Callable[[Ended], None] = lambda work: None):
        self._ended = ended
        self._lock = threading.RLock()
        self._in_flight: dict[Hashable, _Computation] = {}
        self._views: dict[Hashable, Job] = {}
        self._closed = False

    def request(self, request: Request[T], view: Hashable | None = None) -> Job[T]:
        """A job for the work of a request, shared with the request of the same key that is in flight.

        The view's older request, if it is another one, is cancelled.
        """
        with self._lock:
            if self._closed:
                raise Cancelled("The service has been closed.")
            older = self._views.get(view) if view is not None else None
            if older is not None and older._computation.key == request.key:
                return older
            running = self._in_flight.get(request.key)
            job = self._start(request) if running is None else self._job(running)
            if view is not None and not job.done:
                self._views[view] = job
            if older is not None:
                self.release(older)
        return job

    def release(self, job: Job) -> None:
        """Cancels one job; the last one takes its computation along."""
        with self._lock:
            if job.done:
                return
            computation = job._computation
            computation.jobs.remove(job)
            self._forget_view(job)
            if not computation.jobs:
                self._stop(computation)
            job._settle(cancelled=True)

    def waiting(self) -> int:
        """How many computations have not begun."""
        with self._lock:
            return sum(not computation.started for computation in self._in_flight.values())

    def running(self) -> tuple[Activity, ...]:
        """What is being done now."""
        with self._lock:
            return tuple(computation.activity for computation in self._in_flight.values() if computation.started)

    def close(self) -> None:
        """Cancels everything and takes no more requests."""
        with self._lock:
            self._closed = True
            for job in [job for computation in self._in_flight.values() for job in computation.jobs]:
                self.release(job)

    def _start(self, request: Request[T]) -> Job[T]:
        computation: _Computation[T] = _Computation(request.key, request.activity, self, request.place)
        computation.first = None if request.first is None else request.first()
        job = self._job(computation)
        self._in_flight[request.key] = computation

        def run() -> None:
            computation.run(request.work)
            self._finish(computation)

        if computation.first is None:
            request.place.submit(run)
        else:
            computation.first.when_settled(lambda: self._proceed(computation, request.place, run))
        return job

    def _job(self, computation: _Computation) -> Job:
        job = Job(computation)
        computation.jobs.append(job)
        return job

    def _proceed(self, computation: _Computation, place: Place, run: Callable[[], None]) -> None:
        """Goes on once what must be done first is done; or fails with it."""
        computation.error = computation.first.error() if computation.first else None
        if computation.error is None:
            place.submit(run)
        else:
            self._finish(computation)

    def _stop(self, computation: _Computation) -> None:
        computation.stop.set()
        self._leave(computation)
        if computation.place is not None:
            computation.place.withdraw()
        if computation.first is not None:
            computation.first.cancel()
        if not computation.started:
            self._count(computation)

    def _finish(self, computation: _Computation) -> None:
        with self._lock:
            self._count(computation)
            self._leave(computation)
            jobs, computation.jobs = computation.jobs, []
            for job in jobs:
                self._forget_view(job)
                job._settle()

    def _count(self, computation: _Computation) -> None:
        if not computation.counted:
            computation.counted = True
            self._ended(computation.ended())

    def _leave(self, computation: _Computation) -> None:
        if self._in_flight.get(computation.key) is computation:
            del self._in_flight[computation.key]

    def _forget_view(self, job: Job) -> None:
        for view in [view for view, held in self._views.items() if held is job]:
            del self._views[view]
