"""``python -m explainers segment``: the maps of many images, written to a folder.

    <stem>.npz     labels uint8 (n_k, H, W) as large as the photo, ks
    <stem>.png     the overlay at the middle k
    summary.json   encoder, settings, what every map is worth, what was not done and why

An image that fails is named; the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from explainers import export
from explainers.errors import EncoderscopeError
from explainers.inputs import read_ahead
from explainers.jobs import Job
from explainers.nave import NaveSettings
from explainers.photo_explaining import SegmentationResult
from explainers.service import ExplainerService
from models.preprocessing import Photo

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What is asked, and how to wait, to complain and to count."""

    service: ExplainerService
    encoder_name: str
    settings: NaveSettings
    out: Path
    summary: export.SummaryFile
    wait: Callable[[Job[T]], T]
    complain: Callable[[str], None]
    count: Callable[[], Any]  # called once per image

    def failed(self, path: Path, error: Exception) -> None:
        """Names an image that was not done."""
        self.count()
        self.complain(f"{path}: {error}")
        self.summary.add_error(str(path), str(error))


def one_by_one(run: Run, files: Sequence[Path], stems: Sequence[str]) -> int:
    """Segments every image alone, in bounded memory; how many were done.

    While one is worked on, the next is read and the one before is written.
    """
    n_done, write_before = 0, None
    for path, stem, photo in zip(files, stems, read_ahead(files), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
            continue
        write = partial(_written, run, path, stem, photo, _asked(run, photo))
        n_done += write_before() if write_before else 0
        write_before = write
    return n_done + (write_before() if write_before else 0)


def _asked(run: Run, photo: Photo) -> Callable[[], SegmentationResult]:
    """Asks for a segmentation now; what it returns waits for it."""
    try:
        return partial(run.wait, run.service.segment(run.encoder_name, photo, run.settings))
    except EncoderscopeError as refusal:
        return partial(_raise, refusal)


def _raise(error: Exception) -> NoReturn:
    raise error


def together(run: Run, files: Sequence[Path], stems: Sequence[str]) -> int:
    """The same with all images that can be read clustered together; they are held in memory at once."""
    read = []
    for path, stem, photo in zip(files, stems, read_ahead(files), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
        else:
            read.append((path, stem, photo))
    if not read:
        return 0
    result = run.wait(run.service.segment_together(run.encoder_name, [photo for *_, photo in read], run.settings))
    return sum(_written(run, *named, lambda n=n: result.of_photo(n)) for n, named in enumerate(read))


def _written(run: Run, path: Path, stem: str, photo: Photo, segment: Callable[[], SegmentationResult]) -> bool:
    """Whether an image could be segmented and its files and its line of the summary be written."""
    try:
        run.summary.add(_write(run.out, stem, path, photo, segment()))
    except (EncoderscopeError, OSError) as error:
        run.failed(path, error)
        return False
    run.count()
    return True


def _write(out: Path, stem: str, path: Path, photo: Photo, result: SegmentationResult) -> dict[str, Any]:
    """Writes maps and overlay of one image; its line of the summary."""
    maps, overlay = out / f"{stem}.npz", out / f"{stem}.png"
    map_shape = export.write_maps(maps, result.segmentation, photo.shape)
    export.write_overlay(overlay, photo.pixels, result.segmentation)
    return {
        "file": str(path),
        "sha256": photo.sha256,
        "shape": photo.shape,
        "maps": maps.name,
        "map_shape": map_shape,
        "overlay": overlay.name,
        **export.quality_record(result.segmentation),
        "seconds": result.seconds,
    }
