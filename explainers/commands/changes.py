"""``python -m explainers changes``: what changes from one encoder to another over a data set (explainers/datasets/comparison.py).

The first lines go to stdout, all of it to a JSON file. Photos that cannot be read are named on stderr.
"""

import argparse
from pathlib import Path

from explainers.commands.index import STEPS, on_bar
from explainers.commands.run import exit_status, require_writable, running_with
from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.changes import ComparisonSettings, comparison_record, sentences
from explainers.datasets.comparison import Comparing, compare_encoders
from explainers.datasets.making import nothing_known
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.results.files import as_json, write_bytes
from explainers.service import ExplainerService
from models.errors import BadSettings
from models.progress import with_estimate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = ComparisonSettings(("", ""))
    parser.add_argument("data", type=Path, metavar="DATA", help="a data set, as for index")
    parser.add_argument("--encoder", required=True, action="append", metavar="NAME_OR_FOLDER", help="twice: the old, the new")
    parser.add_argument("--depth", type=int, action="append", metavar="D", help="twice, or not at all: as for index")
    parser.add_argument("--parts", type=int, default=default.k, metavar="K", help="joint parts (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=default.n_positions, metavar="N", help="positions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(default: %(default)s)")
    parser.add_argument("--truth", type=Path, metavar="FOLDER", help="masks or boxes of objects, as for index")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="JSON file")


def run(parsed: argparse.Namespace) -> int:
    """Compares both encoders."""
    settings = _settings(parsed)
    items = list_items(parsed.data)
    require_writable(parsed.out)
    on_objects = nothing_known if parsed.truth is None else objects_in(parsed.truth)
    with running_with(ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS), STEPS, "‰") as work:
        comparing = Comparing(items, settings, parsed.data.name, work.answer, on_objects)
        comparison = compare_encoders(comparing, with_estimate(on_bar(work)))
        for name, reason in comparison.refused.items():
            work.complain(f"{name}: {reason}")
    write_bytes(parsed.out, as_json(comparison_record(comparison)))
    for sentence in sentences(comparison):
        print(sentence)
    return exit_status(comparison.n_photos, len(comparison.refused))


def _settings(parsed: argparse.Namespace) -> ComparisonSettings:
    depths = parsed.depth or [None, None]
    if len(parsed.encoder) != 2 or len(depths) != 2:
        raise BadSettings("Two encoders are compared: name --encoder twice, and --depth twice or not at all.")
    (first, second), (first_depth, second_depth) = parsed.encoder, depths
    return ComparisonSettings((first, second), (first_depth, second_depth), parsed.parts, parsed.sample, parsed.seed)
