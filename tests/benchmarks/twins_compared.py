"""Whether the comparison of the clean and the fooled encoder over a data set puts the planted caption first.

A row per seed, with other scenes each: of all pairs of joint part and class, the one on which the fooled encoder gains most.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from explainers.datasets.changes import ComparisonSettings, DataComparison
from explainers.datasets.comparison import Comparing, compare_encoders
from explainers.datasets.scene_photos import OBJECTS, PHOTOS, planted_scene, seed_of
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.service.service import ExplainerService
from models.scenes.scenes import render
from tests.benchmarks.audit_truth import N_SCENES, overlaps, scenes_and_service

CLEAN, FOOLED = "scenes-cnn", "scenes-cnn-watermark"


def twins_table(seeds: Sequence[int], n_scenes: int = N_SCENES) -> list[dict]:
    """One row per seed, printed as it comes."""
    rows = []
    for seed in seeds:
        with scenes_and_service(seed, n_scenes) as (folder, service):
            rows.append(twins_row(service, folder, seed))
            print(rows[-1], flush=True)
    return rows


def twins_row(service: ExplainerService, folder: Path, seed: int) -> dict:
    """What comes first."""

    def ask(question):
        return service.ask(question).result()

    started = time.perf_counter()
    settings = ComparisonSettings((CLEAN, FOOLED))
    comparing = Comparing(list_items(folder / PHOTOS), settings, "scenes", ask, objects_in(folder / OBJECTS))
    comparison = compare_encoders(comparing)
    first, second, *_ = comparison.differences
    return {
        "seed": seed,
        "pairs": len(comparison.differences),
        "first: class": comparison.class_names[first.class_idx],
        "place": comparison.places[first.part].place,
        "positions on captions": on_captions(comparison, first.class_idx, first.part),
        "clean": first.first,
        "fooled": first.second,
        "interval": "{:.2f} to {:.2f}".format(*first.interval),
        "Holm p": first.corrected_p_value,
        "carried by": first.carried,
        "next difference": second.difference,
        "next class": comparison.class_names[second.class_idx],
        "predicted otherwise": comparison.n_photos - comparison.n_same,
        "seconds": time.perf_counter() - started,
    }


def on_captions(comparison: DataComparison, class_idx: int, part: int) -> float:
    """Share of the part's positions that touch the caption, in the photos that are kept of it."""
    counts = np.zeros(5)
    for region in comparison.regions[class_idx, part]:
        counts += overlaps(render(planted_scene(seed_of(region.photo))).watermark_mask, region.mask)
    return float(counts[0] / max(counts[1], 1))
