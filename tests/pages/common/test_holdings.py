"""What open pages hold in memory: counted once, bounded for a page and for all, and what must go goes in the right order."""

import gc
from dataclasses import dataclass, field
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainers.runtime.scheduler import Job
from pages.common import jobs, thread
from pages.common.holdings import MB, Held, Holdings
from pages.common.shelf import Shelves


@dataclass(frozen=True, eq=False)
class Answer:
    maps: np.ndarray


@dataclass
class Room:
    """Holdings of at most 100 bytes for a page and 250 for all, with what had to go."""

    files: dict[str, list[bytes]] = field(default_factory=dict)
    went: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.holdings = Holdings(lambda: self.files, 100, 250)

    def show(self, page: str, view: str, value: Answer, run: int = 1) -> str:
        self.holdings.show(page, view, run)
        return self.holdings.hold(page, view, value, lambda: self.went.append(f"{page} {view}"))


def answer(n_bytes: int) -> Answer:
    return Answer(np.zeros(n_bytes, np.uint8))


def test_an_array_counts_once_and_as_long_as_it_lives():
    room, maps = Room(), answer(60)
    part = Answer(maps.maps[:10])  # a view of the same memory
    assert not room.show("a", "picture", maps) and not room.show("a", "detail", part) and not room.show("b", "picture", maps)
    assert room.holdings.held("a") == room.holdings.held("b") == Held(60, 60)
    del maps, part
    gc.collect()
    assert room.holdings.held("a") == Held(0, 0)


def test_what_a_page_no_longer_shows_makes_room_the_oldest_first():
    room, kept = Room(), [answer(40), answer(40), answer(60)]
    room.show("a", "first", kept[0], run=1)
    room.show("a", "second", kept[1], run=1)
    room.holdings.show("a", "first", 2)
    assert not room.show("a", "third", kept[2], run=3)
    assert room.went == ["a second"] and room.holdings.held("a") == Held(60, 60)  # the first would make room as well


def test_what_a_page_shows_stays_and_what_is_too_much_beside_it_is_refused():
    room, kept = Room(), [answer(70), answer(40)]
    assert not room.show("a", "first", kept[0])
    assert "Choose fewer photos" in room.show("a", "second", kept[1])
    assert not room.went and room.holdings.held("a") == Held(70, 70)


def test_when_the_server_is_full_others_make_room_for_what_they_no_longer_show():
    room, kept = Room(), [answer(90) for _ in range(4)]
    room.show("a", "left", kept[0], run=1)
    room.holdings.show("a", "elsewhere", 2)
    room.show("b", "picture", kept[1])
    assert not room.show("c", "picture", kept[2])
    assert room.went == ["a left"]
    assert "All open pages together" in room.show("d", "picture", kept[3]) and room.went == ["a left"]


def test_a_closed_page_counts_until_it_is_freed():
    room, kept = Room(), [answer(90)]
    room.show("a", "picture", kept[0])
    room.holdings.close("a")
    assert room.holdings.held("b") == Held(0, 90)
    kept.clear()
    gc.collect()
    assert room.holdings.held("b") == Held(0, 0)


def test_files_count_with_the_results_and_the_same_bytes_once():
    data = b"x" * 50
    room, kept = Room({"a": [data, data], "b": [data]}), [answer(60), answer(50)]
    assert room.holdings.held("a") == Held(50, 50)
    assert room.show("a", "picture", kept[0]) and not room.show("a", "picture", kept[1])


def page():
    import streamlit as st

    from pages.common import jobs, link

    st.session_state["link.run"] = link.run() + 1
    for view in st.session_state.get("views", ("first",)):
        maps = jobs.answer_or_stop(view, view)
        st.text(f"{view} {maps.nbytes}")


@pytest.fixture
def opened(monkeypatch):
    """A page whose every view gets an answer of 60 MB, of which a page may hold 100; and what was asked."""
    asked = []

    class Service:
        def ask(self, question, view):
            asked.append(question)
            return Job.finished(np.zeros(60 * MB, np.uint8))

    monkeypatch.setattr(jobs, "service", Service)
    monkeypatch.setattr(jobs, "HOLDINGS", Holdings(dict, 100 * MB, 150 * MB))
    return AppTest.from_function(page), asked


def test_an_answer_that_had_to_make_room_is_computed_again_and_the_page_says_so(opened):
    app, asked = opened
    app.run()
    first = ref(app.session_state["jobs"]["first"].job)
    app.session_state["views"] = ("second",)
    app.run()
    assert not app.toast and "first" not in app.session_state["jobs"] and first() is None
    app.session_state["views"] = ("first",)
    app.run()
    assert asked == ["first", "second", "first"] and "had to make room" in app.toast[0].value
    app.run()
    assert not app.toast and len(asked) == 3


def test_an_answer_that_is_too_much_is_refused_in_a_sentence(opened):
    app, _ = opened
    app.session_state["views"] = ("first", "second")
    app.run()
    assert [text.value for text in app.text] == ["first 62914560"] and not app.exception
    assert app.error[0].value.startswith("This page would hold 120 MB of results and files; at most 100 MB are kept")


def test_of_a_question_its_photos_count(opened, monkeypatch):
    app, _ = opened
    holdings = Holdings(dict, 100 * MB, 150 * MB)
    monkeypatch.setattr(jobs, "HOLDINGS", holdings)
    question = SimpleNamespace(photos_in_order=(Answer(np.zeros(10 * MB, np.uint8)),))
    monkeypatch.setattr(jobs, "_held", lambda: {"first": jobs._Inquiry(question, Job.finished(np.zeros(5 * MB, np.uint8)))})
    app.run()
    assert holdings.held("test session id").by_page == 15 * MB


def test_what_lies_on_the_shelf_of_a_browser_counts():
    from pages.common import holdings

    _, shelf = Shelves().open(None)
    shelf.put("a.png", "hash", b"x" * 1000)
    before = holdings.HOLDINGS.held("some page").by_page
    holdings.brings("some page", shelf)
    assert (before, holdings.HOLDINGS.held("some page").by_page) == (0, 1000)
    del shelf
    gc.collect()
    assert holdings.HOLDINGS.held("some page").by_page == 0


def test_a_shelf_is_held_for_the_page_that_opens_it(monkeypatch):
    seen = []
    monkeypatch.setattr(thread.holdings, "brings", lambda page, shelf: seen.append((page, shelf)))

    def opening():
        from pages.common import thread

        thread.shelf().put("a.png", "hash", b"xx")

    AppTest.from_function(opening).run()
    assert len(seen) == 1 and seen[0][1].n_bytes == 2
