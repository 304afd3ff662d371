"""The life of the server: photos are decoded apart; SIGTERM and SIGINT let what runs come to its next check, and end it."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from models.photo.apart import decoding_apart
from pages.server.closed import let_go_again_and_again
from pages.server.memory import give_back_again_and_again

LONGEST_END = 9.0  # seconds; a step that takes longer ends with the process


@asynccontextmanager
async def lifespan(_: Any) -> AsyncGenerator[None]:
    """Around the life of the server: while it lives, photos are decoded in processes apart, pages that were closed let go, and
    freed memory is given back."""
    tasks = [asyncio.create_task(let_go_again_and_again()), asyncio.create_task(give_back_again_and_again())]
    with decoding_apart():
        yield
    for task in tasks:
        task.cancel()
    end_well()


def end_well() -> None:
    """Called in the main thread when the server has stopped.

    Uvicorn then sends itself the signal that stopped it, which would end the process at once, with the signal's status, in the
    middle of a step. Blocked, it has no effect: the interpreter ends as it does after any script, and waits for the worker.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    patience = threading.Timer(LONGEST_END, os._exit, (0,))
    patience.daemon = True
    patience.start()
