"""What every answer of the server says to the browser, and which names the server answers to.

A browser resolves any name to any address, this machine's as well. A page of a stranger could therefore talk to a dashboard on
localhost under the stranger's own name (DNS rebinding), if the dashboard did not look at the name it is called by.
"""

import ipaddress
import os
import socket
from collections.abc import Collection
from functools import cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS_VARIABLE = "ENCODERSCOPE_HOSTS"

CONTENT_SECURITY = {  # Streamlit writes styles and scripts into the page, and charts compile theirs
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob: data:",
    "style-src": "'self' 'unsafe-inline' blob: data:",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' ws: wss: data: blob:",
    "worker-src": "'self' blob:",
    "frame-src": "'self' data: blob:",
    "frame-ancestors": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{kind} {sources}" for kind, sources in CONTENT_SECURITY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",  # links name photos and concepts
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class WithHeaders:
    """Adds the headers to every answer over HTTP, unless it has one of its own."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class OnlyOwnHosts:
    """Answers only if it is called by an address, by a name of this machine, or by one of ENCODERSCOPE_HOSTS."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_own(name := host_of(Headers(scope=scope)), named_hosts()):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            said = f"This server does not answer to the name {name!r}. Whoever runs it can add the name to {HOSTS_VARIABLE}.\n"
            await PlainTextResponse(said, 421)(scope, receive, send)


def host_of(headers: Headers) -> str:
    """The name that a request calls the server by, in lower case and without the port; "" if it names none."""
    host = headers.get("host", "").strip().lower()
    without_port = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return without_port.rstrip(".")


def is_own(name: str, named: Collection[str]) -> bool:
    """Whether the server answers to a name: addresses, names without a dot (nobody can register those), and those ``named``, of
    which "*" means any and "*.example.org" all below it."""
    if "*" in named or name in named or "." not in name or name.endswith(".localhost") or _is_address(name):
        return True
    return any(wanted.startswith("*.") and name.endswith(wanted[1:]) for wanted in named)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@cache
def named_hosts() -> frozenset[str]:
    """This machine's own names, and those that the operator has named."""
    named = os.environ.get(HOSTS_VARIABLE, "").lower().split(",")
    return frozenset(name.strip() for name in (*named, socket.gethostname().lower(), socket.getfqdn().lower()) if name.strip())
