"""``python -m explainers intervene``: what changes for classes if concepts are taken away, written to one JSON file.

Every image is changed alone; with a class given, all of them together as well. The schema of the file is described in
assets/docs/formats.md.
"""

import argparse
from functools import partial

from explainers.commands import about_concepts
from explainers.commands.one_file import Command
from explainers.interventions.settings import METHODS, STRENGTHS, WHERES, InterventionSettings
from explainers.results.records import intervention_record
from explainers.service.questions import InterveneOnClass, InterveneOnPhoto


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = InterventionSettings()
    about_concepts.add_options(parser, "where activations are changed; shallow is 0")
    usual = ",".join(f"{strength:g}" for strength in STRENGTHS)
    meaning = f"0 removes, 1 changes nothing, 2 doubles; 0 and 1 are always among them (default: {usual})"
    parser.add_argument("--strengths", type=strengths, default=STRENGTHS, metavar="S,S", help=meaning)
    parser.add_argument("--where", choices=WHERES, default=default.where, help="which tokens (default: %(default)s)")
    parser.add_argument("--method", choices=METHODS, default=default.method, help="(default: %(default)s)")
    about_concepts.add_effort(parser, default.n_null, default.seed)


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
    return about_concepts.run(
        parsed,
        lambda photo, sets: InterveneOnPhoto(parsed.encoder, photo, *sets, settings),
        lambda photos, sets: InterveneOnClass(parsed.encoder, photos, *sets, settings),
        partial(Command, record=intervention_record),
    )
