"""Has the worker begin with what a page asks first while the browser still fetches the page."""

from collections.abc import Callable, Mapping
from threading import Thread

from starlette.types import ASGIApp, Receive, Scope, Send

from pages.common import first_questions

BEGINNINGS: Mapping[str, Callable[[], None]] = {"/explain": first_questions.begin_explain}


class WorksAhead:
    """Begins with the first question of a page when a browser asks for its address, and passes every request on.

    Only for a browser that brings no cookie and an address without a link in it: any other may want something else.
    """

    def __init__(self, app: ASGIApp, beginnings: Mapping[str, Callable[[], None]] = BEGINNINGS):
        self._app, self._beginnings = app, beginnings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]:
            begin = self._beginnings.get(scope["path"])
            if begin is not None and not any(name == b"cookie" for name, _ in scope["headers"]):
                Thread(target=begin, name="encoderscope-ahead", daemon=True).start()
        await self._app(scope, receive, send)
