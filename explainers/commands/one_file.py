"""What the commands have in common that write all they find about images into one file: the way through the images to it.

Every image is asked about alone; where a command says so and a class is given, all of them together as well.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from explainers.commands.inputs import picture_files, read_ahead
from explainers.commands.run import Answered, Run, exit_status, require_writable, running
from explainers.results.files import as_json, write_bytes
from explainers.results.records import Record
from explainers.service.questions import Question
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
    with running(len(files), parsed.on) as work:
        command = command_of(work)
        for path, photo, job in work.ahead(_asked(work, command, files, parsed.bands, failed)):
            answer = work.wait(job)
            done.append((str(path), photo, answer))
            for doubt in command.doubts(path, answer):
                work.complain(doubt)
            work.image_done()
        of_class = None
        if done and command.about_class is not None:
            of_class = work.answer(command.about_class(tuple(photo for _, photo, _ in done)))
    write_bytes(parsed.out, as_json(command.record([(file, answer) for file, _, answer in done], of_class, failed)))
    return exit_status(len(done), len(failed))


def _asked(
    work: Run, command: Command[OfPhoto], files: Sequence[Path], bands: tuple[int, ...], failed: dict[str, str]
) -> Iterator[tuple[Path, Photo, Answered[OfPhoto]]]:
    """Asks about every image that can be read; why the others cannot is added to ``failed``."""
    for path, photo in zip(files, read_ahead(files, bands), strict=True):
        if isinstance(photo, Exception):
            work.complain(f"{path}: {photo}")
            work.image_done()
            failed[str(path)] = str(photo)
        else:
            work.tell_notes(path, photo)
            yield path, photo, work.service.ask(command.about_photo(photo))
