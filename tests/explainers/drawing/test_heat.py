"""Drawing a concept map: what a pixel becomes, by hand."""

import numpy as np

from explainers.drawing.heat import heat_colours, heat_overlay

PHOTO = np.full((4, 6, 3), 100, dtype=np.uint8)


def test_where_the_concept_is_not_seen_the_photo_is_grey():
    photo = PHOTO * np.array([1, 0, 0], np.uint8)  # red: 0.299 of its value is grey
    np.testing.assert_array_equal(heat_overlay(photo, np.full((2, 3), 0.1)), np.full((4, 6, 3), 30))


def test_where_it_is_seen_most_the_colour_covers_as_much_as_it_may():
    hot = heat_overlay(PHOTO, np.ones((1, 1)), opacity=1.0)
    np.testing.assert_array_equal(hot, np.broadcast_to([252, 255, 164], (4, 6, 3)))
    half = heat_overlay(PHOTO, np.ones((1, 1)), opacity=0.5)
    np.testing.assert_array_equal(half, np.broadcast_to([176, 178, 132], (4, 6, 3)))


def test_a_map_of_any_resolution_covers_the_whole_photo():
    coloured = (heat_overlay(PHOTO, np.array([[0.0, 1.0]]), threshold=0.5) != PHOTO).any(2)
    assert coloured.tolist() == [[False] * 3 + [True] * 3] * 4


def test_colours_run_from_dark_to_pale_and_are_mixed_between():
    np.testing.assert_array_equal(heat_colours(np.array([0.0, 1.0])), [[40, 11, 84], [252, 255, 164]])
    np.testing.assert_allclose(heat_colours(np.array([1 / 12])), [[(40 + 101) / 2, 16, 97]], rtol=1e-6)
