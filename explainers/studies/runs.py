"""Runs of studies in this process: they go on when a page is left or reloaded, until they are done or somebody cancels them.

A run has a small thread that only waits: it has every encoder opened (weights are fetched elsewhere than in the worker), asks for
the study, and keeps the result. Everything is computed by the service's worker, which lets others have their turn.
"""

import threading
import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field

from explainers.runtime.scheduler import Job
from explainers.runtime.worker import WAITING
from explainers.service.questions import Answer, OpenEncoder, Question
from explainers.service.service import ExplainerService
from explainers.studies.kept import Kept, KeptStudies
from explainers.studies.study import RunStudy
from models.errors import Cancelled, EncoderscopeError

MAX_RUNS = 5  # of one owner, at a time
_REMEMBERED = 100  # runs that have ended


class TooManyRuns(EncoderscopeError):
    """Somebody asks for more studies than one may have running."""


@dataclass(eq=False)
class Run:
    """A study that is running, or has ended."""

    id: str
    question: RunStudy
    owner: Hashable
    kept: Kept | None = None  # once it is done
    error: EncoderscopeError | None = None  # once it has failed, or was cancelled
    ended: threading.Event = field(default_factory=threading.Event)
    _job: Job | None = None
    _cancelled: bool = False

    @property
    def done(self) -> bool:
        return self.ended.is_set()

    @property
    def fraction(self) -> float:
        """Share of the work done, 0 to 1."""
        return (self._job.fraction or 0.0) if self._job else 0.0

    @property
    def message(self) -> str:
        """What is being done, in a few words."""
        return self._job.message if self._job else WAITING

    def cancel(self) -> None:
        """Ends it; what has ended stays as it is."""
        self._cancelled = True
        if self._job is not None:
            self._job.cancel()

    def answer(self, service: ExplainerService, question: Question[Answer]) -> Answer:
        """The answer to one of its questions, waited for; raises Cancelled once it is cancelled."""
        self._job = service.ask(question, (self.owner, self.id, type(question)))
        if self._cancelled:
            self._job.cancel()
        return self._job.result()


class Runs:
    """The runs of a process. Safe to use from several threads."""

    def __init__(self, service: ExplainerService, kept: KeptStudies):
        self._service, self._kept = service, kept
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def start(self, question: RunStudy, owner: Hashable) -> Run:
        """Starts a study, or gives back the owner's run of the same question; raises TooManyRuns for one too many."""
        with self._lock:
            own = [run for run in self._runs.values() if run.owner == owner and not run.done]
            for run in own:
                if run.question == question:
                    return run
            if len(own) >= MAX_RUNS:
                raise TooManyRuns(f"{len(own)} studies are running already. Wait for one, or stop one.")
            run = Run(uuid.uuid4().hex[:8], question, owner)
            self._runs[run.id] = run
            self._forget_old()
        threading.Thread(target=self._carry_out, args=(run,), name=f"encoderscope-study-{run.id}", daemon=True).start()
        return run

    def of(self, owner: Hashable) -> list[Run]:
        """The owner's runs, the oldest first."""
        with self._lock:
            return [run for run in self._runs.values() if run.owner == owner]

    def forget(self, run_id: str) -> None:
        """Drops a run that has ended; its result stays on disk."""
        with self._lock:
            if run_id in self._runs and self._runs[run_id].done:
                del self._runs[run_id]

    def _carry_out(self, run: Run) -> None:
        try:
            for name in run.question.settings.encoders:
                run.answer(self._service, OpenEncoder(name))
            run.kept = self._kept.keep(run.answer(self._service, run.question))
        except EncoderscopeError as error:
            run.error = error
        except BaseException:
            run.error = Cancelled("The study ended with the server.")
            raise
        finally:
            run.ended.set()

    def _forget_old(self) -> None:
        ended = [run_id for run_id, run in self._runs.items() if run.done]
        for run_id in ended[:-_REMEMBERED]:
            del self._runs[run_id]
