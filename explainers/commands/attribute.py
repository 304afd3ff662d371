"""``python -m explainers attribute``: what concepts contribute to classes, written to one JSON file.

Every image is explained alone; with a class given, all of them together as well. The schema of the file is that of the
dashboard's (assets/docs/formats.md).
"""

import argparse
from pathlib import Path

from explainers.commands.arguments import add_images
from explainers.commands.inputs import picture_files, read
from explainers.commands.run import exit_status, require_writable, running
from explainers.results.explanations import LocalExplanation
from explainers.results.files import as_json, write_bytes
from explainers.results.records import explanation_record
from explainers.results.tables import NOT_TO_BE_RELIED_ON, depths_off_map, depths_with_gap
from explainers.service.questions import ExplainClass, ExplainPhoto, OpenEncoder
from explainers.visual_tcav.settings import ExplainSettings
from models.errors import UnreadableImage
from models.photo import Photo

_OFF_MAP = (
    "{path}: at depth {depth} all of the evidence lies on prefix tokens, on no map, so every attribution is 0: "
    "take a depth before it."
)
_GAP = (
    "{path}: the attributions at depth {depth} miss {share:.0%} of the change of the logit (completeness gap): "
    "do not rely on them, or allow more --steps."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = ExplainSettings()
    add_images(parser)
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


def run(parsed: argparse.Namespace) -> int:
    """Explains every image; with a class given, all of them together as well."""
    settings = ExplainSettings(
        depths=(parsed.depth,),
        class_idx=() if parsed.class_idx is None else (parsed.class_idx,),
        n_steps=parsed.steps,
        n_null=parsed.null,
        input_size=parsed.size,
        seed=parsed.seed,
    )
    require_writable(parsed.out)
    files = picture_files(parsed.images)
    done: list[tuple[str, Photo, LocalExplanation]] = []
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
                explanation = work.answer(ExplainPhoto(parsed.encoder, photo, *about))
                done.append((str(path), photo, explanation))
                for depth, share in depths_with_gap(explanation, NOT_TO_BE_RELIED_ON).items():
                    work.complain(_GAP.format(path=path, share=share, depth=depth))
                for depth in depths_off_map(explanation):
                    work.complain(_OFF_MAP.format(path=path, depth=depth))
            except (UnreadableImage, OSError) as error:
                work.complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            work.image_done()
        of_class = None
        if done and parsed.class_idx is not None:
            photos = tuple(photo for _, photo, _ in done)
            of_class = work.answer(ExplainClass(parsed.encoder, photos, *about))
    record = explanation_record([(file, explanation) for file, _, explanation in done], of_class, failed)
    write_bytes(parsed.out, as_json(record))
    return exit_status(len(done), len(failed))
