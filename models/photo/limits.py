"""What decoding may cost: pixels, memory and time of one file, and memory of all files that are decoded at once.

Costs are known from headers, so a file is refused before it is decoded. The clock of `TimedBytes` stands behind that: it ends
what reads on and on. Sizes are of the memory needed beside the bytes of the file.
"""

import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import BytesIO

from models.errors import UnreadableImage

MB = 1_000_000
MAX_BYTES = 200 * MB  # of a file
MAX_PIXELS = 89_000_000  # just under the size at which Pillow itself warns of a decompression bomb
MAX_DECODED_BYTES = 450 * MB
MAX_BLOCK_VISITS = 20_000_000  # by the scans of a JPEG file: passes over its blocks of 8 x 8 pixels
MAX_SECONDS = float(os.environ.get("ENCODERSCOPE_DECODING_SECONDS", "3"))  # of the processor, and more for many bytes:
_BYTES_PER_SECOND = 20 * MB  # a noisy PNG takes half of it


class TimedBytes(BytesIO):
    """A file's bytes, which refuse to be read on once the thread has worked on them for too long; large files have longer."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._photo_name = name
        self.end = time.thread_time() + seconds_for(len(data))

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; raises UnreadableImage once the time is over."""
        if time.thread_time() > self.end:
            raise UnreadableImage(takes_too_long(self._photo_name))
        return super().read(size)


def seconds_for(n_bytes: int) -> float:
    """Seconds of the processor that a file of so many bytes may take."""
    return MAX_SECONDS + n_bytes / _BYTES_PER_SECOND


class Budget:
    """Bytes of memory that all threads share: who finds too little left waits until others give theirs back."""

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes, self._taken = n_bytes, 0
        self._given_back = threading.Condition()
        self._turn = threading.Lock()  # held while one waits, so that who needs much is not passed by those who need little
        self._ask_for: Callable[[int], None] | None = None

    def leave_to(self, ask_for: Callable[[int], None]) -> None:
        """From now on another process has the bytes, and takes them back by itself; ``ask_for`` returns when it gives so many."""
        self._ask_for = ask_for

    @contextmanager
    def taken(self, n_bytes: int) -> Generator[None]:
        """Holds so many bytes; more than there are in all are had alone."""
        if self._ask_for is not None:
            self._ask_for(n_bytes)
            yield
            return
        with self._turn, self._given_back:
            self._given_back.wait_for(lambda: not self._taken or self._taken + n_bytes <= self._n_bytes)
            self._taken += n_bytes
        try:
            yield
        finally:
            with self._given_back:
                self._taken -= n_bytes
                self._given_back.notify_all()


# Processes in which a server has photos decoded, where the system can bound them; 0: it decodes them itself.
N_DECODERS = int(os.environ.get("ENCODERSCOPE_DECODERS", "2")) if os.name == "posix" else 0
DECODING = Budget(int(float(os.environ.get("ENCODERSCOPE_DECODING_MB", "512")) * MB))


def require_few_pixels(name: str, width: int, height: int) -> None:
    """Raises UnreadableImage if there are more pixels than in any photo."""
    if width * height > MAX_PIXELS:
        raise UnreadableImage(too_many_pixels(name, f"{width} x {height} pixels"))


def require_little_memory(name: str, width: int, height: int, n_bytes: int) -> None:
    """Raises UnreadableImage if decoding takes too many bytes."""
    if n_bytes > MAX_DECODED_BYTES:
        raise UnreadableImage(
            f"'{name}' ({width} x {height} pixels) would take {n_bytes / MB:.0f} MB to decode; "
            f"at most {MAX_DECODED_BYTES / MB:.0f} MB are allowed. Save it smaller."
        )


def require_few_visits(name: str, n_scans: int, n_pixels: int) -> None:
    """Raises UnreadableImage if so many scans over so many pixels take too long."""
    if n_scans * n_pixels / 64 > MAX_BLOCK_VISITS:
        raise UnreadableImage(takes_too_long(name))


def too_many_bytes(name: str) -> str:
    """The sentence about a file of more than MAX_BYTES."""
    return f"'{name}' is larger than {MAX_BYTES // MB} MB. Save it smaller, or choose another file."


def too_many_pixels(name: str, size: str) -> str:
    """The sentence about a picture of more than MAX_PIXELS."""
    return f"'{name}' has {size}; at most {MAX_PIXELS // MB} megapixels are taken. Save it smaller."


def takes_too_long(name: str) -> str:
    """The sentence about a file whose decoding does not end in time."""
    return f"'{name}' is built so that decoding it takes too long. Open it in a picture program, and save it anew."
