"""Indexes that this process makes: it goes on when a page is left or reloaded, until it is done or somebody stops it.

Each has a small thread that reads photos and writes shards, and waits; everything is computed by the service's worker, which lets
others have their turn. What was stopped goes on from there when it is started again.
"""

import threading
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from explainers.datasets.index import Index
from explainers.datasets.making import Ask, Making, make_index
from explainers.datasets.scene_photos import FIRST_SEED, OBJECTS, PHOTOS, write_scenes
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.runtime.scheduler import Job
from explainers.runtime.worker import WAITING
from explainers.service.questions import Answer, OpenEncoder, Question
from explainers.service.service import ExplainerService
from models.errors import Cancelled, EncoderscopeError
from models.files import home
from models.progress import Progress, with_estimate

MAX_RUNS = 2  # of one owner, at a time
_RENDERED = 0.3  # share of the progress at which scenes are there

Make = Callable[["Run", ExplainerService, Progress], Index]


class TooManyIndexes(EncoderscopeError):
    """Somebody asks for more indexes than one may have in the making."""


@dataclass(eq=False)
class Run:
    """An index in the making, or what became of it."""

    id: str
    title: str
    folder: Path
    owner: Hashable
    fraction: float = 0.0
    message: str = WAITING
    index: Index | None = None  # once it is done
    error: EncoderscopeError | None = None  # once it has failed, or was stopped
    ended: threading.Event = field(default_factory=threading.Event)
    _job: Job | None = None
    _cancelled: bool = False

    @property
    def done(self) -> bool:
        return self.ended.is_set()

    def cancel(self) -> None:
        """Stops it; what has ended stays as it is."""
        self._cancelled = True
        if self._job is not None:
            self._job.cancel()

    def progress(self) -> Progress:
        """What its steps report to."""

        def tell(share: float | None, doing: str) -> None:
            self.fraction, self.message = share or 0.0, doing

        return Progress(tell, self._require_wanted)

    def asker(self, service: ExplainerService) -> Ask:
        """Asks its questions, one after the other; raises Cancelled once it is stopped."""

        def ask(question: Question[Answer]) -> Answer:
            self._require_wanted()
            self._job = service.ask(question, (self.owner, self.id, type(question)))
            return self._job.result()

        return ask

    def _require_wanted(self) -> None:
        if self._cancelled:
            raise Cancelled("This index was stopped.")


class Runs:
    """The indexes that a process makes. Safe to use from several threads."""

    def __init__(self, service: ExplainerService):
        self._service = service
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def start(self, title: str, folder: Path, make: Make, owner: Hashable) -> Run:
        """Starts making an index in a folder, or gives back whoever's run is at it; raises TooManyIndexes for one too many."""
        with self._lock:
            busy = [run for run in self._runs.values() if not run.done]
            for run in busy:
                if run.folder == folder:
                    return run
            own = sum(run.owner == owner for run in busy)
            if own >= MAX_RUNS:
                raise TooManyIndexes(f"{own} indexes are in the making already. Wait for one, or stop one.")
            run = Run(uuid.uuid4().hex[:8], title, folder, owner)
            self._runs[run.id] = run
        threading.Thread(target=self._carry_out, args=(run, make), name=f"encoderscope-index-{run.id}", daemon=True).start()
        return run

    def all(self) -> list[Run]:
        """Every run, the oldest first."""
        with self._lock:
            return [*self._runs.values()]

    def forget(self, run_id: str) -> None:
        """Drops a run that has ended; its index stays on disk."""
        with self._lock:
            if run_id in self._runs and self._runs[run_id].done:
                del self._runs[run_id]

    def _carry_out(self, run: Run, make: Make) -> None:
        try:
            run.index = make(run, self._service, with_estimate(run.progress()))
        except EncoderscopeError as error:
            run.error = error
        except OSError as error:
            run.error = EncoderscopeError(f"The index cannot be written: {error.strerror or error}.")
        except BaseException:
            run.error = Cancelled("The index was left unfinished when the server ended.")
            raise
        finally:
            run.ended.set()


def of_data(data: Path, settings: IndexSettings) -> Make:
    """Makes the index of a data set on disk."""

    def make(run: Run, service: ExplainerService, progress: Progress) -> Index:
        ask = run.asker(service)
        ask(OpenEncoder(settings.encoder_name))
        return make_index(Making(list_items(data), settings, run.folder, data.name, ask), progress)

    return make


def of_scenes(n_scenes: int, settings: IndexSettings) -> Make:
    """Renders scenes with a planted caption, and makes their index; they stay in ENCODERSCOPE_HOME/scenes for the next one."""

    def make(run: Run, service: ExplainerService, progress: Progress) -> Index:
        ask, folder = run.asker(service), home() / "scenes" / str(n_scenes)
        write_scenes(folder, range(FIRST_SEED, FIRST_SEED + n_scenes), progress.part(0, _RENDERED))
        ask(OpenEncoder(settings.encoder_name))
        items, objects = list_items(folder / PHOTOS), objects_in(folder / OBJECTS)
        making = Making(items, settings, run.folder, f"{n_scenes} scenes", ask, objects)
        return make_index(making, progress.part(_RENDERED, 1))

    return make
