"""``python -m explainers segment``: the maps of many images, written to a folder.

    <stem>.npz     labels uint8 (n_k, H, W) as large as the photo, ks, photo, encoder, settings, version
    <stem>.png     the overlay at the middle k
    summary.json   encoder, settings, what every map is worth, what was not done and why

An image that fails is named; the others go on.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from explainers.commands.arguments import add_clustering, add_images, depths
from explainers.commands.inputs import picture_files, read_ahead
from explainers.commands.run import Run, exit_status, make_folder, require_no_overwriting, require_writable, running
from explainers.nave.settings import FITS, NaveSettings, require_valid
from explainers.results.files import SummaryFile, middle_k, output_stems, write_maps, write_overlay
from explainers.results.provenance import versions
from explainers.results.records import encoder_record, quality_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from explainers.runtime.scheduler import Job
from explainers.service.questions import OpenEncoder, Segment, SegmentEach, SegmentTogether, resolved
from models.errors import EncoderscopeError
from models.files import written_atomically
from models.photo import Photo
from models.version import __version__

PHOTOS_AT_A_TIME = 8  # that are read, worked on and written together
MAX_BYTES_READ = 2**26  # of pixels that wait together


@dataclass(frozen=True)
class _Segmenting:
    """A run of the command."""

    work: Run
    encoder_name: str
    settings: NaveSettings
    out: Path
    summary: SummaryFile
    bands: tuple[int, ...]  # of files that have many

    def failed(self, path: Path, error: Exception) -> None:
        """Names an image that was not done."""
        self.work.image_done()
        self.work.complain(f"{path}: {error}")
        self.summary.add_error(str(path), str(error))


@dataclass(frozen=True)
class _Image:
    """An image that could be read."""

    path: Path
    stem: str  # of the files that are written
    photo: Photo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = NaveSettings()
    add_images(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps, overlays and summary.json")
    parser.add_argument("--depths", type=depths, default=(), help="as in 2,5,8; shallow is 0 (default: the encoder's own)")
    add_clustering(parser)
    parser.add_argument("--fit", choices=FITS, default=default.fit, help=" ".join(f"{k}: {v}" for k, v in FITS.items()))
    parser.add_argument("--together", action="store_true", help="cluster all images together; they are held in memory at once")


def run(parsed: argparse.Namespace) -> int:
    """Segments every image, a few at a time, so that memory does not grow with their number; or all of them together."""
    low, high = parsed.clusters
    settings = NaveSettings(parsed.depths, parsed.scaling, parsed.size, low, high, parsed.seed, parsed.fit)
    files = picture_files(parsed.images)
    stems = output_stems(files)
    require_no_overwriting(files, stems, parsed.out)
    require_writable(parsed.out / "summary.json")
    with running(len(files)) as work:
        info = work.answer(OpenEncoder(parsed.encoder))
        settings = resolved(settings, info)
        require_valid(settings, len(info.depths))
        make_folder(parsed.out)
        header = {"encoder": encoder_record(info), "versions": versions(), "encoderscope": __version__}
        summary_file = SummaryFile(parsed.out / "summary.json", **header, settings=settings, together=parsed.together)
        with summary_file as summary:
            segmenting = _Segmenting(work, parsed.encoder, settings, parsed.out, summary, parsed.bands)
            segment = _together if parsed.together else _each_alone
            n_done = segment(segmenting, files, stems)
    return exit_status(n_done, len(files) - n_done)


def _each_alone(run: _Segmenting, files: Sequence[Path], stems: Sequence[str]) -> int:
    """Segments every image alone, in bounded memory; how many were done.

    While some are worked on, the next ones are read and those before are written.
    """
    n_done = 0
    write_before: Callable[[], int] = int  # nothing yet
    for images in _read(run, files, stems):
        write = partial(_written, run, images, _results_of_each(run, images))
        n_done += write_before()
        write_before = write
    return n_done + write_before()


def _read(run: _Segmenting, files: Sequence[Path], stems: Sequence[str]) -> Iterator[list[_Image]]:
    """The images that can be read, a few at a time, fewer of huge ones."""
    images: list[_Image] = []
    for path, stem, photo in zip(files, stems, read_ahead(files, run.bands), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
            continue
        run.work.tell_notes(path, photo)
        images.append(_Image(path, stem, photo))
        if len(images) == PHOTOS_AT_A_TIME or sum(image.photo.pixels.nbytes for image in images) > MAX_BYTES_READ:
            yield images
            images = []
    if images:
        yield images


def _results_of_each(run: _Segmenting, images: Sequence[_Image]) -> Iterator[Callable[[], SegmentationResult]]:
    """Asks for segmentations now; every function that is given back waits for that of one image."""
    photos = tuple(image.photo for image in images)
    try:
        job = run.work.service.ask(SegmentEach(run.encoder_name, photos, run.settings))
    except EncoderscopeError:
        return (partial(_alone, run, photo) for photo in photos)
    return (partial(_of_photo, run, job, n, photo) for n, photo in enumerate(photos))


def _of_photo(run: _Segmenting, job: Job[SegmentationsResult], n: int, photo: Photo) -> SegmentationResult:
    try:
        return run.work.wait(job).of_photo(n)
    except EncoderscopeError:  # whatever is wrong with one of them is said of that one
        return _alone(run, photo)


def _alone(run: _Segmenting, photo: Photo) -> SegmentationResult:
    return run.work.answer(Segment(run.encoder_name, photo, run.settings))


def _together(run: _Segmenting, files: Sequence[Path], stems: Sequence[str]) -> int:
    """Segments all images that can be read together; they are held in memory at once. How many were done."""
    images = [image for some in _read(run, files, stems) for image in some]
    if not images:
        return 0
    photos = tuple(image.photo for image in images)
    result = run.work.answer(SegmentTogether(run.encoder_name, photos, run.settings))
    return _written(run, images, (partial(result.of_photo, n) for n in range(len(images))))


def _written(run: _Segmenting, images: Sequence[_Image], results: Iterable[Callable[[], SegmentationResult]]) -> int:
    """How many images could be segmented and their files and their lines of the summary be written."""
    return sum(_is_written(run, image, result) for image, result in zip(images, results, strict=True))


def _is_written(run: _Segmenting, image: _Image, result: Callable[[], SegmentationResult]) -> bool:
    try:
        run.summary.add(_write(run.out, image, result()))
    except (EncoderscopeError, OSError) as error:
        run.failed(image.path, error)
        return False
    run.work.image_done()
    return True


def _write(out: Path, image: _Image, result: SegmentationResult) -> dict[str, Any]:
    """Writes maps and overlay of one image; its line of the summary."""
    maps, overlay = out / f"{image.stem}.npz", out / f"{image.stem}.png"
    with written_atomically(maps) as file:
        write_maps(file, result)
    with written_atomically(overlay) as file:
        write_overlay(file, image.photo.pixels, result.segmentation)
    return {
        "file": str(image.path),
        "sha256": image.photo.sha256,
        "shape": image.photo.shape,
        "maps": maps.name,
        "map_shape": image.photo.shape,
        "overlay": overlay.name,
        "overlay_k": middle_k(result.segmentation),
        **quality_record(result.segmentation),
        "seconds": result.seconds,
    }
