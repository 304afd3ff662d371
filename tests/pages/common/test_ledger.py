"""The last change of a page, and its undo."""

from dataclasses import dataclass

import pytest
import streamlit as st

from models.errors import LibraryUnavailable
from pages.common import access, trail
from pages.common.ledger import Ledger


@dataclass(frozen=True)
class Made:
    sentence: str
    undone: str = ""


@pytest.fixture
def ledger(monkeypatch) -> Ledger:
    """Of a session that may change everything and leaves no trail."""
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(access, "require", lambda right: None)
    monkeypatch.setattr(trail, "record", lambda *line: None)
    return Ledger("a page", "library")


def test_a_press_that_is_delivered_twice_undoes_once(ledger):
    undone, change = [], Made("'a' was made.", "'a' was removed again.")
    ledger.show(change)
    for _ in range(2):
        ledger._take_back(change, lambda: undone.append("a"))
    assert undone == ["a"]
    assert ledger.last() == Made("'a' was removed again.")


def test_an_older_change_is_not_undone_in_the_place_of_a_newer_one(ledger):
    older, newer = Made("'a' was made.", "'a' was removed again."), Made("'b' was made.", "'b' was removed again.")
    ledger.show(older)
    ledger.show(newer)
    ledger._take_back(older, lambda: pytest.fail("undone"))
    assert ledger.last() is newer


def test_what_cannot_be_undone_any_more_says_why(ledger):
    def refuse() -> None:
        raise LibraryUnavailable("The folder is gone.")

    change = Made("'a' was made.", "'a' was removed again.")
    ledger.show(change)
    ledger._take_back(change, refuse)
    assert ledger.last().sentence == "This can no longer be undone. The folder is gone."
