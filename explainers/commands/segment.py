"""``python -m explainers segment``: the maps of many images, written to a folder.

    <stem>.npz     labels uint8 (n_k, H, W) as large as the photo, ks
    <stem>.png     the overlay at the middle k
    summary.json   encoder, settings, what every map is worth, what was not done and why

An image that fails is named; the others go on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from explainers.commands.inputs import read_ahead
from explainers.nave.settings import NaveSettings
from explainers.results import files as export
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from explainers.runtime.scheduler import Job
from explainers.service.photos import n_side_by_side
from explainers.service.service import ExplainerService
from models.errors import EncoderscopeError
from models.photo import Photo

T = TypeVar("T")

MAX_BYTES_READ = 2**26  # of pixels that wait together


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


@dataclass(frozen=True)
class _Read:
    """An image that could be read."""

    path: Path
    stem: str  # of the files that are written
    photo: Photo


def each_alone(run: Run, files: Sequence[Path], stems: Sequence[str]) -> int:
    """Segments every image alone, in bounded memory; how many were done.

    While some are worked on, the next ones are read and those before are written.
    """
    n_done, write_before = 0, None
    for some in _read(run, files, stems):
        write = partial(_written, run, some, _asked(run, some))
        n_done += write_before() if write_before else 0
        write_before = write
    return n_done + (write_before() if write_before else 0)


def _read(run: Run, files: Sequence[Path], stems: Sequence[str]) -> Iterator[list[_Read]]:
    """The images that can be read, as many at a time as are worked on side by side, fewer of huge ones."""
    most, some = n_side_by_side(run.settings.input_size), []
    for path, stem, photo in zip(files, stems, read_ahead(files), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
            continue
        some.append(_Read(path, stem, photo))
        if len(some) == most or sum(one.photo.pixels.nbytes for one in some) > MAX_BYTES_READ:
            yield some
            some = []
    if some:
        yield some


def _asked(run: Run, some: Sequence[_Read]) -> Iterator[Callable[[], SegmentationResult]]:
    """Asks for segmentations now; what is given back waits for that of each image."""
    try:
        job = run.service.segment_each(run.encoder_name, [one.photo for one in some], run.settings)
    except EncoderscopeError:
        return (partial(_alone, run, one.photo) for one in some)
    return (partial(_of_photo, run, job, n, one.photo) for n, one in enumerate(some))


def _of_photo(run: Run, job: Job[SegmentationsResult], n: int, photo: Photo) -> SegmentationResult:
    try:
        return run.wait(job).of_photo(n)
    except EncoderscopeError:  # whatever is wrong with one of them is told of that one
        return _alone(run, photo)


def _alone(run: Run, photo: Photo) -> SegmentationResult:
    return run.wait(run.service.segment(run.encoder_name, photo, run.settings))


def together(run: Run, files: Sequence[Path], stems: Sequence[str]) -> int:
    """The same with all images that can be read clustered together; they are held in memory at once."""
    read = [one for some in _read(run, files, stems) for one in some]
    if not read:
        return 0
    result = run.wait(run.service.segment_together(run.encoder_name, [one.photo for one in read], run.settings))
    return _written(run, read, (partial(result.of_photo, n) for n in range(len(read))))


def _written(run: Run, some: Sequence[_Read], segment: Iterable[Callable[[], SegmentationResult]]) -> int:
    """How many images could be segmented and their files and their lines of the summary be written."""
    return sum(_is_written(run, *of_image) for of_image in zip(some, segment, strict=True))


def _is_written(run: Run, image: _Read, segment: Callable[[], SegmentationResult]) -> bool:
    try:
        run.summary.add(_write(run.out, image, segment()))
    except (EncoderscopeError, OSError) as error:
        run.failed(image.path, error)
        return False
    run.count()
    return True


def _write(out: Path, image: _Read, result: SegmentationResult) -> dict[str, Any]:
    """Writes maps and overlay of one image; its line of the summary."""
    maps, overlay = out / f"{image.stem}.npz", out / f"{image.stem}.png"
    map_shape = export.write_maps(maps, result.segmentation, image.photo.shape)
    export.write_overlay(overlay, image.photo.pixels, result.segmentation)
    return {
        "file": str(image.path),
        "sha256": image.photo.sha256,
        "shape": image.photo.shape,
        "maps": maps.name,
        "map_shape": map_shape,
        "overlay": overlay.name,
        **export.quality_record(result.segmentation),
        "seconds": result.seconds,
    }
