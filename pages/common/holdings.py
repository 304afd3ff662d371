"""What open pages hold in memory: results with the photos they are of, and files. One bound for each page, and one for all.

    view     a place in a page that shows one result (jobs.py); what a page showed in its last run cannot be let go of
    files    in fields for uploads, and on the shelf of the page's browser (shelf.py); the same bytes count once
    results  their arrays, each of which counts once however many views have it, and as long as it lives

ENCODERSCOPE_SESSION_MB       of one page that is open
ENCODERSCOPE_ALL_SESSIONS_MB  of all pages together
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import ReferenceType, WeakValueDictionary, ref

from streamlit.runtime import Runtime

from explainers.runtime.caches import arrays_of
from pages.common.shelf import MB, Shelf

OF_ONE = int(os.environ.get("ENCODERSCOPE_SESSION_MB", "1200")) * MB  # one checkpoint of 1 GB, and photos
OF_ALL = int(os.environ.get("ENCODERSCOPE_ALL_SESSIONS_MB", "4096")) * MB


@dataclass(frozen=True)
class Held:
    """Bytes that are held."""

    by_page: int
    in_all: int


@dataclass(eq=False)
class _View:
    """The arrays of a result by their ids, and when it was shown."""

    arrays: dict[int, tuple[ReferenceType, int]]  # with their bytes
    run: int  # of its page, in which it was last shown
    let_go: Callable[[], object]


class Holdings:
    """What all pages hold; safe to use from several threads."""

    def __init__(self, files: Callable[[], Mapping[str, Iterable[bytes]]], of_one: int = OF_ONE, of_all: int = OF_ALL):
        """``files`` gives the contents of files by page, ``of_one`` and ``of_all`` are bounds in bytes."""
        self._files, self._of_one, self._of_all = files, of_one, of_all
        self._views: OrderedDict[tuple[str, str], _View] = OrderedDict()  # the one that was shown longest ago first
        self._runs: dict[str, int] = {}  # of every page, the last
        self._leaving: dict[int, tuple[ReferenceType, int]] = {}  # arrays of pages that were closed
        self._lock = threading.Lock()

    def held(self, page: str) -> Held:
        """What one page holds, and all of them, without what would make room."""
        with self._lock:
            return self._held(page, lambda key, view: view.run >= self._runs[key[0]])

    def show(self, page: str, view: str, run: int) -> None:
        """The page shows that view in this run."""
        with self._lock:
            self._runs[page] = run
            if (page, view) in self._views:
                self._views.move_to_end((page, view))
                self._views[page, view].run = run

    def hold(self, page: str, view: str, value: Any, let_go: Callable[[], object]) -> str:
        """Counts what a view has got. Where that is too much, views go that no page shows any more, the oldest first; where
        that is not enough, nothing is counted, and the sentence returned says so. ``let_go`` is called when this view must go."""
        with self._lock:
            run = self._runs.setdefault(page, 0)
            self._views[page, view] = _View({id(array): (ref(array), array.nbytes) for array in arrays_of(value)}, run, let_go)
            refusal = self._refusal(page)
            if refusal:
                del self._views[page, view]
            return refusal

    def forget(self, page: str, view: str) -> None:
        """The page itself lets go of what a view has got."""
        with self._lock:
            self._views.pop((page, view), None)

    def close(self, page: str) -> None:
        """The page was closed; what it held counts until Streamlit frees it."""
        with self._lock:
            for key in [key for key in self._views if key[0] == page]:
                self._leaving.update(self._views.pop(key).arrays)
            self._runs.pop(page, None)

    def _refusal(self, page: str) -> str:
        """Makes room; why that was in vain, or nothing."""
        while (held := self._held(page)).by_page > self._of_one:
            if not self._drop_oldest(lambda key: key[0] == page):
                return (
                    f"This page would hold {held.by_page / MB:.0f} MB of results and files; at most {self._of_one / MB:.0f} MB "
                    "are kept for one page. Choose fewer photos or a smaller input size, or remove files."
                )
        while held.in_all > self._of_all:
            if not self._drop_oldest(lambda key: True):
                return (
                    f"All open pages together would hold {held.in_all / MB:.0f} MB of results and files; at most "
                    f"{self._of_all / MB:.0f} MB are kept. Close pages that you no longer need, or try again later."
                )
            held = self._held(page)
        return ""

    def _drop_oldest(self, may_go: Callable[[tuple[str, str]], bool]) -> bool:
        """Lets go of the view that was shown longest ago, among those that may go and that their page no longer shows."""
        for key, view in self._views.items():
            if may_go(key) and view.arrays and view.run < self._runs[key[0]]:
                view.let_go()
                del self._views[key]
                return True
        return False

    def _held(self, page: str, counts: Callable[[tuple[str, str], _View], bool] = lambda key, view: True) -> Held:
        of_page: dict[int, int] = {}
        of_all: dict[int, int] = {}
        for key, view in self._views.items():
            if not counts(key, view):
                continue
            alive = _alive(view.arrays)
            of_all |= alive
            if key[0] == page:
                of_page |= alive
        self._leaving = {array_id: entry for array_id, entry in self._leaving.items() if entry[0]() is not None}
        of_all |= _alive(self._leaving)
        for owner, contents in self._files().items():
            files = {id(data): len(data) for data in contents}
            of_all |= files
            if owner == page:
                of_page |= files
        return Held(sum(of_page.values()), sum(of_all.values()))


def _alive(arrays: Mapping[int, tuple[ReferenceType, int]]) -> dict[int, int]:
    return {array_id: n_bytes for array_id, (array, n_bytes) in arrays.items() if array() is not None}


@dataclass(eq=False)
class _Files:
    """Shelves by the pages that use them."""

    shelves: WeakValueDictionary[str, Shelf] = field(default_factory=WeakValueDictionary)

    def by_page(self) -> dict[str, list[bytes]]:
        """The contents of files in fields for uploads and on shelves."""
        files = {page: [item.data for item in shelf.all_items()] for page, shelf in [*self.shelves.items()]}
        manager = Runtime.instance().uploaded_file_mgr if Runtime.exists() else None
        for page, of_page in [*getattr(manager, "file_storage", {}).items()]:
            files.setdefault(page, []).extend(file.data for file in [*of_page.values()])
        return files


_files = _Files()
HOLDINGS = Holdings(_files.by_page)  # of this process


def brings(page: str, shelf: Shelf) -> None:
    """What lies on that shelf is held for the page."""
    _files.shelves[page] = shelf
