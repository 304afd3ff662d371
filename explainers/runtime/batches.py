"""Batches that fit: when the memory does not suffice, the batch is halved and the work goes on."""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from models.errors import OutOfMemory

Item = TypeVar("Item")
Output = TypeVar("Output")

_CPU_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "alloc_failed")


def in_batches(
    fn: Callable[[Sequence[Item]], Output], items: Sequence[Item], batch_size: int, check: Callable[[], None] = lambda: None
) -> Iterator[Output]:
    """``fn`` of consecutive batches of at most ``batch_size`` items, in order; a size that did not fit is not tried again.

    ``check`` is called before every batch and may raise. Raises OutOfMemory if not even one item fits.
    """
    start = 0
    while start < len(items):
        check()
        batch = items[start : start + batch_size]
        fits, output = _attempt(fn, batch)
        if fits:
            yield output
            start += len(batch)
        elif len(batch) == 1:
            raise OutOfMemory(
                "Not even a single image fits into the memory of this machine with this encoder. "
                "Choose a smaller input size, fewer depths or a smaller encoder."
            )
        else:
            batch_size = len(batch) // 2
            _give_back()  # here, outside of the handler, nothing refers to the failed attempt's tensors any more


def _attempt(fn: Callable[[Sequence[Item]], Output], batch: Sequence[Item]) -> tuple[bool, Output | None]:
    try:
        return True, fn(batch)
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not is_out_of_memory(error):
            raise
        return False, None


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception says that memory ran out, on an accelerator or on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _CPU_SIGNS)


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
