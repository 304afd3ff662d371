"""The process that decodes photos apart from the server (apart.py): asked over its standard input, it answers there.

python -m models.photo.decoder
"""

import contextlib
import gc
import math
import resource
import signal
import socket
from typing import Any

import numpy as np

from models.errors import UnreadableImage
from models.photo.apart import Lost, heard, receive, send
from models.photo.limits import DECODING, MAX_BYTES, MAX_DECODED_BYTES, MB, seconds_for
from models.photo.reading import read_here

MEMORY = MAX_DECODED_BYTES + MAX_BYTES + 350 * MB  # of addresses: a picture, its file, and twice what packages take at the start

TWICE = 2  # the time after which a file is read no further: the largest pictures allowed take longer after their last byte


def main() -> None:
    """Reads one file after the other until the server has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    with socket.socket(fileno=0) as server, contextlib.suppress(Lost, OSError):
        DECODING.leave_to(lambda n_bytes: _ask_for(server, n_bytes))
        gc.freeze()
        while True:
            _answer(server, heard(server))


def _answer(server: socket.socket, question: dict[str, Any]) -> None:
    file = _received(server, question["n_bytes"])
    _limit(resource.RLIMIT_CPU, math.ceil(_seconds_used() + TWICE * seconds_for(len(file))))
    try:
        read = read_here(file, question["name"], tuple(question["bands"]))
    except UnreadableImage as refusal:
        send(server, {"refused": str(refusal)})
        return
    height, width, _ = read.pixels.shape
    head = {"size": (height, width), "notes": read.notes, "n_bands": read.n_bands, "bands": read.bands}
    send(server, head, np.ascontiguousarray(read.pixels).data.cast("B"))


def _received(server: socket.socket, n_bytes: int) -> bytes:
    data = bytearray(n_bytes)
    receive(server, memoryview(data))
    return bytes(data)


def _ask_for(server: socket.socket, n_bytes: int) -> None:
    """Returns when the server has so much memory for this process."""
    send(server, {"needs": n_bytes})
    heard(server)


def _seconds_used() -> float:
    """Of the processor, by this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _limit(what: int, most: int) -> None:
    """Sets a limit of the system's, which ends the process or refuses it more; one that stands already and is lower stays."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
