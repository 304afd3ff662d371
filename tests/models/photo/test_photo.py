"""Rendered pixels as a photo."""

import numpy as np
import pytest

from models.errors import UnreadableImage
from models.photo import photo_from_array


def test_rendered_pixels_are_a_photo_of_their_own():
    pixels = np.zeros((2, 3, 3), np.uint8)
    photo = photo_from_array(pixels, "scene")
    pixels[:] = 9
    assert photo.pixels.max() == 0
    assert photo != photo_from_array(np.zeros((3, 2, 3), np.uint8), "scene")
    with pytest.raises(UnreadableImage, match="uint8 is needed"):
        photo_from_array(np.zeros((2, 3, 3)), "scene")
