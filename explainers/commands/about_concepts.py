"""What the commands about concepts in images have in common: their options, and the sets that these name."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from explainers.commands import one_file
from explainers.commands.arguments import add_images, add_place
from explainers.commands.one_file import Command
from explainers.commands.run import Run
from explainers.library.sets import OpenSet
from explainers.service.questions import OpenEncoder, Question
from models.photo import Photo

Sets = tuple[tuple[OpenSet, ...], OpenSet]  # concepts, and their random counterpart


def add_options(
    parser: argparse.ArgumentParser, meaning_of_depth: str, *, needs_concept: bool = True, depth: Callable[[str], Any] = int
) -> None:
    """Adds images, encoder, depth, concepts, random counterpart and class; ``depth`` reads the depth."""
    add_encoder_and_depth(parser, meaning_of_depth, depth)
    parser.add_argument("--concept", required=needs_concept, nargs="+", metavar="FOLDER_OR_NAME", help="example images")
    parser.add_argument("--random", default="scenes", metavar="FOLDER_OR_NAME", help="images without it (default: %(default)s)")
    parser.add_argument("--class", dest="class_idx", type=int, metavar="N", help="(default: the most probable ones)")


def add_encoder_and_depth(parser: argparse.ArgumentParser, meaning_of_depth: str, depth: Callable[[str], Any] = int) -> None:
    """Adds images, encoder and depth, which ``depth`` reads."""
    add_images(parser)
    add_place(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--depth", required=True, type=depth, metavar="D", help=meaning_of_depth)


def add_effort(parser: argparse.ArgumentParser, n_null: int, seed: int) -> None:
    """Adds pseudo-concepts, seed, input size and the file that is written."""
    parser.add_argument("--null", type=int, default=n_null, help="pseudo-concepts (default: %(default)s)")
    add_seed_size_and_file(parser, seed)


def add_seed_size_and_file(parser: argparse.ArgumentParser, seed: int) -> None:
    """Adds seed, input size and the file that is written."""
    parser.add_argument("--seed", type=int, default=seed, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=0, help="input size in pixels (default: the encoder's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.json")


def run(
    parsed: argparse.Namespace,
    about_photo: Callable[[Photo, Sets], Question[Any]],
    about_class: Callable[[tuple[Photo, ...], Sets], Question[Any]],
    command: Callable[..., Command],
) -> int:
    """Asks about every image, and about the class if one is given; ``command`` takes both questions once the sets are open."""

    def with_sets(work: Run) -> Command:
        sets = _sets(work, parsed)
        of_class = None if parsed.class_idx is None else lambda photos: about_class(photos, sets)
        return command(about_photo=lambda photo: about_photo(photo, sets), about_class=of_class)

    return one_file.run(parsed, with_sets)


def _sets(work: Run, parsed: argparse.Namespace) -> Sets:
    """The sets that are named, once the encoder can be opened; what is doubtful about their images goes to stderr."""
    concepts = tuple(work.opened_set(concept, "concept") for concept in parsed.concept)
    random = work.opened_set(parsed.random, "random")
    work.answer(OpenEncoder(parsed.encoder))
    work.tell_set_warnings(concepts, random)
    return concepts, random
