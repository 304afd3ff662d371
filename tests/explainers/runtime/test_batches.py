"""Out of memory halves the batch and goes on: the fakes below have room for a known number of items."""

import pytest
import torch

from explainers.runtime.batches import in_batches, is_out_of_memory
from models.errors import Cancelled, OutOfMemory
from models.progress import Progress


class Machine:
    """Doubles its items, as long as no more than ``room`` come at once."""

    def __init__(self, room, error):
        self.room, self.error, self.tried = room, error, []

    def __call__(self, items):
        self.tried.append(len(items))
        if len(items) > self.room:
            raise self.error
        return [2 * item for item in items]


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError("Unable to allocate 512. TiB"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_batch_is_halved_until_it_fits_and_stays_so(error):
    machine = Machine(room=3, error=error)
    outputs = list(in_batches(machine, list(range(10)), batch_size=8))
    assert machine.tried == [8, 4, 2, 2, 2, 2, 2]
    assert [value for output in outputs for value in output] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]


def test_nothing_is_halved_where_everything_fits():
    machine = Machine(room=100, error=ERRORS[0])
    assert list(in_batches(machine, [1, 2, 3, 4, 5], batch_size=2)) == [[2, 4], [6, 8], [10]]


def test_one_item_that_does_not_fit_is_an_error():
    machine = Machine(room=0, error=ERRORS[0])
    with pytest.raises(OutOfMemory, match="smaller"):
        list(in_batches(machine, [1, 2, 3, 4], batch_size=4))
    assert machine.tried == [4, 2, 1]


def test_a_tensor_is_cut_along_its_first_axis():
    parts = list(in_batches(lambda images: images.sum((1, 2)), torch.ones(5, 2, 3), batch_size=2))
    torch.testing.assert_close(torch.cat(parts), torch.full((5,), 6.0))


def test_another_error_is_not_mistaken_for_lack_of_memory():
    machine = Machine(room=0, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        list(in_batches(machine, [1, 2], batch_size=2))
    assert machine.tried == [2]
    assert not is_out_of_memory(machine.error)


def test_the_check_comes_before_every_batch():
    machine, calls = Machine(room=9, error=ERRORS[0]), []

    def check():
        calls.append(len(machine.tried))
        if len(calls) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(in_batches(machine, [1, 2, 3, 4], batch_size=1, progress=Progress(check=check)))
    assert calls == [0, 1, 2]


def test_a_real_allocation_that_cannot_succeed_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**13)
    assert is_out_of_memory(caught.value)
