"""The tables of RESULTS.md, printed as Markdown and written as JSON to out/.

python -m tests.benchmarks quality    segmentation, with ../shared/fixtures; half an hour; --seeds 1 is a first look
python -m tests.benchmarks packaged   the packaged encoder on photographs: classes and regions, with ../shared/fixtures
python -m tests.benchmarks regions    concepts made from clusters of scenes, beside the starters and beside whole images
python -m tests.benchmarks domains    the domain check on sets whose kinds are known, with ../shared/fixtures
python -m tests.benchmarks truth      concept maps and attributions, with the bundled encoders
python -m tests.benchmarks interventions  concepts taken away beside scenes rendered without them; noise; cost
python -m tests.benchmarks agreement  encoders beside themselves under another seed, with ../shared/fixtures
python -m tests.benchmarks precision  encoders beside themselves in half precision, with ../shared/fixtures
python -m tests.benchmarks speed      integrated gradients beside Captum's at equal points
python -m tests.benchmarks to_gap     integrated gradients beside Captum's until they add up to 1 %
python -m tests.benchmarks bench      segmentation maps beside scikit-learn, the bare encoder, others; memory; growth (make bench)
python -m tests.benchmarks decoding   what reading a photo costs, file by file, and what is refused
python -m tests.benchmarks path       how far attributions on the path are from those on many points
python -m tests.benchmarks first_visit  each page on a server that has just started, in Chromium: seconds to content
python -m tests.benchmarks live       dragging the granularity and pointing at places in Chromium: event to frame, bytes, messages
python -m tests.benchmarks similar    similarity from a few bytes beside the cosine over all channels
python -m tests.benchmarks choice     how the rule of the suggested k was chosen, photos left out, with ../shared/fixtures
python -m tests.benchmarks candidates  other rules for the suggested k, gap statistic and the like, with ../shared/fixtures
python -m tests.benchmarks studies    the studies of the Study page, on photographs with ground truth and on scenes
python -m tests.benchmarks audit      the planted caption among the parts of whole data sets of scenes, and in the clean twin
python -m tests.benchmarks audit_photographs  photographs with a text across them, with ../shared/fixtures
python -m tests.benchmarks shortcuts  other planted shortcuts among the parts, beside clusters of heatmaps (SpRAy)
python -m tests.benchmarks audit_questions  what the questions of the Audit page cost on an index of 2,000 scenes
python -m tests.benchmarks growth     an index of 1,000 to 20,000 scenes: seconds, memory, disk, beside the bare forward pass
python -m tests.benchmarks gate       whether the gate stops the fooled encoder and lets the clean one pass, over seeds of scenes
python -m tests.benchmarks twins      clean and fooled encoder compared over data sets of scenes: the caption among all pairs
python -m tests.benchmarks names      named clusters of a scene, and of a video's first frame, found in others
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import torch

from explainers.library.library import ConceptLibrary
from explainers.service.service import ExplainerService
from explainers.studies.answers import STUDY_ANSWERS
from explainers.studies.table import STUDIES
from models.catalog.catalog import Catalog
from models.catalog.packaged import LITE0
from models.encoder.encoder import Encoder
from models.photo import Photo, read_photo_file
from models.photo.samples import read_sample
from tests.benchmarks import (
    attribution_speed,
    audit_photographs,
    audit_questions,
    audit_shortcuts,
    audit_truth,
    classification,
    concept_regions,
    decoding_cost,
    domains,
    first_visit,
    gate_alarms,
    index_growth,
    intervention_truth,
    live_view_speed,
    named_parts,
    segmentation_quality,
    segmentation_speed,
    significance,
    similar_places,
    study_tables,
    suggestion_candidates,
    suggestion_choice,
    twins_compared,
)
from tests.benchmarks import attribution_truth as truth
from tests.benchmarks.encoder_agreement import agreement_table, precision_table
from tests.conftest import SHARED_FIXTURES

REAL = ("deit_tiny_patch16_224", "mobilenetv2_100")  # folders of the fixtures' weights
REAL_FOLDERS = [str(SHARED_FIXTURES / "weights" / name) for name in REAL]
CLASSIFYING = ("scenes-cnn", "scenes-vit")
GROUPS = {
    "studies": (
        *(f"{name}-photographs" for name in study_tables.ON_PHOTOGRAPHS),
        *(f"{name}-scenes" for name in STUDIES),
    ),
    "quality": ("davis", "bsds"),
    "packaged": ("accuracy", "covering"),
    "names": ("names_scenes", "names_video"),
    "live": ("live", "pointing"),
    "truth": ("maps", "correlation", "watermark", "noise", "power"),
    "interventions": ("taken_away", "taken_away_noise", "taken_away_cost"),
    "bench": tuple(segmentation_speed.TABLES),
}
# Photographs with ground truth, or real weights.
NEEDS_FIXTURES = {
    "accuracy", "agreement", "audit_photographs", "bsds", "candidates", "choice", "covering", "davis", "domains", "names_video",
    "path", "precision", "stream",
}  # fmt: skip
BUNDLED = ("scenes-cnn", "scenes-vit", "scenes-cnn-watermark", "scenes-cnn-texture")


def _existing_real() -> list[str]:
    return [folder for folder in REAL_FOLDERS if Path(folder).is_dir()]


def real_encoders() -> list[Encoder]:
    return [Encoder.from_folder(SHARED_FIXTURES / "weights" / name, name=name) for name in REAL]


def bundled_encoders() -> list[Encoder]:
    return [Catalog().open(name) for name in BUNDLED]


def with_service(table: Callable[[ExplainerService], list[dict]]) -> list[dict]:
    """A table that needs a service and a library of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(ExplainerService(library=ConceptLibrary(Path(folder)), more_answers=STUDY_ANSWERS)) as service,
    ):
        return table(service)


def study_on_photographs(name: str, seeds: Sequence[int]) -> list[dict]:
    """A study of the encoders with real weights."""
    encoders = [LITE0.name, *_existing_real()]
    return with_service(lambda service: study_tables.on_photographs(service, name, encoders, SHARED_FIXTURES, len(seeds)))


def study_on_scenes(name: str, seeds: Sequence[int]) -> list[dict]:
    """A study of every bundled encoder, the packaged one and those with real weights."""
    encoders = [*(entry.name for entry in Catalog().entries() if entry.state == "bundled"), LITE0.name, *_existing_real()]
    return with_service(lambda service: study_tables.on_scenes(service, name, encoders, len(seeds)))


def over_bundled(table: Callable[..., list[dict]], names: Sequence[str]) -> list[dict]:
    """One table after the other, each from (service, encoder name)."""
    return with_service(lambda service: [row for name in names for row in table(service, name)])


TABLES = {
    "davis": lambda seeds: segmentation_quality.davis_table(SHARED_FIXTURES, real_encoders(), seeds=seeds),
    "maps": lambda _: over_bundled(truth.map_table, CLASSIFYING),
    "correlation": lambda _: over_bundled(truth.correlation_table, CLASSIFYING),
    "watermark": lambda _: over_bundled(truth.watermark_rank, ("scenes-cnn-watermark", "scenes-cnn")),
    "noise": lambda _: over_bundled(significance.noise_table, (*CLASSIFYING, LITE0.name)),
    "power": lambda _: over_bundled(significance.power_table, CLASSIFYING),
    "taken_away": lambda _: over_bundled(intervention_truth.intervention_table, CLASSIFYING),
    "taken_away_noise": lambda _: over_bundled(intervention_truth.intervention_noise_table, CLASSIFYING),
    "taken_away_cost": lambda _: intervention_truth.cost_table(),
    "regions": lambda _: over_bundled(concept_regions.regions_table, CLASSIFYING),
    "speed": lambda _: attribution_speed.speed_table(),
    "first_visit": lambda _: first_visit.first_visit_table(),
    "to_gap": lambda _: attribution_speed.to_gap_table(SHARED_FIXTURES / "weights"),
    "path": lambda _: attribution_speed.path_table(SHARED_FIXTURES / "weights", path_photos()),
    "live": lambda _: live_view_speed.live_table(SHARED_FIXTURES / "weights"),
    "pointing": lambda _: live_view_speed.pointing_table(SHARED_FIXTURES / "weights"),
    "names_scenes": lambda _: over_bundled(named_parts.named_scenes_table, CLASSIFYING),
    "names_video": lambda _: with_service(lambda s: named_parts.named_parts_table(s, SHARED_FIXTURES, LITE0.name)),
    "similar": lambda _: with_service(lambda s: similar_places.similar_table(s, [LITE0.name, *CLASSIFYING, *_existing_real()])),
    "agreement": lambda _: with_service(lambda s: agreement_table(s, SHARED_FIXTURES, [*REAL_FOLDERS, *BUNDLED])),
    "precision": lambda _: precision_table(SHARED_FIXTURES, [*real_encoders(), *bundled_encoders()]),
    **{name: lambda _, table=table: table(SHARED_FIXTURES / "weights") for name, table in segmentation_speed.TABLES.items()},
    "accuracy": lambda _: classification.accuracy_table(SHARED_FIXTURES, Catalog().open(LITE0.name)),
    "domains": lambda _: domains.domain_table(
        SHARED_FIXTURES, [Catalog().open(LITE0.name), *real_encoders(), *bundled_encoders()]
    ),
    "covering": lambda seeds: segmentation_quality.bsds_table(
        SHARED_FIXTURES, [Catalog().open(LITE0.name)], ks=(3, 6, 10), seeds=seeds
    ),
    "choice": lambda _: with_service(
        lambda service: suggestion_choice.choice_table(service, [LITE0.name, *_existing_real()], SHARED_FIXTURES)
    ),
    "candidates": lambda _: suggestion_candidates.candidate_table(
        [Catalog().open(LITE0.name), *real_encoders()], SHARED_FIXTURES
    ),
    **{f"{name}-photographs": partial(study_on_photographs, name) for name in study_tables.ON_PHOTOGRAPHS},
    **{f"{name}-scenes": partial(study_on_scenes, name) for name in STUDIES},
    "audit_questions": lambda seeds: audit_questions.question_table(seeds),
    "growth": lambda _: index_growth.growth_table(),
    "audit": lambda seeds: audit_truth.audit_table(seeds),
    "audit_photographs": lambda _: audit_photographs.photographs_table(
        SHARED_FIXTURES / "weights", SHARED_FIXTURES / "images/imagenet_sample"
    ),
    "shortcuts": lambda seeds: audit_shortcuts.shortcut_table(seeds),
    "gate": lambda seeds: gate_alarms.gate_table(seeds),
    "twins": lambda seeds: twins_compared.twins_table(seeds),
    "decoding": lambda _: decoding_cost.decoding_table(),
    "bsds": lambda seeds: segmentation_quality.bsds_table(SHARED_FIXTURES, bundled_encoders(), seeds=seeds),
}


def as_markdown(rows: Sequence[dict]) -> str:
    names = list(rows[0])
    cells = [
        [f"{row[name]:.3f}" if isinstance(row[name], (float, np.floating)) else str(row[name]) for name in names] for row in rows
    ]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def path_photos() -> dict[str, Photo]:
    """Three sample photos and a fixture by name."""
    samples = {name: read_sample(name) for name in ("chelsea", "coffee", "rocket")}
    return samples | {"zebra": read_photo_file(SHARED_FIXTURES / "images/imagenet_sample/340_n02391049_zebra.JPEG")}


def why_skipped(name: str) -> str | None:
    """Why a table cannot be made here, in one sentence; None if it can."""
    if name in NEEDS_FIXTURES and not SHARED_FIXTURES.is_dir():
        return f"{name}: skipped, it needs real weights and photographs with ground truth in {SHARED_FIXTURES}."
    return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("what", choices=[*GROUPS, *TABLES])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))
    options.out.mkdir(exist_ok=True)
    for name in GROUPS.get(options.what, [options.what]):
        if reason := why_skipped(name):
            print(f"\n{reason}", flush=True)
            continue
        rows = TABLES[name](range(options.seeds))
        print(f"\n{name}\n{as_markdown(rows)}", flush=True)
        (options.out / f"{name}.json").write_text(json.dumps(rows, indent=1, default=float))


if __name__ == "__main__":
    main()
