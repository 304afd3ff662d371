"""A dashboard for drills: on a free port, offline, in a home of its own."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
START = 240.0  # seconds
ENDED_WITH_STATUS_0 = 15.0  # seconds that an end may take
_TROUBLE = re.compile(r"^Traceback|^\w*Error:| ERROR ", re.M)


@dataclass
class Dashboard:
    """A running server."""

    url: str
    log: Path
    process: subprocess.Popen

    def trouble(self) -> list[str]:
        """What its log has of errors."""
        return _TROUBLE.findall(self.log.read_text())

    def resident_mb(self) -> float:
        """Memory of the server and of the processes that decode for it, in MB."""
        server = psutil.Process(self.process.pid)
        return sum(process.memory_info().rss for process in (server, *server.children(recursive=True))) / 1e6

    def figures(self) -> dict[str, float]:
        """What it says of itself."""
        lines = urllib.request.urlopen(f"{self.url}/metrics").read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


@contextmanager
def dashboard(folder: Path, **variables: str) -> Iterator[Dashboard]:
    """Started as `make app` does; ``variables`` of the environment besides."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"ENCODERSCOPE_HOME": str(folder / "home"), "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    log = folder / "server.log"
    with log.open("w") as file:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment | variables, stdout=file, stderr=file)
    try:
        _wait(f"http://localhost:{port}/readyz", process)
        yield Dashboard(f"http://localhost:{port}", log, process)
    finally:
        process.terminate()
        try:
            process.wait(ENDED_WITH_STATUS_0)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(address: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
    raise RuntimeError("the server did not start")
