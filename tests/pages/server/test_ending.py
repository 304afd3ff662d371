"""A server that is told to stop ends as any script does."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SERVER = """
import atexit, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from pages.server import ending

ending.LONGEST_END = float(sys.argv[1])
atexit.register({last})

def ready():
    print("ready", flush=True)

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        ready()

Server(uvicorn.Config(Starlette(lifespan=ending.lifespan), port=0, log_level="error")).run()
"""


def status_after(sent: signal.Signals, last: str, longest_end: float) -> tuple[int, str]:
    """The status of a server that got the signal, and what it said at its end."""
    command = [sys.executable, "-c", SERVER.replace("{last}", last), str(longest_end)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    server.send_signal(sent)
    said, _ = server.communicate(timeout=240)
    return server.returncode, said


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0_after_everything_has_been_tidied_up(sent):
    assert status_after(sent, "lambda: print('tidied up', flush=True)", 30.0) == (0, "tidied up\n")


def test_what_takes_too_long_ends_with_the_process():
    assert status_after(signal.SIGTERM, "lambda: __import__('time').sleep(50)", 0.5) == (0, "")
