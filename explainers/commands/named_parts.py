"""Names of clusters on the command line: ``segment --name 0=sky`` writes named parts, ``segment --names FILE`` finds them.

Of every image in which parts are looked for:

    <stem>.npz     labels uint8 (H, W) as large as the photo, names, distances (H, W) in reaches, limit, where they come from
    <stem>.png     the photo in the colours of the names; what is unknown is grey
    coco/ ...      a folder for every other format that was asked for, with the names as categories
    summary.json   encoder, settings, where the names come from, the share of every name in every image
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from explainers.commands.inputs import picture_files, read_ahead
from explainers.commands.run import Answered, Run, exit_status, make_folder, require_no_overwriting, require_writable, running
from explainers.commands.segment_files import MAPS, Image, Outputs, pictures
from explainers.drawing.clusters import overlay
from explainers.results.exported import SET_TITLE
from explainers.results.files import SummaryFile, output_stems, write_bytes, write_png
from explainers.results.found_parts import USUAL_LIMIT, FoundPartsResult, export_of_parts, parts_npz
from explainers.results.named_parts import MAX_BYTES, SUFFIX, NamedParts, named, parts_file, read_parts
from explainers.results.provenance import versions
from explainers.results.records import encoder_record
from explainers.results.segmentations import SegmentationsResult
from explainers.service.part_questions import FindParts, MeasureParts
from explainers.service.questions import OpenEncoder
from models.errors import BadSettings, EncoderscopeError, UnreadableParts
from models.files import written_atomically
from models.photo import Photo
from models.version import __version__

Name = tuple[int, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options about names."""
    parser.add_argument(
        "--name",
        type=name,
        action="append",
        default=[],
        metavar="CLUSTER=NAME",
        help="as in 0=sky, again for each cluster of the k of --at; writes named parts beside the maps",
    )
    parser.add_argument("--names", type=Path, metavar="FILE", help="named parts that are looked for, in place of clustering")
    parser.add_argument(
        "--limit", type=limit, default=USUAL_LIMIT, help="reaches beyond which --names calls it unknown (default: %(default)s)"
    )


def name(text: str) -> Name:
    """A cluster with its name, as in 0=sky."""
    idx, equals, word = text.partition("=")
    if not (equals and word.strip() and idx.strip().isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is not a cluster with its name like 0=sky")
    return int(idx), word.strip()


def limit(text: str) -> float:
    """A limit in reaches, above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of reaches like 1.5")
    return value


def names_of(given: Sequence[Name], k: int) -> tuple[str, ...]:
    """One name per cluster, empty where none was given; raises BadSettings for a cluster that is not there."""
    beyond = [idx for idx, _ in given if idx >= k]
    if beyond:
        raise BadSettings(f"Cluster {beyond[0]} was named; at a granularity of {k} there are 0 to {k - 1}. Choose k with --at.")
    words = dict(given)
    return tuple(words.get(idx, "") for idx in range(k)) if given else ()


def write(work: Run, result: SegmentationsResult, outputs: Outputs, photos: tuple[Photo, ...]) -> None:
    """Writes the named parts of photos that were clustered together."""
    parts = result.segmentations[0].parts(outputs.k)
    measured = work.answer(MeasureParts(result.encoder.name, photos, parts))
    stem = output_stems([Path(result.photo_name)])[0] if len(photos) == 1 else SET_TITLE
    write_bytes(outputs.folder / f"{stem}{SUFFIX}", parts_file(named(measured, outputs.names)))


def run(parsed: argparse.Namespace) -> int:
    """Looks for named parts in every image."""
    parts = _read(parsed.names)
    files = picture_files(parsed.images)
    stems = output_stems(files)
    require_no_overwriting(files, pictures(parsed.out, stems, parsed.format))
    require_writable(parsed.out / "summary.json")
    outputs = Outputs(parsed.out, parsed.format, len(parts.names) + 1)
    with running(len(files), parsed.on) as work:
        info = work.answer(OpenEncoder(parsed.encoder))
        parts.require_encoder(info)
        make_folder(parsed.out)
        header = {"encoder": encoder_record(info), "versions": versions(), "encoderscope": __version__}
        about = {"settings": parts.parts.settings, "named_parts": parts.record, "limit": parsed.limit}
        n_done = 0
        with SummaryFile(parsed.out / "summary.json", **header, **about) as summary:
            begun = work.ahead(_begun(work, parsed.encoder, parts, files, parsed.bands))
            for path, stem, coming in zip(files, stems, begun, strict=True):
                try:
                    if isinstance(coming, Exception):
                        raise coming
                    photo, job = coming
                    summary.add(_write(outputs, Image(path, stem, photo), work.wait(job), parsed.limit))
                    n_done += 1
                except (EncoderscopeError, OSError) as error:
                    work.complain(f"{path}: {error}")
                    summary.add_error(str(path), str(error))
                work.image_done()
    return exit_status(n_done, len(files) - n_done)


def _begun(
    work: Run, encoder_name: str, parts: NamedParts, files: Sequence[Path], bands: tuple[int, ...]
) -> Iterator[tuple[Photo, Answered[FoundPartsResult]] | Exception]:
    """Asks about every image that can be read: its photo with what was begun, or why it cannot be read."""
    for path, photo in zip(files, read_ahead(files, bands), strict=True):
        if isinstance(photo, Exception):
            yield photo
        else:
            work.tell_notes(path, photo)
            yield photo, work.service.ask(FindParts(encoder_name, (photo,), parts))


def _read(path: Path) -> NamedParts:
    try:
        with path.open("rb") as file:
            return read_parts(file.read(MAX_BYTES + 1), path.name)
    except OSError as error:
        raise UnreadableParts(f"'{path}' cannot be read: {error.strerror}. Give --names a file of named parts.") from error


def _write(outputs: Outputs, image: Image, result: FoundPartsResult, limit_in_reaches: float) -> dict[str, Any]:
    """Writes the files of one image; its line of the summary."""
    if MAPS in outputs.formats:
        write_bytes(outputs.folder / f"{image.stem}.npz", parts_npz(result, 0, limit_in_reaches))
    with written_atomically(outputs.folder / f"{image.stem}.png") as file:
        write_png(file, overlay(image.photo.pixels, result.picture(0, limit_in_reaches)))
    return {
        "file": str(image.path),
        "sha256": image.photo.sha256,
        "shape": image.photo.shape,
        "overlay": f"{image.stem}.png",
        "exports": outputs.write_exports(export_of_parts(result, limit_in_reaches, (image.stem,))),
        "parts": [{key: row[key] for key in ("name", "area", "distance")} for row in result.part_rows(limit_in_reaches)],
        "seconds": result.seconds,
    }
