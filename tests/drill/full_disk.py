"""A disk that is full: one sentence, nothing half done, and everything from before still there."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from explainers.library.library import ConceptLibrary
from models.errors import LibraryUnavailable
from tests.drill.kills import picture, state_of

KILOBYTES = 400


@dataclass
class Outcome:
    """What came of filling the disk."""

    n_sets: int = 0  # that fitted
    sentence: str = ""  # of the refusal
    wrong: list[str] = field(default_factory=list)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of a few hundred kilobytes; None where it may not be made."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={KILOBYTES}k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Outcome:
    """Adds sets until the disk is full, then looks at what is there, deletes one, and adds one again."""
    outcome, library = Outcome(), ConceptLibrary(folder / "library", starters=None)
    while not outcome.sentence:
        before = state_of(library)
        try:
            library.add(f"set {outcome.n_sets}", "concept", [(f"{n}.png", picture(10 * outcome.n_sets + n)) for n in range(5)])
            outcome.n_sets += 1
        except LibraryUnavailable as refusal:
            outcome.sentence = str(refusal)
    if state_of(ConceptLibrary(folder / "library", starters=None)) != before:
        outcome.wrong.append("the refused set changed what was there")
    for image_set in library.sets("concept"):
        if any(not data for _, data in library.files(image_set)):
            outcome.wrong.append(f"an image of {image_set.name} is empty")
    library.delete("set 0", "concept")
    if "set 0" in state_of(library):
        outcome.wrong.append("nothing can be deleted on a full disk")
    return outcome
