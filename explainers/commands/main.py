"""The command line, over the same service as the dashboard.

    python -m explainers encoders [--json]
    python -m explainers segment IMAGE... --encoder NAME_OR_FOLDER --out DIR [--together]
    python -m explainers attribute IMAGE... --encoder NAME_OR_FOLDER --depth D --concept FOLDER_OR_NAME... --out FILE.json
    python -m explainers compare IMAGE... --encoder A --encoder B [...] --out DIR

Exit status: 0 every image was done; 1 some were not (each is named on stderr); 2 none was, or the request makes no sense.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from explainers.commands import compare as comparison
from explainers.commands import segment as segmenting
from explainers.commands.inputs import picture_files, read
from explainers.library.library import Kind, OpenSet
from explainers.nave.settings import FITS, SCALINGS, NaveSettings, require_valid
from explainers.results import files as export
from explainers.results import records
from explainers.results.comparisons import MAX_PHOTOS
from explainers.results.explanations import ExplainSettings
from explainers.runtime.scheduler import Job
from explainers.service.photos import resolved
from explainers.service.service import ExplainerService, versions
from models.catalog.catalog import Catalog, CatalogEntry
from models.encoder.encoder import EncoderInfo
from models.errors import EncoderscopeError, UnreadableImage

T = TypeVar("T")

ALL_DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
POLL_SECONDS = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        return parsed.command(parsed)
    except EncoderscopeError as error:
        print(error, file=sys.stderr)
        return NOTHING_DONE
    except KeyboardInterrupt:
        print("Stopped. What was finished is complete.", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m explainers", description="Look inside frozen vision encoders.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_encoders(commands.add_parser("encoders", help="list the encoders that can be opened"))
    _add_segment(commands.add_parser("segment", help="NAVE segmentation maps of images"))
    _add_attribute(commands.add_parser("attribute", help="Visual-TCAV: what concepts contribute to classes"))
    _add_compare(commands.add_parser("compare", help="several encoders on the same images"))
    return parser


def _add_encoders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print everything that is known, as JSON")
    parser.set_defaults(command=encoders)


def _add_segment(parser: argparse.ArgumentParser) -> None:
    default = NaveSettings()
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for maps, overlays and summary.json")
    parser.add_argument("--depths", type=_depths, default=(), help="as in 2,5,8; shallow is 0 (default: the encoder's own)")
    parser.add_argument("--clusters", type=_clusters, default=(2, 20), metavar="MIN:MAX", help="range of k (default: 2:20)")
    parser.add_argument("--size", type=int, default=default.input_size, help="input size in pixels (default: %(default)s)")
    parser.add_argument("--scaling", choices=SCALINGS, default=default.scaling, help="of the depths (default: %(default)s)")
    parser.add_argument("--fit", choices=FITS, default=default.fit, help=" ".join(f"{k}: {v}" for k, v in FITS.items()))
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.add_argument("--together", action="store_true", help="cluster all images together; they are held in memory at once")
    parser.set_defaults(command=segment)


def _add_attribute(parser: argparse.ArgumentParser) -> None:
    default = ExplainSettings()
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--depth", required=True, type=int, metavar="D", help="shallow is 0")
    parser.add_argument("--concept", required=True, nargs="+", metavar="FOLDER_OR_NAME", help="example images")
    parser.add_argument("--random", default="scenes", metavar="FOLDER_OR_NAME", help="images without it (default: %(default)s)")
    parser.add_argument("--class", dest="class_idx", type=int, metavar="N", help="(default: the most probable ones)")
    parser.add_argument("--steps", type=int, default=default.n_steps, help="of integrated gradients (default: %(default)s)")
    parser.add_argument("--null", type=int, default=default.n_null, help="pseudo-concepts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=0, help="input size in pixels (default: the encoder's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.json")
    parser.set_defaults(command=attribute)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    default = NaveSettings()
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image file, or a folder of them")
    parser.add_argument(
        "--encoder",
        required=True,
        action="append",
        metavar="NAME_OR_FOLDER",
        help="two or more; the first is the reference",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for pictures, maps and tables")
    parser.add_argument("--clusters", type=_clusters, default=(2, 20), metavar="MIN:MAX", help="range of k (default: 2:20)")
    parser.add_argument("--size", type=int, default=default.input_size, help="input size in pixels (default: %(default)s)")
    parser.add_argument("--scaling", choices=SCALINGS, default=default.scaling, help="of the depths (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.set_defaults(command=compare)


def _depths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of depths like 2,5,8") from None


def _clusters(text: str) -> tuple[int, int]:
    try:
        low, high = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no range like 2:20") from None
    return low, high


def encoders(parsed: argparse.Namespace) -> int:
    """Prints what can be opened."""
    entries = Catalog().entries()
    print(json.dumps([asdict(entry) for entry in entries], indent=1) if parsed.json else encoder_table(entries))
    return ALL_DONE


def encoder_table(entries: Iterable[CatalogEntry]) -> str:
    """One line per encoder, under a heading."""
    rows = [("NAME", "TITLE", "FAMILY", "PARAMETERS", "STATE", "CLASSIFIER")]
    for entry in entries:
        classifier = "yes" if entry.has_classifier else "no"
        rows.append((entry.name, entry.title, entry.family, _millions(entry.n_parameters), entry.state, classifier))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _millions(n_parameters: int | None) -> str:
    return "?" if n_parameters is None else f"{n_parameters / 1e6:.1f} M"


def segment(parsed: argparse.Namespace) -> int:
    """Segments every image, one after the other: memory does not grow with their number. Or all of them together."""
    low, high = parsed.clusters
    settings = NaveSettings(parsed.depths, parsed.scaling, parsed.size, low, high, parsed.seed, parsed.fit)
    files = picture_files(parsed.images)
    stems = export.output_stems(files)
    _require_no_overwriting(files, stems, parsed.out)
    with closing(ExplainerService(cache_bytes=0)) as service, tqdm(total=len(files), unit="image") as bar:
        info = _waited_for(service.open_encoder(parsed.encoder), bar)
        settings = resolved(settings, info)
        require_valid(settings, len(info.depths))
        segment_them = segmenting.together if parsed.together else segmenting.each_alone
        with _summary(parsed, settings, info) as summary:
            wait, complain = partial(_waited_for, bar=bar), partial(tqdm.write, file=sys.stderr)
            run = segmenting.Run(service, parsed.encoder, settings, parsed.out, summary, wait, complain, bar.update)
            n_done = segment_them(run, files, stems)
    return ALL_DONE if n_done == len(files) else SOME_FAILED if n_done else NOTHING_DONE


def attribute(parsed: argparse.Namespace) -> int:
    """Explains every image; with a class given, all of them together as well."""
    settings = ExplainSettings(
        depths=(parsed.depth,),
        class_idx=() if parsed.class_idx is None else (parsed.class_idx,),
        n_steps=parsed.steps,
        n_null=parsed.null,
        input_size=parsed.size,
        seed=parsed.seed,
    )
    files = picture_files(parsed.images)
    with closing(ExplainerService(cache_bytes=0)) as service, tqdm(total=len(files), unit="image") as bar:
        concepts = [_opened(service, concept, "concept") for concept in parsed.concept]
        question = (concepts, _opened(service, parsed.random, "random"), settings)
        _waited_for(service.open_encoder(parsed.encoder), bar)
        done, failed = [], {}
        for path in files:
            try:
                photo = read(path)
                done.append((str(path), photo, _waited_for(service.explain(parsed.encoder, photo, *question), bar)))
            except (UnreadableImage, OSError) as error:
                tqdm.write(f"{path}: {error}", file=sys.stderr)
                failed[str(path)] = str(error)
            bar.update()
        of_class = None
        if done and parsed.class_idx is not None:
            photos = [photo for _, photo, _ in done]
            of_class = _waited_for(service.explain_class(parsed.encoder, photos, *question), bar)
    export.write_json(parsed.out, records.attribution_record([(name, e) for name, _, e in done], of_class, failed))
    return ALL_DONE if not failed else SOME_FAILED if done else NOTHING_DONE


def compare(parsed: argparse.Namespace) -> int:
    """Compares the encoders on every image; depths over all images together."""
    low, high = parsed.clusters
    settings = NaveSettings((), parsed.scaling, parsed.size, low, high, parsed.seed)
    files = picture_files(parsed.images)
    with closing(ExplainerService(cache_bytes=0)) as service, tqdm(total=len(files), unit="image") as bar:
        complain = partial(tqdm.write, file=sys.stderr)
        run = comparison.Run(service, settings, parsed.out, partial(_waited_for, bar=bar), complain)
        infos, failed = comparison.opened(run, parsed.encoder)
        if len(infos) < 2:
            raise EncoderscopeError(f"{len(infos)} encoders can be opened; comparing needs at least 2 different ones.")
        require_valid(settings, min(len(info.depths) for info in infos.values()))
        _make_folder(parsed.out)
        photos, rows = [], []
        for path, stem in zip(files, export.output_stems(files), strict=True):
            try:
                photo = read(path)
                rows += comparison.compared(run, list(infos), stem, photo)
                photos += [photo] if len(photos) < MAX_PHOTOS else []  # the depths need no more: memory does not grow
            except (EncoderscopeError, OSError) as error:
                complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            bar.update()
        depths = comparison.depth_rows(run, list(infos), photos) if photos else []
        comparison.write(run, infos, rows, depths, failed)
    return ALL_DONE if not failed else SOME_FAILED if photos else NOTHING_DONE


def _opened(service: ExplainerService, folder_or_name: str, kind: Kind) -> OpenSet:
    """A set of example images; what cannot be read in it is named."""
    opened = service.library.open_set(folder_or_name, kind)
    for refusal in opened.refused:
        tqdm.write(f"{refusal.name}: {refusal.reason}", file=sys.stderr)
    return opened


def _require_no_overwriting(files: Sequence[Path], stems: Sequence[str], out: Path) -> None:
    pictures = {path.resolve() for path in files}
    for stem in stems:
        overlay = out / f"{stem}.png"
        if overlay.resolve() in pictures:
            raise EncoderscopeError(
                f"'{overlay}' is one of the images; the overlay would replace it. Choose another --out folder."
            )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EncoderscopeError(f"The folder '{out}' cannot be made: {error.strerror}. Choose another --out folder.") from error


def _summary(parsed: argparse.Namespace, settings: NaveSettings, info: EncoderInfo) -> export.SummaryFile:
    _make_folder(parsed.out)
    encoder = {"name": info.name, "architecture": info.architecture, "fingerprint": info.fingerprint, "licence": info.licence}
    asked = {"settings": asdict(settings), "together": parsed.together}
    return export.SummaryFile(parsed.out / "summary.json", encoder=encoder, versions=versions(), **asked)


def _waited_for(job: Job[T], bar: tqdm) -> T:
    """The job's result; on a terminal the bar says meanwhile what is being done."""
    while True:
        try:
            result = job.result(POLL_SECONDS)
        except TimeoutError:
            _say(job.message, bar)
        else:
            _say("", bar)
            return result


def _say(text: str, bar: tqdm) -> None:
    if sys.stderr.isatty() and text != (bar.postfix or ""):
        bar.set_postfix_str(text)
