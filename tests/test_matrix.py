"""Which packages an environment of the matrix gets."""

import argparse

import pytest

from tests.matrix import packages, pair


def test_every_pin_is_kept_but_those_of_torch():
    wanted = packages("2.11.0")
    assert "torch==2.11.0" in wanted and "torchvision" in wanted
    assert not [name for name in wanted if name.startswith(("torch==2.15", "torchvision=="))]
    assert any(name.startswith("timm==") for name in wanted) and any(name.startswith("pytest==") for name in wanted)
    assert not [name for name in wanted if name.startswith("-")]


def test_a_python_may_be_a_path():
    assert pair("3.12:2.11.0") == ("3.12", "2.11.0")
    assert pair("/opt/python3.13/bin/python:2.15.0") == ("/opt/python3.13/bin/python", "2.15.0")
    with pytest.raises(argparse.ArgumentTypeError):
        pair("3.12")
