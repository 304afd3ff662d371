"""Work that is begun before its turn."""

import threading

import pytest

from explainers.runtime.ahead import ahead, one_thread


def test_that_many_have_begun_when_the_first_is_handed_on_and_the_order_stays():
    begun = []

    def beginning():
        for n in range(5):
            begun.append(n)
            yield n

    handed_on = [(n, len(begun)) for n in ahead(beginning(), 2)]
    assert handed_on == [(0, 3), (1, 4), (2, 5), (3, 5), (4, 5)]


def test_fewer_than_are_begun_ahead_all_come():
    assert list(ahead([1], 3)) == [1]
    assert not list(ahead([], 3))


def test_an_error_does_not_wait_for_what_was_begun_and_drops_what_was_not():
    begun, released, carried_out = threading.Event(), threading.Event(), []

    def waiting():
        begun.set()
        assert released.wait(60.0)  # whoever waits for this has waited in vain

    with pytest.raises(KeyboardInterrupt), one_thread("test") as thread:
        first = thread.submit(waiting)
        second = thread.submit(carried_out.append, "dropped")
        assert begun.wait(60.0)
        raise KeyboardInterrupt
    assert first.running() and second.cancelled()
    released.set()
    assert first.result(60.0) is None and not carried_out
