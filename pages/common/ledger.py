"""The last change that was made on a page: shown on top, undone by a button, until the next one takes its place. Whoever makes
one must have the right to, and it leaves a line in the trail.

A change is any frozen dataclass whose first field is the sentence that describes it, whose `undone` is the sentence that says
that it was reverted, and whose other fields have defaults. The forms of the page start afresh after every change: their keys
carry its number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from models.errors import EncoderscopeError
from pages.common import access, link, trail
from pages.common.access import Right
from pages.common.text import escaped


@dataclass(frozen=True)
class Ledger:
    """Where a page keeps its last change, in the session."""

    page: str
    right: Right  # what whoever changes something must be allowed to change

    def last(self) -> Any:
        """The change that is shown now; None before the first."""
        return st.session_state.get(f"{self.page}.change")

    def made(self, change: Any) -> None:
        """Records a change, and shows it."""
        trail.record(access.person().name, self.page, change.sentence)
        self.show(change)

    def show(self, change: Any) -> None:
        """Shows the change, or why there is none, from now on, and starts all forms afresh."""
        st.session_state[f"{self.page}.change"] = change
        st.session_state[f"{self.page}.n_changes"] = self._n_changes() + 1

    def attempt(self, change: Callable[[], Any]) -> None:
        """Makes the change and draws the page anew; a refusal is shown where the form is."""
        try:
            access.require(self.right)
            with st.spinner("Working on the library …"):
                done = change()
        except EncoderscopeError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        self.made(done)
        link.rerun()

    def fresh(self, key: str) -> str:
        """The key of a widget that is emptied by every change."""
        return f"{key} {self._n_changes()}"

    def _n_changes(self) -> int:
        return st.session_state.get(f"{self.page}.n_changes", 0)

    def draw(self, change: Any, undo: Callable[[], None] | None, meaning: str, more: Callable[[], None] = lambda: None) -> None:
        """The sentence in one line with ``more`` and the button that undoes it, if it can be undone."""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(escaped(change.sentence), width="stretch")
            more()
            if undo is not None:
                st.button("Undo", key="undo", icon=":material/undo:", help=meaning, on_click=self._take_back, args=(change, undo))

    def _take_back(self, change: Any, undo: Callable[[], None]) -> None:
        """Undoes the change that is shown; a press that comes twice, as Streamlit may deliver one, undoes it once."""
        if self.last() is not change:
            return
        try:
            access.require(self.right)
            undo()
        except EncoderscopeError as error:
            self.show(type(change)(f"This can no longer be undone. {error}"))
        else:
            self.made(type(change)(change.undone))
