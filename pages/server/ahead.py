"""Has the worker begin with what a page asks first while the browser still fetches the page."""

from collections.abc import Callable, Mapping
from threading import Lock, Thread

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pages.common import first_questions
from pages.common.access import strangers_wait_outside

BEGINNINGS: Mapping[str, Callable[[], None]] = {"/explain": first_questions.begin_explain}


class WorksAhead:
    """Begins with the first question of a page when a browser asks for its address, and passes every request on.

    Only for a browser that brings no cookie and an address without a link in it: any other may want something else. Where
    strangers see no page, nothing begins for them. One beginning at a time, however many ask.
    """

    def __init__(self, app: ASGIApp, beginnings: Mapping[str, Callable[[], None]] = BEGINNINGS):
        self._app, self._beginnings = app, beginnings
        self._free = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin = self._beginnings.get(scope.get("path", ""))
        if begin is not None and _is_first_visit(scope) and not strangers_wait_outside() and self._free.acquire(blocking=False):
            Thread(target=self._work, args=(begin,), name="encoderscope-ahead", daemon=True).start()
        await self._app(scope, receive, send)

    def _work(self, begin: Callable[[], None]) -> None:
        try:
            begin()
        finally:
            self._free.release()


def _is_first_visit(scope: Scope) -> bool:
    """Whether a browser without a cookie asks for a page as it opens by itself."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return False
    return "cookie" not in Headers(scope=scope)
