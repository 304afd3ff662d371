"""What the commands have in common that write all they find about images into one file: the way through the images to it.

Every image is asked about alone; where a command says so and a class is given, all of them together as well.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from explainers.commands.inputs import picture_files, read
from explainers.commands.run import Run, exit_status, require_writable, running
from explainers.results.files import as_json, write_bytes
from explainers.results.records import Record
from explainers.service.questions import Question
from models.errors import UnreadableImage
from models.photo import Photo

OfPhoto = TypeVar("OfPhoto")
Answers = Sequence[tuple[str, OfPhoto]]  # by file


@dataclass(frozen=True)
class Command(Generic[OfPhoto]):
    """What is asked about each image and about all of them, and how the answers are written."""

    about_photo: Callable[[Photo], Question[OfPhoto]]
    record: Callable[[Answers[OfPhoto], Any, Mapping[str, str]], Record]  # of images, of the class or None, of failures
    about_class: Callable[[tuple[Photo, ...]], Question[Any]] | None = None
    doubts: Callable[[Path, OfPhoto], Sequence[str]] = lambda path, answer: ()  # sentences for stderr


def run(parsed: argparse.Namespace, command_of: Callable[[Run], Command[OfPhoto]]) -> int:
    """Asks about every image, and about the class if there is one; an image that cannot be read does not keep the others."""
    require_writable(parsed.out)
    files = picture_files(parsed.images)
    done: list[tuple[str, Photo, OfPhoto]] = []
    failed: dict[str, str] = {}
    with running(len(files)) as work:
        command = command_of(work)
        for path in files:
            try:
                photo = read(path, parsed.bands)
                work.tell_notes(path, photo)
                answer = work.answer(command.about_photo(photo))
            except (UnreadableImage, OSError) as error:
                work.complain(f"{path}: {error}")
                failed[str(path)] = str(error)
            else:
                done.append((str(path), photo, answer))
                for doubt in command.doubts(path, answer):
                    work.complain(doubt)
            work.image_done()
        of_class = None
        if done and command.about_class is not None:
            of_class = work.answer(command.about_class(tuple(photo for _, photo, _ in done)))
    write_bytes(parsed.out, as_json(command.record([(file, answer) for file, _, answer in done], of_class, failed)))
    return exit_status(len(done), len(failed))
