"""Drawing where maps differ: what a pixel becomes, and whether its hue is taken by a cluster."""

import colorsys

import numpy as np

from explainers.drawing.clusters import PALETTE
from explainers.drawing.differences import COLOUR, difference_overlay, scale

PHOTO = np.full((4, 6, 3), 100, dtype=np.uint8)


def hue_and_saturation(colour: tuple[int, int, int]) -> tuple[float, float]:
    """Degrees on the circle of colours, and 0 (grey) to 1."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*(value / 255 for value in colour))
    return 360 * hue, saturation


def test_nothing_covers_the_photo_where_the_maps_agree_and_the_colour_does_where_they_have_nothing_in_common():
    drawn = difference_overlay(PHOTO, np.array([[0.0, 0.5, 1.0]]), opacity=1.0)
    np.testing.assert_array_equal(drawn[0, ::2], [[100, 100, 100], [112, 86, 178], COLOUR])


def test_no_cluster_has_a_hue_near_it():
    violet, _ = hue_and_saturation(COLOUR)
    for colour in PALETTE[:20]:
        hue, saturation = hue_and_saturation(colour)
        assert saturation < 0.2 or abs((hue - violet + 180) % 360 - 180) >= 25


def test_the_scale_runs_from_grey_to_the_colour():
    strip = scale(opacity=1.0, height=2, width=5)
    assert strip.shape == (2, 5, 3)
    np.testing.assert_array_equal(strip[0, [0, -1]], [[170, 170, 170], COLOUR])
