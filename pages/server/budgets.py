"""Uploads count towards what pages may hold (pages/common/holdings.py): one that is too much is refused before it is read.

Streamlit keeps every file that stands in a field for uploads as long as its page is open. Its own limit is one of a single file.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pages.common.holdings import HOLDINGS, MB, OF_ALL, OF_ONE, Held

_UPLOAD = re.compile(r".*/_stcore/upload_file/([^/]+)/[^/]+")

_LENGTH = re.compile(r"[0-9]{1,15}")


class UploadsWithinBudget:
    """Refuses an upload before a byte of it is read, if it and what is held, or on its way, would be too much together."""

    def __init__(self, app: ASGIApp, held: Callable[[str], Held] = HOLDINGS.held):
        self._app, self._held = app, held
        self._on_the_way: dict[int, tuple[str, int]] = {}  # session and bytes of uploads that are being received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _UPLOAD.fullmatch(scope.get("path", "")) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if match is None:
            await self._app(scope, receive, send)
            return
        session_id, length = match[1], Headers(scope=scope).get("content-length", "")
        refusal = self._refusal(session_id, length)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._on_the_way[id(scope)] = session_id, int(length)
        try:
            await self._app(scope, receive, send)
        finally:
            del self._on_the_way[id(scope)]

    def _refusal(self, session_id: str, length: str) -> Response | None:
        """What an upload of so many bytes is answered with; None if it may come."""
        if not _LENGTH.fullmatch(length):
            return PlainTextResponse("An upload says how long it is.\n", 411)
        held, on_the_way = self._held(session_id), [*self._on_the_way.values()]
        of_page = held.by_page + sum(n_bytes for whose, n_bytes in on_the_way if whose == session_id) + int(length)
        if of_page > OF_ONE:
            too_much = f"This page would hold {of_page / MB:.0f} MB of files and results; at most {OF_ONE / MB:.0f} MB are taken."
            return PlainTextResponse(f"{too_much} Remove some.\n", 413)
        if held.in_all + sum(n_bytes for _, n_bytes in on_the_way) + int(length) > OF_ALL:
            return PlainTextResponse(
                "The server holds as many files and results as it can. Try again later, or with smaller files.\n", 503
            )
        return None
