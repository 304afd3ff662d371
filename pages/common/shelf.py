"""What a person has brought along and chosen, kept on the server: it follows from page to page and survives a reload.

A shelf belongs to one browser, which knows it by a token: 32 random bytes in a cookie, never part of a link. Without the token
there is no way to a shelf. A shelf goes some minutes after the last page that used it was closed; what all of them hold is
bounded in bytes. No Streamlit here.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MB = 2**20
MAX_BYTES, MAX_BYTES_TOGETHER = 512 * MB, 2048 * MB  # of one shelf, of all of them
MAX_SHELVES = 10_000
KEPT_SECONDS = 600  # after its last page was closed; a reload takes a few


@dataclass
class Item:
    """A file on a shelf."""

    id: str  # random: it says nothing of the file, and may stand in a link
    name: str
    sha256: str
    data: bytes = field(repr=False)
    bands: tuple[int, ...] = ()  # that are chosen to be seen, where the file has more than three


@dataclass(eq=False)
class Shelf:
    """Files in the order they came, and a few choices by key."""

    items: dict[str, Item] = field(default_factory=dict)
    class_items: dict[str, Item] = field(default_factory=dict)  # images of a class, and archives of them
    choices: dict[str, Any] = field(default_factory=dict)
    address: tuple[str, dict[str, str]] = ("", {})  # of the page that was seen last: its name, and its query
    n_open: int = 0  # pages that use it now
    left_at: float = 0.0

    @property
    def n_bytes(self) -> int:
        return sum(len(item.data) for item in self.all_items())

    def all_items(self) -> tuple[Item, ...]:
        """Every file, of whatever kind."""
        return (*self.items.values(), *self.class_items.values())

    def put(self, name: str, sha256: str, data: bytes, *, of_class: bool = False, max_bytes: int = MAX_BYTES) -> Item:
        """The file on the shelf, where it may have been before; the oldest files, first of its own kind, make room for it."""
        own, others = (self.class_items, self.items) if of_class else (self.items, self.class_items)
        item = next((item for item in own.values() if item.sha256 == sha256), None)
        if item is None:
            item = Item(f"own-{secrets.token_urlsafe(6)}", name, sha256, data)
            own[item.id] = item
            while self.n_bytes > max_bytes and (len(own) > 1 or others):
                crowded = own if len(own) > 1 else others
                del crowded[next(iter(crowded))]
        return item

    def clear(self) -> None:
        """Lets go of every file."""
        self.items.clear()
        self.class_items.clear()


class Shelves:
    """All shelves by token; safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES_TOGETHER, now: Callable[[], float] = time.monotonic):
        self._max_bytes, self._now = max_bytes, now
        self._by_token: dict[str, Shelf] = {}  # the one that was opened longest ago first
        self._lock = threading.Lock()

    def open(self, token: str | None) -> tuple[str, Shelf]:
        """The shelf that goes by this token, or a new one under a new token; it stays until `close`."""
        self.sweep()
        with self._lock:
            shelf = self._by_token.pop(token, None) if token else None
            if token is None or shelf is None:
                token, shelf = secrets.token_urlsafe(32), Shelf()
            shelf.n_open += 1
            self._by_token[token] = shelf
            return token, shelf

    def close(self, token: str) -> None:
        """One page that used the shelf is gone."""
        with self._lock:
            shelf = self._by_token.get(token)
            if shelf is not None:
                shelf.n_open, shelf.left_at = max(0, shelf.n_open - 1), self._now()

    def sweep(self) -> None:
        """Frees what was left long ago; and while all hold too much, what nobody has open, then what was opened longest ago."""
        with self._lock:
            for token, shelf in [*self._by_token.items()]:
                if shelf.n_open == 0 and self._now() - shelf.left_at > KEPT_SECONDS:
                    del self._by_token[token]
            by_worth = sorted(self._by_token, key=lambda token: self._by_token[token].n_open > 0)
            while by_worth and (len(self._by_token) > MAX_SHELVES or self._n_bytes() > self._max_bytes):
                self._by_token.pop(by_worth.pop(0)).clear()

    def _n_bytes(self) -> int:
        return sum(shelf.n_bytes for shelf in self._by_token.values())
