"""Decoding in processes apart: a photo that is built to do harm fills, holds up or brings down one of them, never the server.

A process is begun once and reads one file after the other (decoder.py); it holds Pillow and numpy, no torch. It may take so much
memory and so much of the processor, may write no file, and is ended when its time is over; the next file finds a fresh one. What
it says is sizes, sentences and pixels, never objects, and the size is checked here: a process that a photo has got hold of can do
no more than show another picture.

    asked    a head {"name", "bands", "n_bytes"}, then the bytes of the file
    said     any number of heads {"needs": bytes}, each answered by a head {} once there is so much memory;
             at last {"refused": sentence}, or {"size", "notes", "n_bands", "bands"} and then the pixels
    head     4 bytes with the length of the JSON that follows
"""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UnreadableImage
from models.photo.limits import DECODING, MAX_PIXELS, N_DECODERS, seconds_for, takes_too_long
from models.photo.reading import reading_by
from models.photo.reads import Read

ROOT = Path(__file__).parents[2]
MAX_HEAD_BYTES = 1_000_000
MOST_NEEDS = 4  # times that one file asks for memory; readers ask once
WAITING = 5.0  # times the processor time allowed, for a machine that has other work too, and so many seconds more for the start
_TOO_LONG = -getattr(signal, "SIGXCPU", 0)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # threads reserve address space


class Lost(Exception):
    """The other side has gone, or says what it cannot say."""


class Decoder:
    """One process that decodes: a Python that is begun with the arguments ``program``."""

    def __init__(self, program: Sequence[str] = ("-m", "models.photo.decoder")) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *program],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,  # decoders complain there of files by their own means
                cwd=ROOT,
                env=os.environ | _ONE_THREAD,
                start_new_session=True,  # Ctrl-C is meant for the server, which lets it finish
            )
        self._socket = ours
        self.is_alive = True

    def read(self, data: bytes, name: str, bands: tuple[int, ...]) -> Read:
        """The picture, as `reading.read_here` gives it. Raises UnreadableImage, also if the process did not outlive it."""
        try:
            with ExitStack() as held:
                return self._answer(data, name, bands, held)
        except TimeoutError as error:
            self.end()
            raise UnreadableImage(takes_too_long(name)) from error
        except (Lost, OSError, KeyError, TypeError, ValueError) as error:
            raise UnreadableImage(takes_too_long(name) if self.end() == _TOO_LONG else brings_down(name)) from error

    def end(self) -> int:
        """Ends the process; its status, which says whether it had ended by itself."""
        self.is_alive = False
        self._socket.close()
        try:
            return self._process.wait(0.5)  # of one that is going already
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _answer(self, data: bytes, name: str, bands: tuple[int, ...], held: ExitStack) -> Read:
        seconds = WAITING * (1 + seconds_for(len(data)))
        end = time.monotonic() + seconds
        send(self._socket, {"name": name, "bands": bands, "n_bytes": len(data)}, data, end=end)
        for _ in range(MOST_NEEDS + 1):
            head = heard(self._socket, end=end)
            if "needs" not in head:
                break
            held.enter_context(DECODING.taken(max(0, int(head["needs"]))))
            end = time.monotonic() + seconds  # waiting for others is not its fault
            send(self._socket, {}, end=end)
        if "refused" in head:
            raise UnreadableImage(str(head["refused"]))
        pixels = np.empty((*_size(head), 3), np.uint8)
        receive(self._socket, pixels.data.cast("B"), end=end)
        bands = tuple(int(band) for band in head["bands"])
        return Read(pixels, tuple(map(str, head["notes"])), int(head["n_bands"]), bands)


class Decoders:
    """So many processes, of which each decodes one file at a time; who finds none free waits for one."""

    def __init__(self, n: int, begun: Callable[[], Decoder] = Decoder) -> None:
        self._free: queue.LifoQueue[Decoder | None] = queue.LifoQueue()  # None stands for one that has ended
        self._n, self._begun = n, begun
        for _ in range(n):
            self._free.put(begun())

    def read(self, data: bytes, name: str, bands: tuple[int, ...]) -> Read:
        """The picture in a file's bytes, decoded apart. Raises UnreadableImage with the reason."""
        decoder = self._free.get()
        try:
            decoder = decoder or self._begun()
            return decoder.read(data, name, bands)
        except OSError as error:
            raise UnreadableImage(f"'{name}' cannot be read now: {error.strerror or error}. Try again later.") from error
        finally:
            self._free.put(decoder if decoder and decoder.is_alive else None)

    def end(self) -> None:
        """Ends every process, those that work once they have finished."""
        for decoder in [self._free.get() for _ in range(self._n)]:
            if decoder:
                decoder.end()
            self._free.put(None)


@contextmanager
def decoding_apart(n: int = N_DECODERS) -> Generator[None]:
    """While active, all photos of this process are decoded in ``n`` processes apart; with 0, in this one."""
    if n < 1:
        yield
        return
    decoders = Decoders(n)
    try:
        with reading_by(decoders.read):
            yield
    finally:
        decoders.end()


def brings_down(name: str) -> str:
    """The sentence about a file that ended the process which read it."""
    return f"'{name}' is built so that the program which decodes it fails. Open it in a picture program, and save it anew."


# --- what is said from process to process --------------------------------------------------------------------------------


def send(to: socket.socket, head: dict[str, Any], *parts: bytes | memoryview, end: float | None = None) -> None:
    """Says something; raises TimeoutError after ``end`` (of the monotonic clock), and OSError if nobody is there."""
    text = json.dumps(head).encode()
    for part in (len(text).to_bytes(4, "big") + text, *parts):
        to.settimeout(_left(end))
        to.sendall(part)


def heard(from_: socket.socket, end: float | None = None) -> dict[str, Any]:
    """What the other side says next; raises TimeoutError after ``end``, and Lost if that is anything else."""
    length = bytearray(4)
    receive(from_, memoryview(length), end=end)
    n_bytes = int.from_bytes(length, "big")
    if n_bytes > MAX_HEAD_BYTES:
        raise Lost("a head that is too long")
    text = bytearray(n_bytes)
    receive(from_, memoryview(text), end=end)
    try:
        head = json.loads(text)
    except ValueError as error:
        raise Lost("a head that is not JSON") from error
    if not isinstance(head, dict):
        raise Lost("a head without names")
    return head


def receive(from_: socket.socket, into: memoryview, end: float | None = None) -> None:
    """Fills ``into``, bytes of any number; raises TimeoutError after ``end``, and Lost if the other side ends before."""
    while into:
        from_.settimeout(_left(end))
        n_bytes = from_.recv_into(into)
        if not n_bytes:
            raise Lost("the end")
        into = into[n_bytes:]


def _left(end: float | None) -> float | None:
    """Seconds until then; None means without a limit."""
    if end is None:
        return None
    if (left := end - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _size(head: dict[str, Any]) -> tuple[int, int]:
    """Height and width that a picture can have; raises Lost for any other."""
    match head.get("size"):
        case [int(height), int(width)] if height > 0 and width > 0 and height * width <= MAX_PIXELS:
            return height, width
    raise Lost("a size that no picture has")
