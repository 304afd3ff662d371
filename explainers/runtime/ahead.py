"""Work that is begun before its turn."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def ahead(begun: Iterable[T], n_ahead: int) -> Iterator[T]:
    """What has begun, in order, each handed on when ``n_ahead`` that follow it have begun, too."""
    waiting: deque[T] = deque()
    for following in begun:
        waiting.append(following)
        if len(waiting) > n_ahead:
            yield waiting.popleft()
    yield from waiting


@contextmanager
def one_thread(name: str) -> Generator[ThreadPoolExecutor]:
    """A thread of its own for what is done meanwhile; where an error (or Ctrl-C) ends it, nobody waits for what it has begun."""
    executor = ThreadPoolExecutor(1, name)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()
