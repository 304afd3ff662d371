"""``python -m explainers similar``: how similar every pixel of images is to a place of one of them, written to a folder.

    <stem>.npz     similarity float16 (H, W) as large as the photo, place, photo, of_photo, encoder, settings, version
    <stem>.png     the photo in grey, coloured where the similarity reaches the threshold, with a ring around the place
    summary.json   encoder, settings, place, how much of every photo is similar, what was not done and why

Every image is compared with its own place, or all of them with that of the first. An image that fails is named; the others go on.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explainers.commands.arguments import add_images, depths
from explainers.commands.inputs import picture_files, read_ahead
from explainers.commands.run import Run, exit_status, make_folder, require_no_overwriting, require_writable, running
from explainers.drawing.places import resized, similarity_overlay
from explainers.nave.components import Place
from explainers.nave.settings import SCALINGS, ComponentSettings, NaveSettings, require_valid
from explainers.results.components import ComponentsResult
from explainers.results.files import SummaryFile, output_stems, similarity_npz, write_bytes, write_png
from explainers.results.provenance import versions
from explainers.results.records import encoder_record
from explainers.service.questions import FindComponents, OpenEncoder, resolved
from models.errors import EncoderscopeError
from models.files import written_atomically
from models.photo import Photo
from models.version import __version__


@dataclass(frozen=True)
class _Comparing:
    """A run of the command."""

    work: Run
    summary: SummaryFile
    out: Path
    place: Place
    threshold: float

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
    default = ComponentSettings()
    add_images(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--at", required=True, type=place, metavar="X,Y", help="shares of width and height, as in 0.4,0.65")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps, overlays and summary.json")
    parser.add_argument("--depths", type=depths, default=(), help="as in 2,5,8; shallow is 0 (default: the encoder's own)")
    parser.add_argument("--size", type=int, default=default.input_size, help="input size in pixels (default: %(default)s)")
    parser.add_argument("--scaling", choices=SCALINGS, default=default.scaling, help="of the depths (default: %(default)s)")
    parser.add_argument("--threshold", type=cosine, default=0.4, help="what is less similar is not drawn (default: %(default)s)")
    parser.add_argument(
        "--together", action="store_true", help="compare all images with that place of the first one; they are held in memory"
    )


def place(text: str) -> Place:
    """A place as in 0.4,0.65."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        x = y = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise argparse.ArgumentTypeError(f"'{text}' is not a place like 0.4,0.65: shares of the width and of the height")
    return x, y


def cosine(text: str) -> float:
    """A cosine similarity, from -1 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a similarity from -1 to 1")
    return value


def run(parsed: argparse.Namespace) -> int:
    """Compares every image with its own place, or all of them with that of the first."""
    settings = ComponentSettings(parsed.depths, parsed.scaling, parsed.size)
    files = picture_files(parsed.images)
    stems = output_stems(files)
    require_no_overwriting(files, [parsed.out / f"{stem}.png" for stem in stems])
    require_writable(parsed.out / "summary.json")
    with running(len(files)) as work:
        info = work.answer(OpenEncoder(parsed.encoder))
        settings = resolved(settings, info)
        require_valid(NaveSettings(settings.depths, settings.scaling, settings.input_size), len(info.depths))
        make_folder(parsed.out)
        header = {"encoder": encoder_record(info), "versions": versions(), "encoderscope": __version__, "settings": settings}
        header |= {"place": parsed.at, "threshold": parsed.threshold, "together": parsed.together}
        with SummaryFile(parsed.out / "summary.json", **header) as summary:
            comparing = _Comparing(work, summary, parsed.out, parsed.at, parsed.threshold)
            images = _read(comparing, files, stems, parsed.bands)
            groups = [list(images)] if parsed.together else ([image] for image in images)
            n_done = sum(_compared(comparing, group, parsed.encoder, settings) for group in groups if group)
    return exit_status(n_done, len(files) - n_done)


def _read(run: _Comparing, files: Sequence[Path], stems: Sequence[str], bands: tuple[int, ...]) -> Iterator[_Image]:
    """The images that can be read."""
    for path, stem, photo in zip(files, stems, read_ahead(files, bands), strict=True):
        if isinstance(photo, Exception):
            run.failed(path, photo)
        else:
            run.work.tell_notes(path, photo)
            yield _Image(path, stem, photo)


def _compared(run: _Comparing, images: Sequence[_Image], encoder_name: str, settings: ComponentSettings) -> int:
    """Compares images with the place of the first one, and writes their files; how many were done."""
    question = FindComponents(encoder_name, tuple(image.photo for image in images), settings)
    n_done = 0
    try:
        result = run.work.answer(question)
    except EncoderscopeError as error:
        for image in images:
            run.failed(image.path, error)
        return 0
    for n, image in enumerate(images):
        try:
            run.summary.add(_write(run, image, result, n))
        except OSError as error:
            run.failed(image.path, error)
        else:
            run.work.image_done()
            n_done += 1
    return n_done


def _write(run: _Comparing, image: _Image, result: ComponentsResult, n: int) -> dict[str, Any]:
    """Writes map and overlay of the n-th image; its line of the summary."""
    components, maps, overlay = result.components, run.out / f"{image.stem}.npz", run.out / f"{image.stem}.png"
    write_bytes(maps, similarity_npz(result, n, 0, run.place))
    similarity = components.images[n].similarity(components.images[0].at(run.place))
    marked = run.place if n == 0 else None
    with written_atomically(overlay) as file:
        write_png(file, similarity_overlay(image.photo.pixels, similarity, run.threshold, place=marked))
    return {
        "file": str(image.path),
        "sha256": image.photo.sha256,
        "shape": image.photo.shape,
        "maps": maps.name,
        "overlay": overlay.name,
        "similar_share": float((resized(similarity, image.photo.shape) >= run.threshold).mean()),
        "n_components": components.images[n].codes.shape[2],
        "kept": components.kept,
        "rank_correlation": components.rank_correlation,
        "seconds": result.seconds,
    }
