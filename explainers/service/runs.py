"""Work of many questions that this process carries on: it goes on when a page is left or reloaded, until it is done or stopped.

Each run has a small thread that asks and waits (and reads or keeps files); everything is computed by the service's worker, which
lets others have their turn.
"""

import threading
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from explainers.runtime.scheduler import Job
from explainers.runtime.worker import WAITING
from explainers.service.questions import Answer, Question
from explainers.service.service import ExplainerService
from models.errors import Cancelled, EncoderscopeError
from models.progress import Progress

Outcome = TypeVar("Outcome")
_REMEMBERED = 100  # runs that have ended


class TooManyRuns(EncoderscopeError):
    """Somebody asks for more than one may have under way."""


@dataclass(eq=False)
class Run(Generic[Outcome]):
    """Work that is under way, or has ended."""

    id: str
    title: str
    about: object  # of what is equal only one is under way
    owner: Hashable
    outcome: Outcome | None = None  # once it is done
    error: EncoderscopeError | None = None  # once it has failed, or was stopped
    ended: threading.Event = field(default_factory=threading.Event)
    _said: tuple[float, str] | None = None  # by its own steps, where it has any
    _job: Job | None = None
    _cancelled: bool = False

    @property
    def done(self) -> bool:
        return self.ended.is_set()

    @property
    def fraction(self) -> float:
        """Share of the work done, 0 to 1: as its steps say, or else its question."""
        if self._said is not None:
            return self._said[0]
        return (self._job.fraction or 0.0) if self._job else 0.0

    @property
    def message(self) -> str:
        """What is being done, in a few words."""
        if self._said is not None:
            return self._said[1]
        return self._job.message if self._job else WAITING

    def cancel(self) -> None:
        """Stops it; what has ended stays as it is."""
        self._cancelled = True
        if self._job is not None:
            self._job.cancel()

    def answer(self, service: ExplainerService, question: Question[Answer]) -> Answer:
        """The answer to one of its questions, waited for; raises Cancelled once it is stopped."""
        self.require_wanted()
        self._job = service.ask(question, (self.owner, self.id, type(question)))
        if self._cancelled:
            self._job.cancel()
        return self._job.result()

    def progress(self) -> Progress:
        """What steps of its own report to."""

        def tell(share: float | None, doing: str) -> None:
            self._said = share or 0.0, doing

        return Progress(tell, self.require_wanted)

    def require_wanted(self) -> None:
        """Raises Cancelled once it is stopped."""
        if self._cancelled:
            raise Cancelled("This was stopped.")


Work = Callable[[Run[Outcome], ExplainerService], Outcome]


class Runs(Generic[Outcome]):
    """What a process carries on of one kind. Safe to use from several threads."""

    def __init__(self, service: ExplainerService, kind: str):
        """``kind`` says in the plural what they are."""
        self._service, self._kind = service, kind
        self._runs: dict[str, Run[Outcome]] = {}
        self._lock = threading.Lock()

    def carry_on(self, work: Work[Outcome], *, title: str, about: object, owner: Hashable, most: int) -> Run[Outcome]:
        """Begins the work, or gives back the run that is about the same; raises TooManyRuns where the owner has ``most``."""
        with self._lock:
            busy = [run for run in self._runs.values() if not run.done]
            for run in busy:
                if run.about == about:
                    return run
            own = sum(run.owner == owner for run in busy)
            if own >= most:
                raise TooManyRuns(f"{own} {self._kind} are under way already. Wait for one, or stop one.")
            run: Run[Outcome] = Run(uuid.uuid4().hex[:8], title, about, owner)
            self._runs[run.id] = run
            self._forget_old()
        threading.Thread(target=self._carry_out, args=(run, work), name=f"encoderscope-run-{run.id}", daemon=True).start()
        return run

    def all(self) -> list[Run[Outcome]]:
        """Every run, the oldest first."""
        with self._lock:
            return [*self._runs.values()]

    def of(self, owner: Hashable) -> list[Run[Outcome]]:
        """The owner's runs, the oldest first."""
        return [run for run in self.all() if run.owner == owner]

    def forget(self, run_id: str) -> None:
        """Drops a run that has ended; what it left on disk stays."""
        with self._lock:
            if run_id in self._runs and self._runs[run_id].done:
                del self._runs[run_id]

    def _carry_out(self, run: Run[Outcome], work: Work[Outcome]) -> None:
        try:
            run.outcome = work(run, self._service)
        except EncoderscopeError as error:
            run.error = error
        except OSError as error:
            run.error = EncoderscopeError(f"The result cannot be written: {error.strerror or error}. Make room, and begin again.")
        except BaseException:
            run.error = Cancelled("This was left unfinished when the server ended.")
            raise
        finally:
            run.ended.set()

    def _forget_old(self) -> None:
        ended = [run_id for run_id, run in self._runs.items() if run.done]
        for run_id in ended[:-_REMEMBERED]:
            del self._runs[run_id]
