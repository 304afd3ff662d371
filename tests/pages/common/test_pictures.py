"""Photos at the size of a screen, and what files are called."""

import pytest

from pages.common.downloads import file_stem
from pages.common.pictures import on_screen
from tests.pages.hand_made import grey_photo


@pytest.mark.parametrize(("size", "side", "expected"), [((30, 40), 20, (15, 20)), ((40, 30), 480, (480, 360))])
def test_the_longer_side_is_as_long_as_wanted(size, side, expected):
    assert on_screen(grey_photo(*size), side).shape == (*expected, 3)


@pytest.mark.parametrize(("size", "expected"), [((8, 16), (384, 768)), ((900, 450), (900, 450)), ((2, 2560), (1, 1280))])
def test_without_a_wish_the_longer_side_fills_a_screen(size, expected):
    assert on_screen(grey_photo(*size)).shape == (*expected, 3)


def test_two_photos_of_one_size_are_not_taken_for_each_other():
    light = grey_photo(8, 8)
    dark = type(light)(light.name, "another hash", light.pixels // 2)
    assert on_screen(light, 4).max() != on_screen(dark, 4).max()


def test_a_file_is_called_by_what_it_is_about():
    assert file_stem("things/1", "hf-hub:team/net") == "things-1-hf-hub-team-net"
