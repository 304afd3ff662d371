"""Whether the gate stops the encoder that fell for the planted caption and lets the clean one pass, on fresh scenes by seed.

Three gates at k = 64 as they come: the concept `watermark` is forbidden; it is forbidden beside the object; or every part beside
the object is. A row per encoder and seed: in which classes each found something, and whether it named the caption of woven stars.
"""

from collections.abc import Sequence
from pathlib import Path

from explainers.datasets.gate import GateSettings, Verdict
from explainers.datasets.index import Index
from explainers.datasets.release import Forbid, Release, index_of, verdict_of
from explainers.datasets.scene_photos import MARKED_CLASS, OBJECTS, PHOTOS
from explainers.service.service import ExplainerService
from tests.benchmarks.audit_truth import N_SCENES, TWINS, K, caption_overlap, scenes_and_service

CONCEPT = "watermark"
_ON_CAPTION = 0.5  # of a part's positions


def gate_table(seeds: Sequence[int], n_scenes: int = N_SCENES) -> list[dict]:
    """One row per seed and twin, printed as it comes; every seed has other scenes."""
    rows = []
    for seed in seeds:
        with scenes_and_service(seed, n_scenes) as (folder, service):
            for encoder in TWINS:
                rows.append(gate_row(service, folder, encoder, seed))
                print(rows[-1], flush=True)
    return rows


def gate_row(service: ExplainerService, folder: Path, encoder: str, seed: int) -> dict:
    """What both gates find."""

    def ask(question):
        return service.ask(question).result()

    index = index_of(Release(folder / PHOTOS, encoder, folder / OBJECTS, folder / encoder), ask)
    library = service.library
    concept = Forbid((library.open_set(CONCEPT, "concept"),), library.open_set("scenes", "random"))
    by_concept = verdict_of(index, GateSettings(K), concept, ask)
    concept_beside = verdict_of(index, GateSettings(K, concepts_beside=True), concept, ask)
    by_place = verdict_of(index, GateSettings(K, beside=True), Forbid(), ask)
    return {
        "encoder": encoder,
        "seed": seed,
        "concept: classes": classes_of(by_concept),
        "concept: caption named": MARKED_CLASS in {row.class_name for row in by_concept.findings},
        "concept beside: classes": classes_of(concept_beside),
        "concept beside: caption named": MARKED_CLASS in {row.class_name for row in concept_beside.findings},
        "beside: classes": classes_of(by_place),
        "beside: caption named": names_the_caption(by_place, index),
    }


def classes_of(verdict: Verdict) -> str:
    """The classes in which something was found."""
    return ", ".join(sorted({row.class_name for row in verdict.findings})) or "none"


def names_the_caption(verdict: Verdict, index: Index) -> bool:
    """Whether a part of which most positions are on captions was found for the marked class."""
    parts = [row.parts[0] for row in verdict.findings if row.class_name == MARKED_CLASS]
    return any(caption_overlap(index, part)["positions on it"] > _ON_CAPTION for part in parts)
