"""A short run of the fuzzing (tests/drill/fuzz.py), always of the same files; `make fuzz` reads others for ten minutes."""

import pytest

from tests.drill import fuzz


@pytest.mark.parametrize("kind", fuzz.readers())
def test_what_is_read_is_right_or_refused_in_a_sentence(kind, capfd):
    tally = fuzz.fuzz(kind, n_files=25)
    assert tally.n_files > 0 and not tally.wrong
    capfd.readouterr()  # decoders complain by their own means


def test_a_reader_that_fails_is_noticed(monkeypatch):
    def fails(data: bytes) -> None:
        if len(data) > 5:
            raise RecursionError("too deep")

    monkeypatch.setattr(fuzz, "readers", lambda: {"bad": fuzz.Reader(fails, [b"a sound file"])})
    assert "RecursionError" in fuzz.fuzz("bad", n_files=25).wrong
