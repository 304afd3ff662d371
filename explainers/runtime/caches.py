"""What is worth keeping, within a bound in bytes: the least recently used goes first.

Keys say what a value was computed from (fingerprints, hashes, settings), so an entry can be old but never wrong.
"""

import dataclasses
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch

V = TypeVar("V")


@dataclasses.dataclass(frozen=True)
class CacheStatus:
    """What a cache holds, and how often it helped."""

    n_items: int
    n_bytes: int
    max_bytes: int
    hits: int
    misses: int
    evictions: int


class LruCache(Generic[V]):
    """Keeps values while they fit into ``max_bytes`` together; safe to use from several threads.

    A value larger than the whole bound is not kept, unless ``always_newest``: then the newest one stays whatever its size.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[V], int], *, always_newest: bool = False):
        self._max_bytes, self._size_of, self._n_always = max_bytes, size_of, int(always_newest)
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()  # least recently used first
        self._lock = threading.Lock()
        self._n_bytes = self._hits = self._misses = self._evictions = 0

    def get(self, key: Hashable) -> V | None:
        """The value, which counts as used now, or None."""
        with self._lock:
            if key not in self._values:
                self._misses += 1
                return None
            self._hits += 1
            self._values.move_to_end(key)
            return self._values[key][0]

    def peek(self, key: Hashable) -> V | None:
        """The value or None, without a trace: neither used now, nor a hit or a miss."""
        with self._lock:
            return self._values.get(key, (None, 0))[0]

    def put(self, key: Hashable, value: V) -> None:
        """Keeps the value, and drops the least recently used ones until all fit."""
        size = self._size_of(value)
        with self._lock:
            self._drop(key)
            self._values[key] = (value, size)
            self._n_bytes += size
            while self._n_bytes > self._max_bytes and len(self._values) > self._n_always:
                self._drop(next(iter(self._values)))
                self._evictions += 1

    def discard(self, unwanted: Callable[[Any], bool]) -> None:
        """Drops every entry with an unwanted key."""
        with self._lock:
            for key in [key for key in self._values if unwanted(key)]:
                self._drop(key)

    def items(self) -> tuple[tuple[Any, V], ...]:
        """Keys and values, least recently used first; looking does not count as using."""
        with self._lock:
            return tuple((key, value) for key, (value, _) in self._values.items())

    def n_bytes_by(self, group_of: Callable[[Any], Hashable]) -> dict[Hashable, int]:
        """Bytes kept per group of keys."""
        with self._lock:
            kept = [(group_of(key), size) for key, (_, size) in self._values.items()]
        totals: dict[Hashable, int] = {}
        for group, size in kept:
            totals[group] = totals.get(group, 0) + size
        return totals

    def status(self) -> CacheStatus:
        """What the cache holds at this moment, and how often it has helped."""
        with self._lock:
            return CacheStatus(len(self._values), self._n_bytes, self._max_bytes, self._hits, self._misses, self._evictions)

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self._n_bytes -= self._values.pop(key)[1]


def n_bytes(value: Any) -> int:
    """Bytes of the arrays and tensors in a result, each counted once; what is not an array counts as the small thing it is."""
    arrays, small = _parts_of(value)
    return sum({id(array): array.nbytes for array in arrays}.values()) + sum(map(sys.getsizeof, small))


def arrays_of(value: Any) -> list[np.ndarray | torch.Tensor]:
    """The arrays and tensors in plain data, of any shape; in the place of an array that is a view of another, the other."""
    return [_whole(array) for array in _parts_of(value)[0]]


def _whole(array: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _parts_of(value: Any) -> tuple[list[np.ndarray | torch.Tensor], list[Any]]:
    """The arrays and tensors in plain data, and what else it ends in."""
    arrays, others, left = [], [], [value]
    while left:
        part = left.pop()
        if isinstance(part, np.ndarray | torch.Tensor):
            arrays.append(part)
        elif dataclasses.is_dataclass(part):
            left += [getattr(part, field.name) for field in dataclasses.fields(part)]
        elif isinstance(part, Mapping):
            left += part.values()
        elif isinstance(part, (tuple, list)):
            left += part
        else:
            others.append(part)
    return arrays, others
