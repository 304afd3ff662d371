"""``python -m explainers attribute``: what concepts contribute to classes, written to one JSON file.

Every image is explained alone; with a class given, all of them together as well. The schema of the file is that of the
dashboard's (assets/docs/formats.md).
"""

import argparse
from functools import partial
from pathlib import Path

from explainers.commands import about_concepts
from explainers.commands.one_file import Command
from explainers.results.explanations import LocalExplanation
from explainers.results.records import explanation_record
from explainers.results.tables import NOT_TO_BE_RELIED_ON, depths_off_map, depths_with_gap
from explainers.service.questions import ExplainClass, ExplainPhoto
from explainers.visual_tcav.settings import ExplainSettings

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
    about_concepts.add_options(parser, "shallow is 0")
    parser.add_argument("--steps", type=int, default=default.n_steps, help="of integrated gradients (default: %(default)s)")
    about_concepts.add_effort(parser, default.n_null, default.seed)


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
    return about_concepts.run(
        parsed,
        lambda photo, sets: ExplainPhoto(parsed.encoder, photo, *sets, settings),
        lambda photos, sets: ExplainClass(parsed.encoder, photos, *sets, settings),
        partial(Command, record=explanation_record, doubts=_doubts),
    )


def _doubts(path: Path, explanation: LocalExplanation) -> list[str]:
    """What must be said about an image's attributions: where they do not add up, and where there is no map for them to lie on."""
    gaps = depths_with_gap(explanation, NOT_TO_BE_RELIED_ON).items()
    of_gaps = [_GAP.format(path=path, share=share, depth=depth) for depth, share in gaps]
    return of_gaps + [_OFF_MAP.format(path=path, depth=depth) for depth in depths_off_map(explanation)]
