"""What the commands about concepts in images have in common: their options, and the way through images to one file.

Every image is asked about alone; with a class given, all of them together as well.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from explainers.commands.arguments import add_images
from explainers.commands.inputs import picture_files, read
from explainers.commands.run import Run, exit_status, require_writable, running
from explainers.library.sets import OpenSet
from explainers.results.files import as_json, write_bytes
from explainers.results.records import Record
from explainers.service.questions import OpenEncoder, Question
from models.errors import UnreadableImage
from models.photo import Photo

OfPhoto = TypeVar("OfPhoto")
OfClass = TypeVar("OfClass")
Sets = tuple[tuple[OpenSet, ...], OpenSet]  # concepts, and their random counterpart
ToRecord = Callable[[Sequence[tuple[str, OfPhoto]], OfClass | None, Mapping[str, str]], Record]


@dataclass(frozen=True)
class Command(Generic[OfPhoto, OfClass]):
    """What is asked about each image and about all of them, and how the answers are written."""

    about_photo: Callable[[Photo, Sets], Question[OfPhoto]]
    about_class: Callable[[tuple[Photo, ...], Sets], Question[OfClass]]
    record: ToRecord[OfPhoto, OfClass]
    doubts: Callable[[Path, OfPhoto], Sequence[str]] = lambda path, answer: ()  # sentences for stderr


def add_options(parser: argparse.ArgumentParser, meaning_of_depth: str) -> None:
    """Adds images, encoder, depth, concepts, random counterpart and class."""
    add_images(parser)
    parser.add_argument("--encoder", required=True, metavar="NAME_OR_FOLDER", help="see the command 'encoders'")
    parser.add_argument("--depth", required=True, type=int, metavar="D", help=meaning_of_depth)
    parser.add_argument("--concept", required=True, nargs="+", metavar="FOLDER_OR_NAME", help="example images")
    parser.add_argument("--random", default="scenes", metavar="FOLDER_OR_NAME", help="images without it (default: %(default)s)")
    parser.add_argument("--class", dest="class_idx", type=int, metavar="N", help="(default: the most probable ones)")


def add_effort(parser: argparse.ArgumentParser, n_null: int, seed: int) -> None:
    """Adds pseudo-concepts, seed, input size and the file that is written."""
    parser.add_argument("--null", type=int, default=n_null, help="pseudo-concepts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=seed, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=0, help="input size in pixels (default: the encoder's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.json")


def run(parsed: argparse.Namespace, command: Command[OfPhoto, OfClass]) -> int:
    """Asks about every image, and about the class if one is given; an image that cannot be read does not keep the others."""
    require_writable(parsed.out)
    files = picture_files(parsed.images)
    done: list[tuple[str, Photo, OfPhoto]] = []
    failed: dict[str, str] = {}
    with running(len(files)) as work:
        sets = _sets(work, parsed)
        for path in files:
            try:
                photo = read(path, parsed.bands)
                work.tell_notes(path, photo)
                answer = work.answer(command.about_photo(photo, sets))
            except (UnreadableImage, OSError) as error:
                work.complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            else:
                done.append((str(path), photo, answer))
                for doubt in command.doubts(path, answer):
                    work.complain(doubt)
            work.image_done()
        of_class = None
        if done and parsed.class_idx is not None:
            of_class = work.answer(command.about_class(tuple(photo for _, photo, _ in done), sets))
    write_bytes(parsed.out, as_json(command.record([(file, answer) for file, _, answer in done], of_class, failed)))
    return exit_status(len(done), len(failed))


def _sets(work: Run, parsed: argparse.Namespace) -> Sets:
    """The sets that are named, once the encoder can be opened; what is doubtful about their images goes to stderr."""
    concepts = tuple(work.opened_set(concept, "concept") for concept in parsed.concept)
    random = work.opened_set(parsed.random, "random")
    work.answer(OpenEncoder(parsed.encoder))
    work.tell_set_warnings(concepts, random)
    return concepts, random
