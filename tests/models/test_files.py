"""Files appear whole or not at all, and are kept for a day."""

import os
import time
from pathlib import Path

import pytest

from models.files import HOME_VARIABLE, KEPT_SECONDS, age_seconds, home, is_past_keeping, left_behind, written_atomically


def test_a_file_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "a.bin"
    with written_atomically(path) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b"whole")
    assert path.read_bytes() == b"halfwhole" and [*tmp_path.iterdir()] == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="stop"), written_atomically(path) as file:
        file.write(b"half")
        raise ValueError("stop")
    assert path.read_bytes() == b"before" and [*tmp_path.iterdir()] == [path]


def test_home_is_the_operators_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv(HOME_VARIABLE)
    assert home() == Path.home() / ".encoderscope"


@pytest.mark.parametrize(("seconds", "past"), [(60, False), (KEPT_SECONDS - 60, False), (KEPT_SECONDS + 60, True)])
def test_what_was_let_go_of_is_kept_for_a_day(tmp_path, seconds, past):
    path = tmp_path / "deleted"
    path.touch()
    os.utime(path, times=(time.time() - seconds,) * 2)
    assert age_seconds(path) == pytest.approx(seconds, abs=5) and is_past_keeping(path) is past


def test_a_file_that_is_not_there_has_no_age(tmp_path):
    assert age_seconds(tmp_path / "none") == 0.0 and not is_past_keeping(tmp_path / "none")


def test_what_a_writer_that_died_was_writing_into_is_left_behind_a_day_later(tmp_path):
    (tmp_path / "sets").mkdir()
    fresh, old = tmp_path / "sets" / ".aa.tmp", tmp_path / ".bb.tmp"
    for path, seconds in ((fresh, 60), (old, KEPT_SECONDS + 60), (whole := tmp_path / "whole.json", KEPT_SECONDS + 60)):
        path.touch()
        os.utime(path, times=(time.time() - seconds,) * 2)
    assert left_behind(tmp_path) == [old] and whole.exists()
