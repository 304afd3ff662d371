"""Who may change what: roles by address, visitors by a variable, and the trail of what was changed."""

import json
import stat

import pytest

from models.errors import NotAllowed
from pages.common import access, trail

ANN = {"is_logged_in": True, "email": "Ann@Example.org", "email_verified": True}


@pytest.fixture
def claims(monkeypatch):
    """What the sign-in says; nothing where signing in is off."""
    said: dict[str, object] = {}
    monkeypatch.setattr(access.st, "user", type("User", (), {"to_dict": staticmethod(lambda: dict(said))})())
    for variable in (access.VISITORS, access.EDITORS, access.OPERATORS):
        monkeypatch.delenv(variable, raising=False)
    return said


def test_without_signing_in_everything_may_be_changed_but_what_comes_with_encoderscope(claims, monkeypatch):
    assert access.person() == access.Person("", frozenset(["library", "indexes", "encoders"])) and not access.may("starters")
    with pytest.raises(NotAllowed, match="ENCODERSCOPE_VISITORS"):
        access.require("starters")
    monkeypatch.setenv(access.VISITORS, "operator")
    access.require("starters")
    monkeypatch.setenv(access.VISITORS, "king")
    with pytest.raises(NotAllowed, match="'king', which is not a role"):
        access.person()


def test_whoever_has_yet_to_sign_in_may_change_nothing(claims):
    claims["is_logged_in"] = False
    assert access.person().rights == frozenset()
    with pytest.raises(NotAllowed, match="Sign in"):
        access.require("library")


@pytest.mark.parametrize(
    ("operators", "editors", "rights"),
    [
        ("", "", set()),
        ("", "bob@example.org, ann@example.org", {"library", "indexes"}),
        ("", "*@example.org", {"library", "indexes"}),
        ("ann@example.org", "*@example.org", {"library", "indexes", "encoders", "starters"}),
        ("ann@example.org.evil", "ann@example.or?", {"library", "indexes"}),
        ("*@evil.org", "", set()),
    ],
)
def test_an_address_decides_the_role(claims, monkeypatch, operators, editors, rights):
    claims.update(ANN)
    monkeypatch.setenv(access.OPERATORS, operators)
    monkeypatch.setenv(access.EDITORS, editors)
    assert access.person() == access.Person("Ann@Example.org", frozenset(rights))


def test_an_address_nobody_verified_counts_for_nothing(claims, monkeypatch):
    claims.update(ANN, email_verified=False, name="Ann")
    monkeypatch.setenv(access.OPERATORS, "*")
    assert access.person() == access.Person("Ann", frozenset())


def test_every_change_leaves_a_line_and_a_full_file_is_put_aside(monkeypatch, trail_file):
    trail.record("ann@example.org", "concepts", "'a\nb' was created.")
    monkeypatch.setattr(trail, "MAX_BYTES", 10)
    trail.record("", "own", "'net' was deleted.")
    (last,) = map(json.loads, trail_file.read_text().splitlines())
    (first,) = map(json.loads, trail_file.with_name("changes.1.jsonl").read_text().splitlines())
    assert (first["who"], first["change"]) == ("ann@example.org", "'a\nb' was created.")
    assert (last["who"], last["page"]) == ("", "own") and last["at"].endswith("+00:00")
    assert stat.S_IMODE(trail_file.stat().st_mode) == 0o600


def test_a_disk_that_takes_no_line_stops_nobody(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(trail, "home", lambda: tmp_path / "file")
    trail.record("", "concepts", "'x' was created.")
