"""``python -m explainers segment``: the maps of many images, written to a folder.

    <stem>.npz     labels uint8 (n_k, H, W) as large as the photo, ks, photo, encoder, settings, version
    <stem>.png     the overlay at the middle k
    coco/ ...      a folder for every other format that was asked for
    *.parts.safetensors   with --name: the named parts, to be found in other images with --names
    summary.json   encoder, settings, what every map is worth, what was not done and why

An image that fails is named; the others go on.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from explainers.commands import named_parts
from explainers.commands.arguments import add_clustering, add_images, add_place, depths, formats
from explainers.commands.inputs import picture_files, read_ahead
from explainers.commands.run import Answered, Run, exit_status, make_folder, require_no_overwriting, require_writable, running
from explainers.commands.segment_files import MAPS, Image, Outputs, k_shown, pictures
from explainers.nave.settings import FITS, NaveSettings, require_valid
from explainers.results.exports import FORMATS
from explainers.results.files import SummaryFile, output_stems
from explainers.results.provenance import versions
from explainers.results.records import encoder_record
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from explainers.service.questions import OpenEncoder, Segment, SegmentEach, SegmentTogether, resolved
from models.errors import EncoderscopeError
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
    outputs: Outputs
    summary: SummaryFile
    bands: tuple[int, ...]  # of files that have many

    def failed(self, path: Path, error: Exception) -> None:
        """Names an image that was not done."""
        self.work.image_done()
        self.work.complain(f"{path}: {error}")
        self.summary.add_error(str(path), str(error))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = NaveSettings()
    add_images(parser)
    add_place(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps, overlays and summary.json")
    parser.add_argument("--depths", type=depths, default=(), help="as in 2,5,8; shallow is 0 (default: the encoder's own)")
    add_clustering(parser)
    parser.add_argument("--fit", choices=FITS, default=default.fit, help=" ".join(f"{k}: {v}" for k, v in FITS.items()))
    of_formats = " ".join(["npz (default): maps of every k.", *(f"{name}: {row.meaning}" for name, row in FORMATS.items())])
    parser.add_argument("--format", type=formats, default=(MAPS,), metavar="A,B", help=of_formats.replace("%", "%%"))
    parser.add_argument("--truth", type=Path, metavar="FILE_OR_FOLDER", help="COCO, VOC or PNG drawn by people, to compare with")
    parser.add_argument("--at", type=int, metavar="K", help="k of overlay and exports (default: the middle of the range)")
    parser.add_argument("--together", action="store_true", help="cluster all images together; they are held in memory at once")
    named_parts.add_arguments(parser)


def run(parsed: argparse.Namespace) -> int:
    """Segments every image, a few at a time, so that memory does not grow with their number; or all of them together."""
    if parsed.names is not None:
        if parsed.name or parsed.truth or parsed.together:
            raise EncoderscopeError("--names looks for parts and clusters nothing. Leave out --name, --truth and --together.")
        return named_parts.run(parsed)
    low, high = parsed.clusters
    settings = NaveSettings(parsed.depths, parsed.scaling, parsed.size, low, high, parsed.seed, parsed.fit)
    files = picture_files(parsed.images)
    stems = output_stems(files)
    require_no_overwriting(files, pictures(parsed.out, stems, parsed.format))
    require_writable(parsed.out / "summary.json")
    together = parsed.together or bool(parsed.name)
    if parsed.name and len(files) > 1 and not parsed.together:
        raise EncoderscopeError("Clusters of several images can be named if they are clustered together: add --together.")
    if parsed.truth is not None and not parsed.truth.exists():
        raise EncoderscopeError(f"'{parsed.truth}' does not exist. Give --truth a file, or a folder of them.")
    with running(len(files), parsed.on) as work:
        info = work.answer(OpenEncoder(parsed.encoder))
        settings = resolved(settings, info)
        require_valid(settings, len(info.depths))
        k = k_shown(settings.ks, parsed.at)
        outputs = Outputs(parsed.out, parsed.format, k, parsed.truth, named_parts.names_of(parsed.name, k))
        make_folder(parsed.out)
        header = {"encoder": encoder_record(info), "versions": versions(), "encoderscope": __version__}
        summary_file = SummaryFile(parsed.out / "summary.json", **header, settings=settings, together=parsed.together)
        with summary_file as summary:
            segmenting = _Segmenting(work, parsed.encoder, settings, outputs, summary, parsed.bands)
            segment = _together if together else _each_alone
            n_done = segment(segmenting, files, stems)
    return exit_status(n_done, len(files) - n_done)


def _each_alone(run: _Segmenting, files: Sequence[Path], stems: Sequence[str]) -> int:
    """Segments every image alone, in bounded memory; how many were done.

    While some are worked on, the next ones are read and those before are written.
    """
    writes = (partial(_written, run, images, _results_of_each(run, images), alone=True) for images in _read(run, files, stems))
    return sum(write() for write in run.work.ahead(writes))


def _read(run: _Segmenting, files: Sequence[Path], stems: Sequence[str]) -> Iterator[list[Image]]:
    """The images that can be read, a few at a time, fewer of huge ones."""
    images: list[Image] = []
    for path, stem, photo in zip(files, stems, read_ahead(files, run.bands), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
            continue
        run.work.tell_notes(path, photo)
        images.append(Image(path, stem, photo))
        if len(images) == PHOTOS_AT_A_TIME or sum(image.photo.pixels.nbytes for image in images) > MAX_BYTES_READ:
            yield images
            images = []
    if images:
        yield images


def _results_of_each(run: _Segmenting, images: Sequence[Image]) -> Iterator[Callable[[], SegmentationResult]]:
    """Asks for segmentations now; every function that is given back waits for that of one image."""
    photos = tuple(image.photo for image in images)
    try:
        job = run.work.service.ask(SegmentEach(run.encoder_name, photos, run.settings))
    except EncoderscopeError:
        return (partial(_alone, run, photo) for photo in photos)
    return (partial(_of_photo, run, job, n, photo) for n, photo in enumerate(photos))


def _of_photo(run: _Segmenting, job: Answered[SegmentationsResult], n: int, photo: Photo) -> SegmentationResult:
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
    n_done = _written(run, images, (partial(result.of_photo, n) for n in range(len(images))), alone=False)
    run.outputs.write_together(result, images)
    if any(run.outputs.names):
        named_parts.write(run.work, result, run.outputs, photos)
    return n_done


def _written(
    run: _Segmenting, images: Sequence[Image], results: Iterable[Callable[[], SegmentationResult]], *, alone: bool
) -> int:
    """How many images could be segmented and their files and their lines of the summary be written."""
    return sum(_is_written(run, image, result, alone=alone) for image, result in zip(images, results, strict=True))


def _is_written(run: _Segmenting, image: Image, result: Callable[[], SegmentationResult], *, alone: bool) -> bool:
    try:
        record = run.outputs.write(image, result(), alone=alone)
        run.summary.add(record)
    except (EncoderscopeError, OSError) as error:
        run.failed(image.path, error)
        return False
    if refusal := record.get("truth", {}).get("error"):
        run.work.complain(f"{image.path}: {refusal}")
    run.work.image_done()
    return True
