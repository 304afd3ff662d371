"""Indexes that a process makes (explainers/service/runs.py); what was stopped goes on from there when it is started again."""

from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

from explainers.datasets.changes import ComparisonSettings, comparison_record
from explainers.datasets.comparison import Comparing, compare_encoders
from explainers.datasets.index import Index
from explainers.datasets.items import UnreadableData
from explainers.datasets.kept import comparison_file, photos_of, scenes_folder
from explainers.datasets.making import Making, make_index, nothing_known
from explainers.datasets.scene_photos import FIRST_SEED, OBJECTS, PHOTOS, write_scenes
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.results.files import as_json, write_bytes
from explainers.service.questions import OpenEncoder
from explainers.service.runs import Run, Runs
from explainers.service.service import ExplainerService
from models.progress import Progress, with_estimate

MAX_RUNS = 2  # of one owner, at a time, of either kind
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
        ask, scenes = partial(run.answer, service), scenes_folder(n_scenes)
        write_scenes(scenes, range(FIRST_SEED, FIRST_SEED + n_scenes), progress.part(0, _RENDERED))
        ask(OpenEncoder(settings.encoder_name))
        items, objects = list_items(scenes / PHOTOS), objects_in(scenes / OBJECTS)
        making = Making(items, settings, folder, f"{n_scenes} scenes", ask, objects)
        return make_index(making, progress.part(_RENDERED, 1))

    return make


class ComparisonRuns(Runs[Path]):
    """The comparisons of two encoders over a data set that a process makes; each ends in a file (kept.py)."""

    def __init__(self, service: ExplainerService):
        super().__init__(service, "comparisons")

    def start(self, index: Index, other: str, owner: Hashable) -> Run[Path]:
        """Starts comparing the encoder of an index with another one on the photos of the index, or gives back whoever's run is at
        it; raises UnreadableData where the photos are not on this server, TooManyRuns for one too many."""
        where = photos_of(index)
        if where is None:
            raise UnreadableData(
                f"The photos of '{index.manifest['data']}' are not on this server. They belong into ENCODERSCOPE_DATA."
            )
        photos, objects = where
        file = comparison_file(index, other)

        def work(run: Run[Path], service: ExplainerService) -> Path:
            ask = partial(run.answer, service)
            ask(OpenEncoder(other))
            there = set(index.photos["name"].to_pylist())
            items = [item for item in list_items(photos) if item.name in there]
            settings = ComparisonSettings((index.encoder_name, other), (index.depth, None))
            on_objects = nothing_known if objects is None else objects_in(objects)
            comparing = Comparing(items, settings, index.manifest["data"], ask, on_objects)
            comparison = compare_encoders(comparing, with_estimate(run.progress()))
            write_bytes(file, as_json(comparison_record(comparison)))
            return file

        title = f"{index.manifest['data']} by {index.encoder_name} and {other}"
        return self.carry_on(work, title=title, about=file, owner=owner, most=MAX_RUNS)
