"""Names that the server answers to, and what it says to the browser."""

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from pages.server import headers
from pages.server.headers import HEADERS, OnlyOwnHosts, WithHeaders, host_of, is_own
from tests.pages.server.coroutines import outcome_of


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:8501", "localhost"),
        ("Evil.Example:80", "evil.example"),
        ("evil.example.", "evil.example"),
        ("[::1]:8501", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_the_name_is_read_without_port_and_case(host, name):
    assert host_of(Headers({"host": host})) == name


@pytest.mark.parametrize("name", ["localhost", "x.localhost", "127.0.0.1", "::1", "10.0.0.7", "server", "", "a.example.org"])
def test_own_names_are_answered(name):
    assert is_own(name, {"a.example.org"})


@pytest.mark.parametrize("name", ["evil.example", "lab.example.org.evil.example", "127.0.0.1.evil.example", "example.org"])
def test_strangers_names_are_not(name):
    assert not is_own(name, {"lab.example.org", "*.example.org"})


def test_an_operator_may_name_all_below_a_name_or_any():
    assert is_own("a.b.example.org", {"*.example.org"})
    assert is_own("evil.example", {"*"})


async def page(scope, receive, send):
    if scope["type"] == "http":
        await PlainTextResponse("page", headers={"Referrer-Policy": "no-referrer"})(scope, receive, send)
    else:
        await send({"type": "websocket.accept"})


def sent(kind: str, host: str) -> list[dict]:
    """What is sent to somebody who calls the server by that name."""
    messages: list[dict] = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        messages.append(message)

    scope = {"type": kind, "method": "GET", "path": "/", "headers": [(b"host", host.encode())]}
    outcome_of(WithHeaders(OnlyOwnHosts(page))(scope, receive, send))
    return messages


def test_a_page_under_a_strangers_name_gets_a_sentence_and_no_line():
    start, body = sent("http", "evil.example")
    assert start["status"] == 421 and headers.HOSTS_VARIABLE in body["body"].decode()
    assert sent("websocket", "evil.example") == [{"type": "websocket.close", "code": 1008}]
    assert sent("websocket", "localhost:8501") == [{"type": "websocket.accept"}]


def test_every_answer_has_the_headers_unless_it_has_its_own():
    start, _ = sent("http", "localhost")
    said = Headers(raw=start["headers"])
    assert all(said[name] == value for name, value in HEADERS.items() if name != "Referrer-Policy")
    assert said.getlist("Referrer-Policy") == ["no-referrer"]
