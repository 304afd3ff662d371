"""``python -m explainers compare``: several encoders over the same images, written to a folder.

    <stem>.png        the overlays at the middle k side by side, in colours matched to the first encoder, in the order asked
    <stem>.npz        labels uint8 (n_encoders, n_k, H, W) in those colours at comparison size, ks, encoders
    agreement.csv     adjusted Rand index and adjusted mutual information per image, pair of encoders and k
    depths.csv        linear CKA of every pair of depths, over positions of all images
    comparison.json   encoders, settings, mean and spread of the agreement over images, what was not done and why

An encoder or an image that fails is named; the others go on.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from explainers.drawing.clusters import overlay
from explainers.maps.agreement import agreement_over_k, in_colours_of, spread
from explainers.maps.cka import cka_matrix
from explainers.nave.settings import NaveSettings
from explainers.results import files as export
from explainers.results import records
from explainers.results.comparisons import MAX_PHOTOS, DepthGrams
from explainers.results.segmentations import SegmentationResult
from explainers.runtime.scheduler import Job
from explainers.service.cost import kept_maps
from explainers.service.service import ExplainerService, versions
from models.encoder.encoder import EncoderInfo
from models.errors import EncoderscopeError
from models.photo import Photo

T = TypeVar("T")
Row = dict[str, Any]
_GAP_PX = 8  # white between neighbours in the picture
_PANE_PX = 640  # longer side of one overlay


@dataclass(frozen=True)
class Run:
    """What is asked, and how to wait and to complain."""

    service: ExplainerService
    settings: NaveSettings
    out: Path
    wait: Callable[[Job[T]], T]
    complain: Callable[[str], None]


def opened(run: Run, names: Sequence[str]) -> tuple[dict[str, EncoderInfo], dict[str, str]]:
    """The encoders that open, by name, and why the others do not."""
    infos, failed = {}, {}
    for name in dict.fromkeys(names):
        try:
            infos[name] = run.wait(run.service.open_encoder(name))
        except EncoderscopeError as error:
            run.complain(f"{name}: {error}")
            failed[name] = str(error)
    return infos, failed


def compared(run: Run, names: Sequence[str], stem: str, photo: Photo) -> list[Row]:
    """Segments one image with every encoder, writes its picture and maps; the rows of its agreement."""
    results = [run.wait(run.service.segment(name, photo, run.settings)) for name in names]
    maps = matched([kept_maps(result.segmentation) for result in results])
    with export.written_atomically(run.out / f"{stem}.npz") as file:
        ks = np.array(run.settings.ks, dtype=np.int64)
        np.savez_compressed(file, labels=np.stack(maps), ks=ks, encoders=np.array(list(names)))
    with export.written_atomically(run.out / f"{stem}.png") as file:
        Image.fromarray(side_by_side(photo.pixels, results)).save(file, format="PNG")
    return agreement_rows(stem, names, maps, run.settings.ks)


def matched(maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Maps (n_k, h, w) of several encoders at the size of the first, k by k in its colours."""
    reference = maps[0]
    others = [
        np.stack([_like(k_reference, k_map) for k_reference, k_map in zip(reference, one, strict=True)]) for one in maps[1:]
    ]
    return [reference, *others]


def _like(reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return in_colours_of(reference, export.at_size(labels, reference.shape))


def side_by_side(pixels: np.ndarray, results: Sequence[SegmentationResult]) -> np.ndarray:
    """The overlays at the middle k in a row, (H, W, 3) uint8."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _PANE_PX / max(height, width))
    small = np.asarray(Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale)))))
    k = export.middle_k(results[0].segmentation)
    labels = [result.segmentation.at(k) for result in results]
    panes = [overlay(small, labels[0]), *(overlay(small, in_colours_of(labels[0], one)) for one in labels[1:])]
    gap = np.full((small.shape[0], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate([part for pane in panes for part in (gap, pane)][1:], axis=1)


def agreement_rows(stem: str, names: Sequence[str], maps: Sequence[np.ndarray], ks: Sequence[int]) -> list[Row]:
    """One line per pair of encoders and k."""
    return [
        {"image": stem, "encoder": a, "other": b, "k": k, **asdict(found)}
        for (a, map_a), (b, map_b) in combinations(zip(names, maps, strict=True), 2)
        for k, found in zip(ks, agreement_over_k(map_a, map_b), strict=True)
    ]


def depth_rows(run: Run, names: Sequence[str], photos: Sequence[Photo]) -> list[Row]:
    """Linear CKA of every pair of depths of every pair of encoders, over at most MAX_PHOTOS images."""
    grams: dict[str, DepthGrams] = {}
    for name in names:
        grams[name] = run.wait(run.service.compare_depths(name, photos[:MAX_PHOTOS], run.settings.input_size))
    return [
        {"encoder": a, "depth": i, "other": b, "other_depth": j, "linear_cka": float(similarity[n, m])}
        for a, b in combinations(names, 2)
        for similarity in [cka_matrix(grams[a].grams, grams[b].grams)]
        for n, i in enumerate(grams[a].depths)
        for m, j in enumerate(grams[b].depths)
    ]


def over_images(rows: Sequence[Row]) -> list[Row]:
    """Mean and standard deviation over images of every pair and k."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["encoder"], row["other"], row["k"]), []).append(row)
    measures = ("adjusted_rand", "adjusted_mutual_information")
    return [
        {"encoder": a, "other": b, "k": k, "n_images": len(of_group)}
        | {measure: asdict(spread([row[measure] for row in of_group])) for measure in measures}
        for (a, b, k), of_group in groups.items()
    ]


def write(run: Run, infos: dict[str, EncoderInfo], agreement: Sequence[Row], depths: Sequence[Row], failed: Row) -> None:
    """The tables and the record of the whole run."""
    _write_csv(run.out / "agreement.csv", agreement)
    _write_csv(run.out / "depths.csv", depths)
    record = {
        "encoders": [records.encoder_record(info) for info in infos.values()],
        "settings": asdict(run.settings),
        "agreement_over_images": over_images(agreement),
        "failed": failed,
        "versions": versions(),
    }
    export.write_json(run.out / "comparison.json", record)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with export.written_atomically(path) as file:
        lines = csv.DictWriter(_Text(file), list(rows[0]) if rows else [], lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)


class _Text:
    """What csv wants to write into, over a binary file."""

    def __init__(self, file: Any):
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode())
