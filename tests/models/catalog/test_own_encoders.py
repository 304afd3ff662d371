"""The folder of encoders that people brought: names, staging, and that nothing is lost at once."""

import os
import time

import pytest

from models.catalog.own_encoders import OwnEncoders, require_name, slugged
from models.errors import BadCheckpoint


@pytest.fixture
def own(tmp_path) -> OwnEncoders:
    return OwnEncoders(tmp_path / "home" / "encoders")


def join(own: OwnEncoders, name: str, content: str = "{}", replace: bool = False):
    with own.staged() as folder:
        with own.written(folder / "config.json") as file:
            file.write(content.encode())
        return own.join(folder, name, replace=replace)


def content(own: OwnEncoders, name: str) -> str:
    return (own.folder / name / "config.json").read_text()


@pytest.mark.parametrize("name", ["a", "my-resnet18", "Street_CNN.v2", "1" * 60, "  spaced  "])
def test_names_that_work_everywhere_are_taken(name):
    assert require_name(name) == name.strip()


@pytest.mark.parametrize(("name", "slug"), [("a b", "a-b"), (" Street  CNN v2 ", "Street-CNN-v2"), ("x", "x")])
def test_blanks_in_a_name_become_dashes(name, slug):
    assert require_name(name) == slugged(name) == slug


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a\\b", "/etc", ".hidden", "a..b", "dot.", "a\0", "a\nb", "é", "-x", "1" * 61]
)
def test_names_with_tricks_are_refused(name, own):
    with pytest.raises(BadCheckpoint, match="cannot be an encoder's name"):
        join(own, name)
    assert own.names() == ()


def test_a_staged_folder_joins_whole_and_leaves_no_staging(own):
    assert own.names() == ()
    assert join(own, "mine") is None
    assert own.names() == ("mine",) and content(own, "mine") == "{}"
    assert not list((own.folder / ".staging").iterdir())


def test_what_fails_before_it_joins_leaves_nothing(own):
    with pytest.raises(KeyError), own.staged() as folder:
        (folder / "config.json").write_text("half")
        raise KeyError
    assert own.names() == () and not list((own.folder / ".staging").iterdir())


@pytest.mark.parametrize("name", ["mine", "MINE"])
def test_a_taken_name_is_refused_unless_it_shall_be_replaced(own, name):
    join(own, "mine", "old")
    with pytest.raises(BadCheckpoint, match="There is an encoder 'mine' already"):
        join(own, name, "new")
    assert content(own, "mine") == "old"
    removed = join(own, name, "new", replace=True)
    assert own.names() == (name,) and content(own, name) == "new"
    own.remove(name)
    own.restore(removed)
    assert content(own, "mine") == "old"


def test_a_name_that_somebody_else_took_meanwhile_is_refused(own, monkeypatch):
    join(own, "mine", "theirs")
    monkeypatch.setattr(own, "_called", lambda name: None)  # as it was a moment ago
    with pytest.raises(BadCheckpoint, match="already"):
        join(own, "mine", "ours")
    assert content(own, "mine") == "theirs"


def test_what_was_removed_comes_back(own):
    join(own, "mine", "precious")
    removed = own.remove("mine")
    assert own.names() == ()
    own.restore(removed)
    assert content(own, "mine") == "precious"
    with pytest.raises(BadCheckpoint, match="gone"):
        own.restore(removed)


def test_nothing_comes_back_over_another_one(own):
    join(own, "mine", "old")
    removed = own.remove("mine")
    join(own, "mine", "new")
    with pytest.raises(BadCheckpoint, match="by now"):
        own.restore(removed)
    assert content(own, "mine") == "new"


@pytest.mark.parametrize("name", ["never", "../home", ".staging", ""])
def test_only_what_is_there_can_be_removed(own, name):
    join(own, "mine")
    with pytest.raises(BadCheckpoint, match="no own encoder"):
        own.remove(name)
    assert own.names() == ("mine",)


def test_a_day_later_what_was_removed_or_left_half_written_is_cleared_away(own):
    join(own, "mine")
    removed = own.remove("mine")
    half = own.folder / ".staging" / "crashed"
    half.mkdir(parents=True)
    join(own, "second")
    assert half.exists() and (own.folder / ".deleted" / removed.token).exists()
    for path in (half, own.folder / ".deleted" / removed.token):
        os.utime(path, (time.time() - 90_000,) * 2)
    join(own, "third")
    assert not half.exists() and not (own.folder / ".deleted" / removed.token).exists()
    assert own.names() == ("second", "third")


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadCheckpoint, match=r"cannot be written.*ENCODERSCOPE_HOME"):
        join(OwnEncoders(tmp_path / "file" / "encoders"), "mine")
