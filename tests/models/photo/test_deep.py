"""16-bit PNG files: windowed as 16-bit greys are, whatever their number of samples."""

import numpy as np
import pytest

from models.photo import read_photo
from models.photo.deep import Deep, on_screen
from tests.models.photo.files import png16

RAMP = np.tile(np.linspace(0, 3000, 64), (64, 1))  # of a 12-bit sensor
OPAQUE = np.full_like(RAMP, 65535)
KINDS = {"grey": [RAMP], "grey and alpha": [RAMP, OPAQUE], "RGB": [RAMP] * 3, "RGBA": [*[RAMP] * 3, OPAQUE]}


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_a_sensor_fill_the_screen_whatever_the_number_of_samples(kind):
    pixels = read_photo(png16(np.stack(KINDS[kind], axis=-1)), "raw.png").pixels
    np.testing.assert_array_equal(pixels, read_photo(png16(RAMP[..., None]), "grey.png").pixels)
    assert len(np.unique(pixels)) > 60 and pixels.max() == 255


def test_both_bytes_of_every_sample_count():
    values = np.zeros((2, 3, 3), np.uint16)
    values[0, 0], values[0, 1], values[1, 2] = (0x0102, 0x0203, 0x0304), (0x00FF, 0x0100, 0x01FF), (0x0500, 0, 0)
    window = np.percentile(values, [0.5, 99.5])
    expected = (255 * (np.clip(values, *window) - window[0]) / (window[1] - window[0])).round()
    np.testing.assert_array_equal(read_photo(png16(values), "a.png").pixels, expected)


@pytest.mark.parametrize("n_colours", [1, 3])
def test_deep_transparent_parts_are_white_and_do_not_count(n_colours):
    alpha = OPAQUE.copy()
    alpha[:, 60:] = 0
    hidden = RAMP.copy()
    hidden[:, 60:] = 65535  # would darken everything else
    pixels = read_photo(png16(np.stack([*[hidden] * n_colours, alpha], axis=-1)), "a.png").pixels
    assert (pixels[:, 60:] == 255).all() and pixels[0, 59, 0] == 255 and pixels[0, 30, 0] == pytest.approx(130, abs=5)


def test_a_wholly_transparent_picture_is_white():
    assert (read_photo(png16(np.stack([RAMP, np.zeros_like(RAMP)], axis=-1)), "a.png").pixels == 255).all()


def test_colours_that_fill_their_range_are_not_windowed_unless_they_are_dark():
    bright = np.full((2, 2), 30_000, np.uint16)
    assert (on_screen(Deep((bright,) * 3, fills_range=True)) == round(255 * 30_000 / 65_535)).all()
    dark = np.linspace(0, 4000, 100).reshape(10, 10).astype(np.uint16)
    assert on_screen(Deep((dark,) * 3, fills_range=True)).max() == 255


def test_very_large_values_keep_their_differences():
    values = np.array([[2**40, 2**40 + 1, 2**40 + 2]], np.uint64)
    assert on_screen(Deep((values,))).tolist() == [[0, 128, 255]]


def test_data_on_a_small_part_only_is_found():
    values = np.full((1500, 1500), np.nan, np.float32)
    values[700:710, 1401] = np.arange(10)
    assert on_screen(Deep((values,)))[700:710, 1401].tolist() == pytest.approx(np.arange(10) * 255 / 9, abs=2)


def test_tiles_join_without_a_seam():
    wide = np.linspace(0, 60_000, 2500).astype(np.uint16)[None].repeat(3, axis=0)
    assert (np.diff(on_screen(Deep((wide,)))[1].astype(int)) >= 0).all()
