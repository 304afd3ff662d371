"""A hub that fails in the middle: slow, cut once, cut always, wrong bytes, 404, 503.

A sentence each, nothing half kept, and the next try succeeds; a file that is cut once goes on where it was. The hub is a stand-in
on loopback. Every fault is met by a fresh process, as huggingface_hub reads its settings when it is imported.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.models.catalog.standin_hub import StandInHub

ROOT = Path(__file__).parents[2]
WEIGHTS = os.urandom(25_000_000)  # huggingface_hub goes on at multiples of 10 MB
PIECE = 500_000
SLOW_SECONDS = 4.0  # that a slow hub takes for a file
FAULTS = ("slow", "cut once", "cut always", "wrong bytes", "404", "503")
HARMLESS = ("slow", "cut once")
PATIENCE = 120.0
FETCH = """
import json
from models.catalog.hub import load_weights
from models.errors import EncoderscopeError
try:
    print(json.dumps({"n_bytes": load_weights("team/tiny").stat().st_size}))
except EncoderscopeError as refusal:
    print(json.dumps({"refused": str(refusal)}))
"""


@dataclass
class Outcome:
    """What came of the faults."""

    first: dict[str, str] = field(default_factory=dict)  # what each fault was answered with, and after how many seconds
    wrong: list[str] = field(default_factory=list)


class FailingHub:
    """Files of a stand-in hub, sent with a fault."""

    def __init__(self, fault: str):
        self.fault, self.n_bytes_sent = fault, 0
        self._files = StandInHub({"team/tiny": {"model.safetensors": WEIGHTS}})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["FailingHub"]:
        Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _handler(hub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def _answer(self, with_body: bool) -> None:
                status, headers, body = hub._files.answer(self.path)
                if with_body and hub.fault in ("404", "503"):
                    status, headers, body = int(hub.fault), {}, b""
                start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
                if start and status == 200:
                    status, headers = 206, {**headers, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body) - start)}.items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body:
                    self._send(body[start:])

            def _send(self, body: bytes) -> None:
                if hub.fault == "wrong bytes" and body:
                    body = body[:-1] + bytes([body[-1] ^ 1])
                for n in range(0, len(body), PIECE):
                    if (hub.fault == "cut once" and n >= len(body) // 2) or (hub.fault == "cut always" and n):
                        hub.fault = hub.fault.replace("cut once", "")
                        self.close_connection = True
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    if hub.fault == "slow":
                        time.sleep(SLOW_SECONDS * PIECE / len(WEIGHTS))
                    self.wfile.write(body[n : n + PIECE])
                    hub.n_bytes_sent += len(body[n : n + PIECE])

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def fail() -> Outcome:
    """Meets every fault once, and then a hub without one."""
    outcome = Outcome()
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as cache, FailingHub(fault).running() as hub:
            began = time.monotonic()
            first = _fetched(Path(cache), hub.url)
            sent = f"{hub.n_bytes_sent / 1e6:.1f} MB sent, {time.monotonic() - began:.0f} s"
            outcome.first[fault] = f"{first.get('refused', 'fetched')} ({sent})"
            if ("n_bytes" if fault in HARMLESS else "refused") not in first:
                outcome.wrong.append(f"{fault}: {first}")
            if fault not in HARMLESS and (whole := [*Path(cache).rglob("*.safetensors"), *Path(cache).rglob("*.incomplete")]):
                outcome.wrong.append(f"{fault}: {whole} stayed")
            hub.fault = ""
            if _fetched(Path(cache), hub.url).get("n_bytes") != len(WEIGHTS):
                outcome.wrong.append(f"{fault}: the second try failed")
    return outcome


def _fetched(cache: Path, url: str) -> dict:
    """What a process that asks this hub gets."""
    variables = {"HF_HOME": str(cache), "HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    variables["NO_PROXY"] = "127.0.0.1"
    done = subprocess.run(
        [sys.executable, "-c", FETCH], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, timeout=PATIENCE
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"traceback": done.stderr[-1500:]}
