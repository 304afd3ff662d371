"""How long the questions of the Audit page take on an index of scenes: seconds on the clock and of the processor, a row each.

On a busy machine the clock says more of the others; the processor's seconds are of this process, all threads together.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from explainers.datasets.index import Index
from explainers.datasets.making import Making, make_index
from explainers.datasets.questions import (
    AskAudit,
    MapRegions,
    QueryByConcept,
    QueryByRegion,
    RankConcepts,
    ReplaceParts,
    SearchRegions,
)
from explainers.datasets.scene_photos import MARKED_CLASS, OBJECTS, PHOTOS
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.library.regions import box_region
from explainers.service.service import ExplainerService
from models.photo import photo_from_array
from models.scenes.scenes import CLASS_NAMES, render, sample_scene
from tests.benchmarks.audit_truth import scenes_and_service

N_SCENES, K, ENCODER = 2000, 64, "scenes-cnn-watermark"
CONCEPTS = ("watermark", "striped", "dotted", "chequered", "zigzag", "red")


def question_table(seeds: Sequence[int], n_scenes: int = N_SCENES) -> list[dict]:
    """One row per question, on an index of fresh scenes; of each seed."""
    rows = []
    for seed in seeds:
        with scenes_and_service(seed, n_scenes) as (folder, service):
            rows += questions_of(service, folder, folder / "index")
    return rows


def questions_of(service: ExplainerService, folder: Path, index_folder: Path) -> list[dict]:
    """A row per question, on an index of the scenes in a folder; an index that is there and whole is used as it is."""
    rows: list[dict] = []

    def ask(question):
        return service.ask(question).result()

    def timed(word: str, work: Callable):
        clock, processor = time.perf_counter(), time.process_time()
        answer = work()
        seconds = {"seconds": time.perf_counter() - clock, "of the processor": time.process_time() - processor}
        rows.append({"question": word} | seconds)
        print(rows[-1], flush=True)
        return answer

    index: Index = timed("the index", lambda: make_index(_making(folder, index_folder, ask)))
    about = index.folder, index.key
    audit = timed("the audit", lambda: ask(AskAudit(*about, K)))
    scene = photo_from_array(render(sample_scene(7)).image, "scene-7")
    by_region = QueryByRegion(*about, scene, box_region((0.3, 0.3, 0.7, 0.7), (64, 64)))
    query = timed("a box on a photo becomes a query", lambda: ask(by_region))
    timed("the most alike of all regions", lambda: ask(SearchRegions(*about, K, query)))
    random = service.library.open_set("scenes", "random")
    concepts = tuple(service.library.open_set(name) for name in CONCEPTS)
    timed("a concept becomes a query, first time", lambda: ask(QueryByConcept(*about, concepts[0], random)))
    timed("again", lambda: ask(QueryByConcept(*about, concepts[0], random)))
    ranking = RankConcepts(*about, K, concepts, random)
    timed("six concepts beside parts, first time", lambda: ask(ranking))
    timed("six concepts again", lambda: ask(ranking))
    class_idx = CLASS_NAMES.index(MARKED_CLASS)
    parts = tuple((class_idx, row.part) for row in audit.of_class(class_idx)[:5])
    timed("five parts replaced", lambda: ask(ReplaceParts(*about, folder / PHOTOS, K, parts)))
    timed("800 regions on a plane", lambda: ask(MapRegions(*about, K)))
    n_regions = len(index.regions(K, ("part",)))
    return [row | {"regions": n_regions} for row in rows]


def _making(folder: Path, index_folder: Path, ask: Callable) -> Making:
    items, objects = list_items(folder / PHOTOS), objects_in(folder / OBJECTS)
    return Making(items, IndexSettings(ENCODER), index_folder, "scenes", ask, objects)
