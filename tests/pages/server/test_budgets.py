"""Uploads are refused before they are read, where they would be too much for their page or for the server."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from pages.server import budgets
from pages.server.budgets import Held, UploadsWithinBudget
from tests.pages.server.coroutines import outcome_of


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(budgets, "OF_ONE", 100)
    monkeypatch.setattr(budgets, "OF_ALL", 250)


async def status_of(app, session: str, length: str | None, method: str = "PUT") -> int:
    """With which status an upload of one page is answered."""
    messages = []

    async def send(message):
        messages.append(message)

    headers = [] if length is None else [(b"content-length", length.encode())]
    path = f"/_stcore/upload_file/{session}/file"
    await app({"type": "http", "method": method, "path": path, "headers": headers}, None, send)
    return messages[0]["status"]


@pytest.mark.parametrize(
    ("held", "length", "status"),
    [
        (Held(0, 0), "100", 200),
        (Held(0, 0), "101", 413),
        (Held(60, 60), "40", 200),
        (Held(60, 60), "41", 413),
        (Held(0, 200), "51", 503),
        (Held(0, 0), None, 411),
        (Held(0, 0), "-1", 411),
        (Held(0, 0), "1e9", 411),
    ],
)
def test_an_upload_is_taken_while_it_fits(held, length, status):
    app = UploadsWithinBudget(PlainTextResponse("taken"), lambda _: held)
    assert outcome_of(status_of(app, "a", length)) == status


def test_what_is_on_its_way_counts():
    async def both():
        may_end = asyncio.Event()

        async def slow(scope, receive, send):
            await may_end.wait()
            await PlainTextResponse("taken")(scope, receive, send)

        app = UploadsWithinBudget(slow, lambda _: Held(0, 0))
        first = asyncio.create_task(status_of(app, "a", "60"))
        await asyncio.sleep(0)
        of_same_page = await status_of(app, "a", "41")
        may_end.set()
        return of_same_page, await status_of(app, "b", "41"), await first, await status_of(app, "a", "41")

    assert outcome_of(both()) == (413, 200, 200, 200)


def test_other_requests_pass():
    app = UploadsWithinBudget(PlainTextResponse("taken"), lambda _: Held(500, 500))
    assert outcome_of(status_of(app, "a", None, "DELETE")) == 200
