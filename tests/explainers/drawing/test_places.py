"""Drawing similar places and activations as colours: what a pixel becomes, by hand."""

import numpy as np

from explainers.drawing.places import SCALE, colours_overlay, resized, scale, similarity_overlay

PHOTO = np.full((4, 6, 3), 100, dtype=np.uint8) * np.array([1, 0, 0], np.uint8)  # red: 0.299 of its value is grey
SIMILARITY = np.repeat([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]], 4, axis=0)


def test_below_the_threshold_nothing_is_drawn_and_the_photo_is_grey():
    picture = similarity_overlay(PHOTO, SIMILARITY, threshold=0.5, opacity=1)
    assert (picture[:, :3] == 30).all()
    assert (picture[:, 3:] == SCALE[255]).all()


def test_what_reaches_the_threshold_is_drawn():
    picture = similarity_overlay(PHOTO, np.full((1, 1), 0.5), threshold=0.5, opacity=1)
    assert (picture == SCALE[128]).all()
    assert (similarity_overlay(PHOTO, np.full((1, 1), -0.3), threshold=-1, opacity=1) == SCALE[0]).all()


def test_opacity_lets_the_photo_through():
    half = similarity_overlay(PHOTO, np.ones((1, 1)), threshold=0.5, opacity=0.5)
    np.testing.assert_allclose(half[0, 0], (SCALE[255].astype(float) + 30) / 2, atol=1)


def test_a_ring_marks_the_place_and_nothing_else():
    photo = np.full((120, 160, 3), 90, np.uint8)
    nothing = np.zeros((15, 20))
    ringed = similarity_overlay(photo, nothing, 0.5, place=(0.25, 0.5)) != similarity_overlay(photo, nothing, 0.5)
    rows, columns = np.nonzero(ringed.any(2))
    assert abs(columns.mean() - 40) < 1 and abs(rows.mean() - 60) < 1 and np.ptp(columns) < 14
    assert not ringed[60, 40].any()  # what is below the place stays visible


def test_colours_cover_the_photo():
    colours = np.full((2, 3, 3), (10, 200, 30), np.uint8)
    assert (colours_overlay(PHOTO, colours) == (10, 200, 30)).all()
    assert (colours_overlay(PHOTO, colours, 0) == PHOTO).all()


def test_values_are_mixed_between_the_middles_of_positions():
    np.testing.assert_allclose(resized(np.array([[0.0, 1.0]]), (1, 4)), [[0, 0.25, 0.75, 1]], atol=1e-6)


def test_the_scale_grows_lighter_from_0_to_1():
    brightness = scale().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness[0]) >= -0.5).all() and np.ptp(brightness) > 150
