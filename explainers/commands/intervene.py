"""``python -m explainers intervene``: what changes for classes if concepts are taken away, written to one JSON file.

Every image is changed alone; with a class given, all of them together as well. The schema of the file is described in
assets/docs/formats.md.
"""

import argparse
from pathlib import Path

from explainers.commands.arguments import add_images
from explainers.commands.inputs import picture_files, read
from explainers.commands.run import exit_status, require_writable, running
from explainers.interventions.settings import METHODS, STRENGTHS, WHERES, InterventionSettings
from explainers.results.files import as_json, write_bytes
from explainers.results.interventions import PhotoIntervention
from explainers.results.records import intervention_record
from explainers.service.questions import InterveneOnClass, InterveneOnPhoto, OpenEncoder
from models.errors import UnreadableImage
from models.photo import Photo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = InterventionSettings()
    add_images(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--depth", required=True, type=int, metavar="D", help="where activations are changed; shallow is 0")
    parser.add_argument("--concept", required=True, nargs="+", metavar="FOLDER_OR_NAME", help="example images")
    parser.add_argument("--random", default="scenes", metavar="FOLDER_OR_NAME", help="images without it (default: %(default)s)")
    parser.add_argument("--class", dest="class_idx", type=int, metavar="N", help="(default: the most probable ones)")
    usual = ",".join(f"{strength:g}" for strength in STRENGTHS)
    meaning = f"0 removes, 1 changes nothing, 2 doubles; 0 and 1 are always among them (default: {usual})"
    parser.add_argument("--strengths", type=strengths, default=STRENGTHS, metavar="S,S", help=meaning)
    parser.add_argument("--where", choices=WHERES, default=default.where, help="which tokens (default: %(default)s)")
    parser.add_argument("--method", choices=METHODS, default=default.method, help="(default: %(default)s)")
    parser.add_argument("--null", type=int, default=default.n_null, help="pseudo-concepts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=0, help="input size in pixels (default: the encoder's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.json")


def strengths(text: str) -> tuple[float, ...]:
    """Strengths as in 0,0.5,1,2."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of strengths like 0,0.5,1,2") from None


def run(parsed: argparse.Namespace) -> int:
    """Changes every image; with a class given, all of them together as well."""
    settings = InterventionSettings(
        depths=(parsed.depth,),
        class_idx=() if parsed.class_idx is None else (parsed.class_idx,),
        strengths=parsed.strengths,
        where=parsed.where,
        method=parsed.method,
        n_null=parsed.null,
        input_size=parsed.size,
        seed=parsed.seed,
    )
    require_writable(parsed.out)
    files = picture_files(parsed.images)
    done: list[tuple[str, Photo, PhotoIntervention]] = []
    failed: dict[str, str] = {}
    with running(len(files)) as work:
        concepts = tuple(work.opened_set(concept, "concept") for concept in parsed.concept)
        about = (concepts, work.opened_set(parsed.random, "random"), settings)
        work.answer(OpenEncoder(parsed.encoder))
        work.tell_set_warnings(*about[:2])
        for path in files:
            try:
                photo = read(path, parsed.bands)
                work.tell_notes(path, photo)
                done.append((str(path), photo, work.answer(InterveneOnPhoto(parsed.encoder, photo, *about))))
            except (UnreadableImage, OSError) as error:
                work.complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            work.image_done()
        of_class = None
        if done and parsed.class_idx is not None:
            of_class = work.answer(InterveneOnClass(parsed.encoder, tuple(photo for _, photo, _ in done), *about))
    record = intervention_record([(file, intervention) for file, _, intervention in done], of_class, failed)
    write_bytes(parsed.out, as_json(record))
    return exit_status(len(done), len(failed))
