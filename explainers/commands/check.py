"""``python -m explainers check``: a gate before a release, over an index (explainers/datasets/gate.py).

Exit status: 0 nothing forbidden was found; 3 something was, a sentence for each on stdout; 2 the request makes no sense.
"""

import argparse
import sys
from pathlib import Path

from explainers.commands.run import ALL_DONE, Run, require_writable, running_with
from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.findings import NamedByConcept
from explainers.datasets.gate import GateSettings, Verdict, check, forbidden_things, junit, verdict_record
from explainers.datasets.index import Index, open_index
from explainers.datasets.questions import NameParts
from explainers.results.files import as_json, write_bytes
from explainers.service import ExplainerService
from models.errors import BadSettings

FOUND = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = GateSettings(0)
    parser.add_argument("index", type=Path, metavar="INDEX", help="folder of an index")
    parser.add_argument("--forbid", nargs="+", default=(), metavar="CONCEPT", help="folder of images, or name in the library")
    parser.add_argument("--random", default="scenes", metavar="SET", help="random counterpart of them (default: %(default)s)")
    parser.add_argument("--forbid-part", nargs="+", type=int, default=(), metavar="P", help="numbers of parts")
    parser.add_argument("--parts", action="store_true", help="forbid every part beside the object")
    parser.add_argument("--k", type=int, metavar="K", help="how many parts (default: the middle one of the index)")
    parser.add_argument("--max-share", type=float, default=default.max_share, help="of the evidence (default: %(default)s)")
    parser.add_argument("--level", type=float, default=default.level, help="of significance, after Holm (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of permutations (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all that was measured")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="a test case for each thing and class")


def run(parsed: argparse.Namespace) -> int:
    """Checks the index; a sentence for every finding goes to stdout."""
    if not (parsed.forbid or parsed.forbid_part or parsed.parts):
        raise BadSettings("Nothing is forbidden. Name a concept with --forbid, a part with --forbid-part, or give --parts.")
    index = open_index(parsed.index)
    require_writable(*(file for file in (parsed.json, parsed.junit) if file is not None))
    settings = GateSettings(parsed.k or index.middle_k, parsed.max_share, parsed.level, parsed.parts, parsed.seed)
    concepts = _named(index, settings, parsed.forbid, parsed.random) if parsed.forbid else ()
    verdict = check(index, settings, forbidden_things(index, settings, concepts, parsed.forbid_part))
    _write(verdict, parsed)
    return FOUND if verdict.findings else ALL_DONE


def _named(index: Index, settings: GateSettings, forbidden: list[str], random: str) -> tuple[NamedByConcept, ...]:
    """The parts that respond to the concepts."""
    with running_with(ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS), 1, "check") as work:
        return _asked(work, index, settings, forbidden, random)


def _asked(work: Run, index: Index, settings: GateSettings, forbidden: list[str], random: str) -> tuple[NamedByConcept, ...]:
    concepts = tuple(work.opened_set(name, "concept") for name in forbidden)
    counterpart = work.opened_set(random, "random")
    work.tell_set_warnings(concepts, counterpart)
    return work.answer(NameParts(index.folder, index.key, settings.k, concepts, counterpart))


def _write(verdict: Verdict, parsed: argparse.Namespace) -> None:
    for name in verdict.silent:
        print(f"{name}: no part of this index responds to it.", file=sys.stderr)
    for finding in verdict.findings:
        print(finding.sentence)
    if not verdict.findings:
        print("Nothing that is forbidden carries more than is allowed.")
    if parsed.json is not None:
        write_bytes(parsed.json, as_json(verdict_record(verdict)))
    if parsed.junit is not None:
        write_bytes(parsed.junit, junit(verdict))
