"""Sixteen people on one server: no error, about as much done as by one alone, nobody served much worse than anybody else.

role      explorers look at new scenes, go back to one they have seen, and drag the granularity; uploaders bring photos;
          explainers have concepts explained in new scenes
alone     seconds that an action of a kind takes (median) while nobody else is there, until the page is complete
picture   until the picture has come: what stands below it, tables, charts and small maps, comes after it
work      what the actions that were done would have taken alone, per second that passed: 1 for one person without a pause
"""

import statistics
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle

from tests.drill.kills import picture
from tests.drill.visitor import Seen, Visitor

SIZE = "encoder=scenes-cnn&photo=scene&size=224"
EXPLORER, UPLOADER, EXPLAINER = "explorer", "uploader", "explainer"
ROLES = {  # what people do, one thing after the other
    EXPLORER: ("new", "drag", "drag", "back", "drag", "back", "drag"),
    UPLOADER: ("upload",),
    EXPLAINER: ("explain",),
}
PEOPLE = (EXPLORER,) * 10 + (UPLOADER,) * 3 + (EXPLAINER,) * 3
PICTURE = "picture"  # key of the segmentation on Explore
A_CLASS = "encoder=scenes-cnn&tab=class&class={}&n=30&null=200"

_numbers = count(1000)  # each is drawn once: scenes and pictures that nobody has seen


@dataclass
class Person:
    """An open page, and what was done there: kinds of actions, and the seconds they took."""

    url: str
    role: str
    done: list[tuple[str, float]] = field(default_factory=list)
    pictures: list[tuple[str, float]] = field(default_factory=list)  # the same until the picture had come, where one did
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scenes = [next(_numbers), next(_numbers)]
        page = "explain" if self.role == EXPLAINER else ""
        self._visitor = Visitor(self.url, f"{SIZE}&scene={self._scenes[-1]}", page)
        self.errors += self._visitor.look().errors

    def act(self, kind: str) -> float:
        """Does one thing; the seconds until the page is complete."""
        began = time.monotonic()
        try:
            seen = self._upload() if kind == "upload" else self._visitor.look(**self._chosen(kind))
            self.errors += seen.errors
            if PICTURE in seen.arrived:
                self.pictures.append((kind, seen.arrived[PICTURE]))
        except Exception as error:  # whatever it is, it is what a person would meet
            self.errors.append(repr(error))
        seconds = time.monotonic() - began
        self.done.append((kind, seconds))
        return seconds

    def act_until(self, end: float) -> None:
        """Does one thing after the other."""
        for kind in cycle(ROLES[self.role]):
            if time.monotonic() >= end or len(self.errors) > 3:
                return
            self.act(kind)

    def leave(self) -> None:
        """Closes the page."""
        self._visitor.leave()

    def _upload(self) -> Seen:
        status, seen = self._visitor.upload("uploads", f"{(n := next(_numbers))}.png", picture(n))
        return seen or Seen(0.0, errors=[f"an upload was answered with {status}"])

    def _chosen(self, kind: str) -> dict:
        if kind == "drag":
            return {"k": [float(2 + next(_numbers) % 12)]}
        if kind == "back":
            self._scenes.reverse()
        else:
            self._scenes = [self._scenes[-1], next(_numbers)]
        return {"scene": self._scenes[-1]}


@dataclass
class Load:
    """What came of it; seconds are medians unless said otherwise."""

    alone: dict[str, float]
    together: dict[str, float]
    n_actions: int
    work: float
    slowest_to_fastest: dict[str, float]  # medians of the people of a role
    cached_p95: float  # until the picture has come, going back, while a class is explained
    cached_whole_p95: float  # the same until the page is complete
    new: float  # a new scene, until its picture has come, while a class is explained
    new_to_alone: float
    new_whole_to_alone: float  # the same until the page is complete
    errors: list[str]


def load(url: str, seconds: float, people: Sequence[str] = PEOPLE, n_alone: int = 6) -> Load:
    """People alone, then all together for so many seconds, then one beside somebody who has classes explained."""
    first = {role: Person(url, role) for role in dict.fromkeys(people)}
    alone = _alone(first.values(), n_alone)
    together = [Person(url, role) for role in people]
    began = time.monotonic()
    _all_at_once([lambda p=person: p.act_until(began + seconds) for person in together])
    passed = time.monotonic() - began
    done = [action for person in together for action in person.done]
    pictures_alone = _medians(picture for person in first.values() for picture in person.pictures)
    explorer, errors = _beside_a_class(url, n_alone)
    beside, pictures = explorer.done, _medians(explorer.pictures)
    for person in (*first.values(), *together):
        person.leave()
        errors += person.errors
    return Load(
        alone=alone,
        together=_medians(done),
        n_actions=len(done),
        work=sum(alone[kind] for kind, _ in done) / passed,
        slowest_to_fastest={role: _spread([p for p in together if p.role == role]) for role in dict.fromkeys(people)},
        cached_p95=_p95([seconds for kind, seconds in explorer.pictures if kind == "back"]),
        cached_whole_p95=_p95([seconds for kind, seconds in beside if kind == "back"]),
        new=pictures["new"],
        new_to_alone=round(pictures["new"] / pictures_alone["new"], 2),
        new_whole_to_alone=round(_medians(beside)["new"] / alone["new"], 2),
        errors=errors,
    )


def _alone(people: Iterable[Person], n: int) -> dict[str, float]:
    """What every kind of action takes, each done ``n`` times."""
    done = []
    for person in people:
        for kind in dict.fromkeys(ROLES[person.role]):
            done += [(kind, person.act(kind)) for _ in range(n)]
    return _medians(done)


def _beside_a_class(url: str, n: int) -> tuple[Person, list[str]]:
    """An explorer who has gone about while another session had one class after the other explained; errors of both."""
    explorer, end, errors = Person(url, EXPLORER), threading.Event(), []
    explorer.act("new")
    explorer.done.clear()
    explorer.pictures.clear()

    def explain() -> None:
        for class_idx in cycle(range(16)):
            visitor = Visitor(url, A_CLASS.format(class_idx), "explain")
            errors.extend(visitor.look().errors)
            visitor.leave()
            if end.is_set():
                return

    thread = threading.Thread(target=explain)
    thread.start()
    time.sleep(2)  # by then it is being explained
    for _ in range(n):
        for kind in ("new", "back", "back", "back"):
            explorer.act(kind)
    end.set()
    thread.join()
    explorer.leave()
    return explorer, errors + explorer.errors


def _all_at_once(works: Iterable) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _medians(done: Iterable[tuple[str, float]]) -> dict[str, float]:
    by_kind: dict[str, list[float]] = {}
    for kind, seconds in done:
        by_kind.setdefault(kind, []).append(seconds)
    return {kind: round(statistics.median(all_seconds), 3) for kind, all_seconds in by_kind.items()}


def _spread(people: Sequence[Person]) -> float:
    """The largest median of one of these people, by the smallest."""
    medians = [statistics.median(seconds for _, seconds in person.done) for person in people if person.done]
    return round(max(medians) / min(medians), 2)


def _p95(seconds: Sequence[float]) -> float:
    return round(sorted(seconds)[int(0.95 * (len(seconds) - 1) + 0.5)], 3)
