"""Writers that are killed at random moments: what they had confirmed is there, the rest is wholly absent, and litter goes.

A child changes the library, one change after another; it says what it is about to do, does it, and says that it is done. At a
random moment it is killed (SIGKILL). Then another process reads: every set must be what was last confirmed, or what the change in
hand would have made of it, and every image must have the bytes that its hash stands for.
"""

import hashlib
import io
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from explainers.library.library import ConceptLibrary
from models.files import KEPT_SECONDS

N_NAMES = 6
LONGEST_LIFE = 0.25  # seconds a child lives at most

State = dict[str, frozenset[str]]  # the hashes of the images of every set, by name


def picture(seed: int) -> bytes:
    """A small PNG file of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Tally:
    """What came of all kills."""

    n_kills: int = 0
    n_confirmed: int = 0  # changes that were said to be done
    n_in_hand: int = 0  # kills in the middle of a change
    n_whole: int = 0  # of these, changes that were there nevertheless
    wrong: list[str] = field(default_factory=list)
    most_litter: int = 0  # temporary files at any moment
    litter_after_a_day: int = 0


def state_of(library: ConceptLibrary) -> State:
    """The sets of a library, by the hashes of their images."""
    return {s.name: frozenset(image.sha256 for image in s.images) for s in library.sets("concept") if not s.starter}


def changes(state: State, rng: random.Random) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Without an end: what to do next, to which set, with which pictures. ``state`` is what was done so far."""
    while True:
        name = f"set {rng.randrange(N_NAMES)}"
        todo = rng.choice(("add", "add", "remove", "delete")) if name in state else "add"
        yield todo, name, tuple(rng.randrange(40) for _ in range(rng.randint(1, 4)))


def after(state: State, change: tuple[str, str, tuple[int, ...]]) -> State:
    """What a change makes of the sets."""
    todo, name, seeds = change
    hashes = frozenset(hashlib.sha256(picture(seed)).hexdigest() for seed in seeds)
    others = {other: images for other, images in state.items() if other != name}
    if todo == "delete":
        return others
    images = state.get(name, frozenset())
    left = images | hashes if todo == "add" else images - hashes
    return {**others, name: left or images}


def write(library: ConceptLibrary, change: tuple[str, str, tuple[int, ...]], state: State) -> None:
    """Makes one change."""
    todo, name, seeds = change
    if todo == "add":
        library.add(name, "concept", [(f"{seed}.png", picture(seed)) for seed in seeds])
    elif todo == "delete":
        library.delete(name, "concept")
    else:
        gone = [hashlib.sha256(picture(seed)).hexdigest() for seed in seeds]
        if state[name] - set(gone):
            library.remove(name, "concept", gone)


def child(folder: Path, state: State, seed: int, said: int) -> None:
    """Changes the library until it is killed; says before and after every change what the sets are."""
    library = ConceptLibrary(folder, starters=None)
    for change in changes(state, random.Random(seed)):
        following = after(state, change)
        _say(said, following)
        write(library, change, state)
        _say(said, following)
        state.clear()
        state.update(following)


def _say(pipe: int, state: State) -> None:
    data = json.dumps({name: sorted(images) for name, images in state.items()}).encode()
    os.write(pipe, len(data).to_bytes(4, "little") + data)


def _heard(data: bytes) -> list[State]:
    """What was said whole."""
    states, at = [], 0
    while at + 4 <= len(data) and at + 4 + (n := int.from_bytes(data[at : at + 4], "little")) <= len(data):
        said = json.loads(data[at + 4 : at + 4 + n])
        states.append({name: frozenset(images) for name, images in said.items()})
        at += 4 + n
    return states


def kill_writers(folder: Path, n_kills: int, seed: int = 0) -> Tally:
    """Kills that many writers of one library, one after the other, and looks at what each left."""
    rng, tally, state = random.Random(seed), Tally(), {}
    for n in range(n_kills):
        reading, saying = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            child(folder, dict(state), seed * 10_000 + n, saying)
        os.close(saying)
        time.sleep(rng.uniform(0.0, LONGEST_LIFE))
        os.kill(pid, signal.SIGKILL)
        with os.fdopen(reading, "rb") as pipe:
            states = _heard(pipe.read())
        os.waitpid(pid, 0)
        state = _judged(folder, state, states, tally)
    tally.litter_after_a_day = _litter_after_a_day(folder)
    return tally


def _judged(folder: Path, before: State, states: list[State], tally: Tally) -> State:
    """Looks at what a writer left; the sets as they are now."""
    tally.n_kills += 1
    tally.n_confirmed += len(states) // 2
    confirmed = states[len(states) // 2 * 2 - 1] if len(states) >= 2 else before
    possible = [confirmed]
    if len(states) % 2:
        tally.n_in_hand += 1
        possible.append(states[-1])
    library = ConceptLibrary(folder, starters=None)
    now = state_of(library)
    if now not in possible:
        tally.wrong.append(f"kill {tally.n_kills}: {now} is neither of {possible}")
    tally.n_whole += len(states) % 2 and now == states[-1]
    for image_set in library.sets("concept"):
        for image, (_, data) in zip(image_set.images, library.files(image_set), strict=True):
            if hashlib.sha256(data).hexdigest() != image.sha256:
                tally.wrong.append(f"kill {tally.n_kills}: an image of {image_set.name} is not what its hash says")
    tally.most_litter = max(tally.most_litter, len([*folder.rglob("*.tmp")]))
    return now


def _litter_after_a_day(folder: Path) -> int:
    """How many temporary files are left once a day has passed and the library has been swept."""
    yesterday = time.time() - KEPT_SECONDS - 60
    for path in folder.rglob("*.tmp"):
        os.utime(path, (yesterday, yesterday))
    ConceptLibrary(folder, starters=None).sweep()
    return len([*folder.rglob("*.tmp")])
