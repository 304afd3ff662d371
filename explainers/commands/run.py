"""What every command does around its work: waiting with a bar, complaining about a file, refusing what cannot be written."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol, TypeVar

from tqdm import tqdm

from explainers.library import ConceptLibrary
from explainers.library.sets import Kind, OpenSet
from explainers.runtime.ahead import ahead
from explainers.service import ExplainerService
from explainers.service.questions import Question
from models.errors import EncoderscopeError, MissingPackage
from models.photo import Photo

T = TypeVar("T")
Coming = TypeVar("Coming", covariant=True)

ALL_DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130
POLL_SECONDS = 0.1
RAY = "ray"  # where else questions are answered
_ELSEWHERE = "Choose another --out."


class Answered(Protocol[Coming]):
    """What a question gives at once: a job, or what stands for one elsewhere."""

    @property
    def message(self) -> str:
        """What is being done, in a few words."""

    def result(self, timeout: float | None = None) -> Coming:
        """Waits for the answer; raises EncoderscopeError, or TimeoutError after ``timeout`` seconds."""


class Service(Protocol):
    """What commands need of a service: this process's, or one that answers on many machines."""

    @property
    def library(self) -> ConceptLibrary:
        """Sets of example images."""

    def ask(self, question: Question[T]) -> Answered[T]:
        """Begins with a question."""

    def close(self) -> None:
        """Takes no more questions."""


@dataclass(frozen=True)
class Run:
    """A command at work: the service it asks, and the bar on which a person follows it."""

    service: Service
    bar: tqdm
    n_ahead: int = 1  # questions that are asked while an answer is awaited

    def answer(self, question: Question[T]) -> T:
        """The answer to a question, waited for."""
        return self.wait(self.service.ask(question))

    def wait(self, job: Answered[T]) -> T:
        """The job's result; on a terminal the bar says meanwhile what is being done."""
        while True:
            try:
                result = job.result(POLL_SECONDS)
            except TimeoutError:
                self._say(job.message)
            else:
                self._say("")
                return result

    def ahead(self, begun: Iterable[T]) -> Iterator[T]:
        """What has begun, in order, each handed on when ``n_ahead`` that follow it have begun, too."""
        return ahead(begun, self.n_ahead)

    def complain(self, sentence: str) -> None:
        """A line on stderr, above the bar."""
        tqdm.write(sentence, file=sys.stderr)

    def tell_notes(self, path: Path, photo: Photo) -> None:
        """What must be said about a photo that was read, on stderr: which page or bands are shown, and the like."""
        for note in photo.notes:
            self.complain(f"{path}: {note}")

    def tell_set_warnings(self, concepts: Sequence[OpenSet], random: OpenSet) -> None:
        """What is doubtful about the images of concepts and their random counterpart, on stderr: each sentence once."""
        library = self.service.library
        sentences = [sentence for image_set in (*concepts, random) for sentence in library.repeats_in(image_set)]
        sentences += [sentence for concept in concepts for sentence in library.overlap_of(concept, random)]
        for sentence in dict.fromkeys(sentences):
            self.complain(sentence)

    def image_done(self) -> None:
        """Moves the bar by one image."""
        self.bar.update()

    def opened_set(self, folder_or_name: str, kind: Kind) -> OpenSet:
        """A set of example images; what cannot be read in it is named on stderr."""
        opened = self.service.library.open_set(folder_or_name, kind)
        for refusal in opened.refused:
            self.complain(f"{refusal.name}: {refusal.reason}")
        return opened

    def _say(self, text: str) -> None:
        if sys.stderr.isatty() and text != (self.bar.postfix or ""):
            self.bar.set_postfix_str(text)


@contextmanager
def running(n_images: int, place: str | None = None) -> Generator[Run]:
    """A service without caches, since nothing is asked twice, and a bar over the images; in this process, or on RAY."""
    service, n_ahead = (ExplainerService(cache_bytes=0), 1) if place is None else _on_ray()
    with running_with(service, n_images, "image", n_ahead) as run:
        yield run


@contextmanager
def running_with(service: Service, n_steps: int, unit: str, n_ahead: int = 1) -> Generator[Run]:
    """That service, closed at the end, and a bar over so many steps."""
    with closing(service), tqdm(total=n_steps, unit=unit) as bar:
        yield Run(service, bar, n_ahead)


def _on_ray() -> tuple[Service, int]:
    """A service of actors, and so many questions that each has one to go on with."""
    try:
        from explainers.service.on_ray import RayService
    except ImportError as error:
        raise without_ray() from error
    service = RayService()
    return service, 2 * service.n_actors


def without_ray() -> MissingPackage:
    """What to do where the package is missing."""
    return MissingPackage(
        "Several machines need the package ray, which is not installed here. Install it with: pip install -r requirements-ray.txt"
    )


def exit_status(n_done: int, n_failed: int) -> int:
    """0 if every image was done, 1 if some were not, 2 if none was."""
    if not n_failed:
        return ALL_DONE
    return SOME_FAILED if n_done else NOTHING_DONE


def require_writable(*files: Path) -> None:
    """Raises EncoderscopeError if one of the files could not be written, in folders that may have to be made; makes nothing."""
    for file in files:
        try:
            if file.exists() and not file.is_file():
                raise EncoderscopeError(f"'{file}' cannot be written: it is not an ordinary file. {_ELSEWHERE}")
            there = next(folder for folder in file.absolute().parents if folder.exists())
            with TemporaryFile(dir=there):
                pass
        except OSError as error:
            raise EncoderscopeError(f"'{file}' cannot be written: {error.strerror}. {_ELSEWHERE}") from error


def make_folder(out: Path) -> None:
    """Makes the folder of the results; raises EncoderscopeError where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EncoderscopeError(f"The folder '{out}' cannot be made: {error.strerror}. Choose another --out folder.") from error


def require_no_overwriting(files: Sequence[Path], written: Sequence[Path]) -> None:
    """Raises EncoderscopeError if a picture that is written would replace one of the images."""
    pictures = {path.resolve() for path in files}
    for picture in written:
        if picture.resolve() in pictures:
            raise EncoderscopeError(f"'{picture}' is one of the images, and would be replaced. Choose another --out folder.")
