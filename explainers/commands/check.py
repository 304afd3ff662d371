"""``python -m explainers check``: a gate before a release, over an index or a data set (explainers/datasets/gate.py).

Exit status: 0 nothing forbidden was found; 3 something was, a sentence for each on stdout; 2 the request makes no sense.
"""

import argparse
import sys
from pathlib import Path

from explainers.commands.index import STEPS, on_bar
from explainers.commands.run import ALL_DONE, Run, require_writable, running_with
from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.gate import GateSettings, Verdict, junit, verdict_record
from explainers.datasets.index import Index
from explainers.datasets.originals import MissingPhotos, originals_of
from explainers.datasets.release import Forbid, Release, index_of, verdict_of, with_replaced
from explainers.results.files import as_json, write_bytes
from explainers.service import ExplainerService
from models.errors import BadSettings
from models.progress import with_estimate

FOUND = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    default = GateSettings(0)
    parser.add_argument("index", type=Path, metavar="INDEX_OR_DATA", help="folder of an index, or a data set")
    parser.add_argument("--encoder", default="", metavar="NAME_OR_FOLDER", help="of a data set: its index is made first")
    parser.add_argument("--truth", type=Path, metavar="FOLDER", help="of a data set: masks or boxes of objects")
    parser.add_argument("--depth", type=int, metavar="D", help="of a data set: as for index")
    parser.add_argument("--size", type=int, default=0, metavar="PX", help="of a data set: as for index")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of a data set: folder of the index (default: kept by name)")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="JSON of an earlier check: only what is worse is found")
    parser.add_argument("--forbid", nargs="+", default=(), metavar="CONCEPT", help="folder of images, or name in the library")
    parser.add_argument("--random", default="scenes", metavar="SET", help="random counterpart of them (default: %(default)s)")
    parser.add_argument("--forbid-part", nargs="+", type=int, default=(), metavar="P", help="numbers of parts")
    parser.add_argument("--parts", action="store_true", help="forbid every part beside the object")
    parser.add_argument("--beside", action="store_true", help="forbid concepts beside the object only")
    parser.add_argument("--k", type=int, metavar="K", help="how many parts (default: the middle one of the index)")
    parser.add_argument("--max-share", type=float, default=default.max_share, help="of the evidence (default: %(default)s)")
    parser.add_argument("--level", type=float, default=default.level, help="of significance, after Holm (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="of permutations (default: %(default)s)")
    parser.add_argument("--replace", action="store_true", help="of what is found: replace its parts, and predict anew")
    parser.add_argument("--photos", type=Path, metavar="DATA", help="of an index, for --replace: the photos it was made of")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all that was measured")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="a test case for each thing and class")


def run(parsed: argparse.Namespace) -> int:
    """Checks the index, which is made first if there is none; a sentence for every finding goes to stdout."""
    if not (parsed.forbid or parsed.forbid_part or parsed.parts):
        raise BadSettings("Nothing is forbidden. Name a concept with --forbid, a part with --forbid-part, or give --parts.")
    require_writable(*(file for file in (parsed.json, parsed.junit) if file is not None))
    release = Release(parsed.index, parsed.encoder, parsed.truth, parsed.out, parsed.depth, parsed.size)
    with running_with(ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS), STEPS, "‰") as work:
        index = index_of(release, work.answer, with_estimate(on_bar(work)))
        for name, reason in index.refused().items():
            work.complain(f"{name}: {reason}")
        settings = GateSettings(
            parsed.k or index.middle_k, parsed.max_share, parsed.level, parsed.parts, parsed.beside, parsed.seed
        )
        verdict = verdict_of(index, settings, _forbid(work, parsed), work.answer, parsed.baseline)
        if parsed.replace:
            try:
                verdict = with_replaced(verdict, index, _photos(index, parsed), work.answer)
            except MissingPhotos as refusal:  # what was found stands, whatever becomes of the rest
                work.complain(f"Nothing was replaced. {refusal}")
    _write(verdict, parsed)
    return FOUND if verdict.findings else ALL_DONE


def _photos(index: Index, parsed: argparse.Namespace) -> Path:
    """Where the photos of the index lie: the data set that it was made of just now, the folder that is named, or where a server
    would look for them."""
    if parsed.photos is not None:
        return parsed.photos
    return parsed.index if parsed.encoder else originals_of(index).data


def _forbid(work: Run, parsed: argparse.Namespace) -> Forbid:
    parts = tuple(parsed.forbid_part)
    if not parsed.forbid:
        return Forbid(parts=parts)
    concepts = tuple(work.opened_set(name, "concept") for name in parsed.forbid)
    counterpart = work.opened_set(parsed.random, "random")
    work.tell_set_warnings(concepts, counterpart)
    return Forbid(concepts, counterpart, parts)


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
