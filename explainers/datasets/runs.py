"""Indexes that a process makes (explainers/service/runs.py); what was stopped goes on from there when it is started again."""

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

from explainers.datasets.index import Index
from explainers.datasets.making import Making, make_index
from explainers.datasets.scene_photos import FIRST_SEED, OBJECTS, PHOTOS, write_scenes
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.service.questions import OpenEncoder
from explainers.service.runs import Run, Runs
from explainers.service.service import ExplainerService
from models.files import home
from models.progress import Progress, with_estimate

MAX_RUNS = 2  # of one owner, at a time
_RENDERED = 0.3  # share of the progress at which scenes are there

Make = Callable[[Run[Index], ExplainerService, Path, Progress], Index]


class IndexRuns(Runs[Index]):
    """The indexes that a process makes."""

    def __init__(self, service: ExplainerService):
        super().__init__(service, "indexes")

    def start(self, title: str, folder: Path, make: Make, owner: Hashable) -> Run[Index]:
        """Starts making an index in a folder, or gives back whoever's run is at it; raises TooManyRuns for one too many."""

        def work(run: Run[Index], service: ExplainerService) -> Index:
            return make(run, service, folder, with_estimate(run.progress()))

        return self.carry_on(work, title=title, about=folder, owner=owner, most=MAX_RUNS)


def of_data(data: Path, settings: IndexSettings) -> Make:
    """Makes the index of a data set on disk."""

    def make(run: Run[Index], service: ExplainerService, folder: Path, progress: Progress) -> Index:
        ask = partial(run.answer, service)
        ask(OpenEncoder(settings.encoder_name))
        return make_index(Making(list_items(data), settings, folder, data.name, ask), progress)

    return make


def of_scenes(n_scenes: int, settings: IndexSettings) -> Make:
    """Renders scenes with a planted caption, and makes their index; they stay in ENCODERSCOPE_HOME/scenes for the next one."""

    def make(run: Run[Index], service: ExplainerService, folder: Path, progress: Progress) -> Index:
        ask, scenes = partial(run.answer, service), home() / "scenes" / str(n_scenes)
        write_scenes(scenes, range(FIRST_SEED, FIRST_SEED + n_scenes), progress.part(0, _RENDERED))
        ask(OpenEncoder(settings.encoder_name))
        items, objects = list_items(scenes / PHOTOS), objects_in(scenes / OBJECTS)
        making = Making(items, settings, folder, f"{n_scenes} scenes", ask, objects)
        return make_index(making, progress.part(_RENDERED, 1))

    return make
