"""``python -m explainers compare``: several encoders over the same images, written to a folder.

    <stem>.png        the overlays at the middle k side by side, in colours matched to the first encoder, in the order asked
    <stem>.npz        labels uint8 (n_encoders, n_k, H, W) in those colours at comparison size, ks, encoders
    agreement.csv     adjusted Rand index and adjusted mutual information per image, pair of encoders and k
    depths.csv        linear CKA of every pair of depths, over positions of all images
    comparison.json   encoders, settings, mean and spread of the agreement over images, what was not done and why

An encoder or an image that fails is named; the others go on.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from explainers.commands.arguments import add_clustering, add_images
from explainers.commands.inputs import picture_files, read
from explainers.commands.run import Run, exit_status, make_folder, require_writable, running
from explainers.drawing.clusters import at_size, overlay
from explainers.maps.agreement import in_colours_of
from explainers.maps.cka import cka_matrix
from explainers.nave.settings import NaveSettings, require_valid
from explainers.results.comparisons import MAX_PHOTOS
from explainers.results.files import as_csv, as_json, middle_k, output_stems, write_bytes, write_png
from explainers.results.provenance import versions
from explainers.results.records import encoder_record, jsonable
from explainers.results.segmentations import SegmentationResult
from explainers.results.tables import AGREEMENT_COLUMNS, DEPTH_COLUMNS, Row, agreement_over_images, agreement_rows, depth_rows
from explainers.service.comparisons import kept_maps
from explainers.service.photo_questions import CompareDepths
from explainers.service.questions import OpenEncoder, Segment
from models.encoder import EncoderInfo
from models.errors import EncoderscopeError
from models.files import written_atomically
from models.photo import Photo
from models.version import __version__

_GAP_PX = 8  # white between neighbours in the picture
_PANE_PX = 640  # longer side of one overlay


@dataclass
class _Comparison:
    """What there is to write at the end of a run."""

    encoders: dict[str, EncoderInfo]
    failed: dict[str, str]  # encoder or file -> why
    agreement: list[Row] = field(default_factory=list)
    photos: list[Photo] = field(default_factory=list)  # MAX_PHOTOS at most: the depths need no more


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_images(parser)
    parser.add_argument(
        "--encoder",
        required=True,
        action="append",
        metavar="NAME_OR_FOLDER",
        help="two or more; the first one sets the colours",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for pictures, maps and tables")
    add_clustering(parser)


def run(parsed: argparse.Namespace) -> int:
    """Compares the encoders on every image; depths over all images together."""
    low, high = parsed.clusters
    settings = NaveSettings((), parsed.scaling, parsed.size, low, high, parsed.seed)
    require_writable(*(parsed.out / name for name in ("agreement.csv", "depths.csv", "comparison.json")))
    files = picture_files(parsed.images)
    with running(len(files)) as work:
        comparison = _opened(work, parsed.encoder)
        infos = comparison.encoders
        if len(infos) < 2:
            raise EncoderscopeError(f"{len(infos)} encoders can be opened; comparing needs at least 2 different ones.")
        require_valid(settings, min(len(info.depths) for info in infos.values()))
        make_folder(parsed.out)
        n_done = 0
        for path, stem in zip(files, output_stems(files), strict=True):
            try:
                photo = read(path, parsed.bands)
                work.tell_notes(path, photo)
                comparison.agreement += _compared(work, list(infos), parsed.out / stem, photo, settings)
                n_done += 1
                comparison.photos += [photo] if len(comparison.photos) < MAX_PHOTOS else []
            except (EncoderscopeError, OSError) as error:
                work.complain(f"{path}: {error}")
                comparison.failed[str(path)] = str(error)
            work.image_done()
        grams = [
            work.answer(CompareDepths(name, tuple(comparison.photos), settings.input_size))
            for name in (infos if comparison.photos else ())
        ]
    depths = [row for a, b in combinations(grams, 2) for row in depth_rows(a, b, cka_matrix(a.grams, b.grams))]
    _write(parsed.out, comparison, depths, settings)
    return exit_status(n_done, len(comparison.failed))


def _opened(work: Run, names: Sequence[str]) -> _Comparison:
    """The encoders that open, by name, and why the others do not."""
    comparison = _Comparison({}, {})
    for name in dict.fromkeys(names):
        try:
            comparison.encoders[name] = work.answer(OpenEncoder(name))
        except EncoderscopeError as error:
            work.complain(f"{name}: {error}")
            comparison.failed[name] = str(error)
    return comparison


def _compared(work: Run, names: Sequence[str], out: Path, photo: Photo, settings: NaveSettings) -> list[Row]:
    """Segments one image with every encoder, writes picture and maps beside ``out``; the rows of its agreement."""
    results = [work.answer(Segment(name, photo, settings)) for name in names]
    maps = matched([kept_maps(result.segmentation) for result in results])
    with written_atomically(out.with_name(f"{out.name}.npz")) as file:
        ks = np.array(settings.ks, dtype=np.int64)
        np.savez_compressed(file, labels=np.stack(maps), ks=ks, encoders=np.array(list(names)))
    with written_atomically(out.with_name(f"{out.name}.png")) as file:
        write_png(file, side_by_side(photo.pixels, results))
    return agreement_rows(out.name, names, maps, settings.ks)


def matched(maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Maps (n_k, h, w) of several encoders at the size of the first, k by k in its colours."""
    first = maps[0]
    others = [
        np.stack([in_colours_of(k_first, at_size(k_map, k_first.shape)) for k_first, k_map in zip(first, other, strict=True)])
        for other in maps[1:]
    ]
    return [first, *others]


def side_by_side(pixels: np.ndarray, results: Sequence[SegmentationResult]) -> np.ndarray:
    """The overlays at the middle k in a row, (H, W, 3) uint8, over a photo (h, w, 3)."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _PANE_PX / max(height, width))
    small = np.asarray(Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale)))))
    k = middle_k(results[0].segmentation)
    labels = [result.segmentation.at(k) for result in results]
    panes = [overlay(small, labels[0]), *(overlay(small, in_colours_of(labels[0], other)) for other in labels[1:])]
    gap = np.full((small.shape[0], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate([part for pane in panes for part in (gap, pane)][1:], axis=1)


def _write(out: Path, comparison: _Comparison, depths: Sequence[Row], settings: NaveSettings) -> None:
    """The tables and the record of the whole run."""
    write_bytes(out / "agreement.csv", as_csv(comparison.agreement, AGREEMENT_COLUMNS))
    write_bytes(out / "depths.csv", as_csv(depths, DEPTH_COLUMNS))
    record = {
        "encoders": [encoder_record(info) for info in comparison.encoders.values()],
        "settings": jsonable(settings),
        "agreement_over_images": agreement_over_images(comparison.agreement),
        "failed": comparison.failed,
        "encoderscope": __version__,
        "versions": versions(),
    }
    write_bytes(out / "comparison.json", as_json(record))
