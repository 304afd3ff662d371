"""Batches that fit: when the memory does not suffice, the batch is halved and the work goes on."""

import gc
from collections.abc import Callable, Generator
from typing import Protocol, Self, TypeVar

import torch

from models.errors import OutOfMemory
from models.progress import IGNORED, Progress


class Divisible(Protocol):
    """What can be cut into batches: a list, a range, a tensor along its first axis."""

    def __len__(self) -> int: ...
    def __getitem__(self, idx: slice, /) -> Self: ...


Items = TypeVar("Items", bound=Divisible)
Output = TypeVar("Output")

_CPU_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "alloc_failed")


def in_batches(fn: Callable[[Items], Output], items: Items, batch_size: int, progress: Progress = IGNORED) -> Generator[Output]:
    """``fn`` of consecutive batches of at most ``batch_size`` items, in order; a size that did not fit is not tried again.

    Items may be a tensor (N, ...), which is cut along N. Before every batch, ``progress`` may end the work. Raises OutOfMemory
    if not even one item fits.
    """
    start = 0
    while start < len(items):
        progress.check()
        batch = items[start : start + batch_size]
        outputs = _attempt(fn, batch)
        if outputs:
            yield outputs[0]
            start += len(batch)
        elif len(batch) == 1:
            raise OutOfMemory(
                "Not even a single image fits into the memory of this machine with this encoder. "
                "Choose a smaller input size, fewer depths or a smaller encoder."
            )
        else:
            batch_size = len(batch) // 2
            gc.collect()  # here, outside of the handler, nothing refers to the failed attempt's tensors any more
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _attempt(fn: Callable[[Items], Output], batch: Items) -> tuple[Output, ...]:
    """The output alone; nothing if the batch did not fit into memory."""
    try:
        return (fn(batch),)
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        return ()


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that memory ran out, on an accelerator or on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _CPU_SIGNS)
