"""How the rule of the suggested k was chosen: number of coarse maps and weight of the silhouette, by leaving photos out.

Of every photo, with every encoder, the covering at the k that each pair of the two would suggest. The pair is then chosen on the
other photos (every encoder's maps of the photo are left out), or on scenes alone; beside it the best fixed k, which the truth
chooses for every encoder on all photos, and the best k of each photo. Scenes and photographs weigh alike in the choice.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from explainers.nave.quality import N_COARSE, SILHOUETTE_WEIGHT, centralities
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.service.service import ExplainerService
from explainers.studies.coverings import coverings_of
from explainers.studies.suggestion import elbow
from explainers.studies.truths import TruePhoto, true_scenes
from tests.benchmarks.segmentation_quality import INPUT_SIZE, load_bsds

PAIRS = list(product(range(2, 10), (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 6)))
PRODUCT = PAIRS.index((N_COARSE, SILHOUETTE_WEIGHT))
N_SCENES = 24


def choice_table(service: ExplainerService, encoders: Sequence[str], fixtures: Path) -> list[dict]:
    """One row per encoder and kind of photo."""
    kinds = {"scenes": true_scenes(N_SCENES), "photographs": tuple(load_bsds(fixtures))}
    judged = {
        (encoder, kind): [_judged(service, encoder, true) for true in photos]
        for (kind, photos), encoder in product(kinds.items(), encoders)
    }
    on_scenes = int(_means(judged, {"scenes"}).argmax())
    rows = []
    for (encoder, kind), photos in judged.items():
        left_out = [by_pair[_means(judged, set(kinds), leave=(kind, n)).argmax()] for n, (by_pair, _, _) in enumerate(photos)]
        coverings = np.array([by_k for _, by_k, _ in photos])
        rows.append(
            {
                "encoder": encoder.rpartition("/")[2],
                "photos": kind,
                "leaving the photo out": float(np.mean(left_out)),
                f"chosen on scenes: {PAIRS[on_scenes]}": float(np.mean([by_pair[on_scenes] for by_pair, _, _ in photos])),
                "the product's": float(np.mean([by_pair[PRODUCT] for by_pair, _, _ in photos])),
                "elbow, before": float(np.mean([at_elbow for _, _, at_elbow in photos])),
                "best fixed k (oracle)": float(coverings.mean(0).max()),
                "best k of each (oracle)": float(coverings.max(1).mean()),
            }
        )
    return rows


Judged = tuple[np.ndarray, np.ndarray, float]  # covering by pair; by k; at the elbow


def _judged(service: ExplainerService, encoder: str, true: TruePhoto) -> Judged:
    settings = NaveSettings(input_size=INPUT_SIZE)
    segmentation: Segmentation = service.segment(encoder, true.photo, settings=settings).result().segmentation
    by_k = coverings_of(segmentation, true)
    coverings = np.array(list(by_k.values()))
    silhouettes = np.array([quality.silhouette for quality in segmentation.quality])
    central = {n: centralities(segmentation.labels, n) for n in dict.fromkeys(n for n, _ in PAIRS)}
    by_pair = np.array([coverings[(central[n] + weight * silhouettes).argmax()] for n, weight in PAIRS])
    return by_pair, coverings, by_k[elbow(segmentation.quality)]


def _means(judged: dict[tuple[str, str], list[Judged]], kinds: set[str], leave: tuple[str, int] | None = None) -> np.ndarray:
    """Mean covering by pair over encoders and photos, kinds weighing alike; one photo may be left out."""
    of_kinds = []
    for wanted in sorted(kinds):
        sets = [photos for (_, kind), photos in judged.items() if kind == wanted]
        kept = [[p for n, (p, _, _) in enumerate(photos) if (wanted, n) != leave] for photos in sets]
        of_kinds.append(np.mean([np.mean(photos, axis=0) for photos in kept], axis=0))
    return np.mean(of_kinds, axis=0)
