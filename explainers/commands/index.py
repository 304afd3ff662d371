"""``python -m explainers index``: an index of a data set, in a folder that other tools can read (explainers/datasets/index.py).

The same command goes on where it was interrupted. Photos that cannot be read are named on stderr.
"""

import argparse
import sys
from pathlib import Path

from explainers.commands.arguments import add_place
from explainers.commands.run import Run, exit_status, make_folder, require_writable, running_with, without_ray
from explainers.datasets.adding import add_photos, newest_fit
from explainers.datasets.answers import INDEX_ANSWERS
from explainers.datasets.index import MANIFEST, Index
from explainers.datasets.making import Engine, Making, in_this_process, make_index, nothing_known
from explainers.datasets.settings import IndexSettings
from explainers.datasets.sources import list_items
from explainers.datasets.truths import objects_in
from explainers.dictionaries.settings import DictionarySettings
from explainers.service import ExplainerService
from models.errors import BadSettings
from models.progress import Progress, with_estimate

STEPS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parts = DictionarySettings()
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="folder of class folders, .zip, .tar, CSV or Parquet table, or COCO JSON"
    )
    parser.add_argument("--encoder", default="", metavar="NAME_OR_FOLDER", help="needed, except with --add")
    parser.add_argument("--add", action="store_true", help="add photos to the index in --out; its parts stay as they are")
    parser.add_argument("--depth", type=int, metavar="D", help="default: the one before the deepest of the usual ones")
    parser.add_argument("--size", type=int, default=0, metavar="PX", help="input size (default: what it was trained with)")
    parser.add_argument("--parts", type=_ks, default=parts.ks, metavar="K,K", help="how many (default: 32,64,128)")
    parser.add_argument("--sample", type=int, default=parts.n_positions, metavar="N", help="positions (default: %(default)s)")
    parser.add_argument("--shard", type=int, default=IndexSettings("").photos_per_shard, metavar="N", help="photos of one file")
    parser.add_argument("--seed", type=int, default=parts.seed, help="(default: %(default)s)")
    parser.add_argument("--truth", type=Path, metavar="FOLDER", help="masks or boxes of objects: PNG or VOC, named as the photos")
    add_place(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the index")


def run(parsed: argparse.Namespace) -> int:
    """Makes the index, completes it, or adds photos to it."""
    _require_sense(parsed)
    items = list_items(parsed.data)
    require_writable(parsed.out / MANIFEST)
    make_folder(parsed.out)
    on_objects = nothing_known if parsed.truth is None else objects_in(parsed.truth)
    with running_with(ExplainerService(cache_bytes=0, more_answers=INDEX_ANSWERS), STEPS, "‰") as work:
        engine = in_this_process if parsed.on is None else _ray()
        making = Making(items, _settings(parsed), parsed.out, parsed.data.name, work.answer, on_objects, engine)
        make = add_photos if parsed.add else make_index
        index = make(making, with_estimate(on_bar(work)))
    return _added_up(index) if parsed.add else _summed_up(index, len(items))


def _require_sense(parsed: argparse.Namespace) -> None:
    """Raises BadSettings where no encoder is named, or where photos are to be added by other settings than those of the index."""
    if not (parsed.encoder or parsed.add):
        raise BadSettings("No encoder is named. Name it with --encoder.")
    settings = _settings(parsed)
    if parsed.add and settings != IndexSettings(settings.encoder_name):
        raise BadSettings("Photos are added with the settings of the index. Leave out --depth, --size, --parts and the like.")


def _ray() -> Engine:
    try:
        from explainers.datasets.on_ray import on_ray
    except ImportError as error:
        raise without_ray() from error
    return on_ray


def _settings(parsed: argparse.Namespace) -> IndexSettings:
    dictionary = DictionarySettings(parsed.parts, parsed.sample, seed=parsed.seed)
    return IndexSettings(parsed.encoder, parsed.depth, parsed.size, dictionary, parsed.shard)


def on_bar(work: Run) -> Progress:
    """Progress that moves a bar of STEPS."""

    def tell(share: float | None, doing: str) -> None:
        work.bar.update(max(0, round(STEPS * (share or 0)) - work.bar.n))
        work.bar.set_description_str(doing)

    return Progress(tell)


def _summed_up(index: Index, n_items: int) -> int:
    refused = index.refused()
    for name, reason in refused.items():
        print(f"{name}: {reason}", file=sys.stderr)
    print(f"{n_items - len(refused)} photos of '{index.manifest['data']}' are in '{index.folder}'.")
    return exit_status(n_items - len(refused), len(refused))


def _added_up(index: Index) -> int:
    """What came of adding; nothing new is fine, too."""
    additions, refused = index.manifest.get("additions", []), index.refused()
    n_files = sum(addition["n_files"] for addition in additions)
    print(f"'{index.folder}' has {len(index.photos)} photos; {n_files} files were added after its parts were fitted.")
    if (fit := newest_fit(index, index.middle_k)) is not None:
        print(fit.sentence)
    for name, reason in refused.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return exit_status(len(index.photos), len(refused))


def _ks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers like 32,64,128") from None
