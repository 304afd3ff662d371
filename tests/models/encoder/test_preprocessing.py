"""From a photo to what an encoder sees."""

import numpy as np
import torch

from models.encoder.preprocessing import Preprocessing, prepare
from models.photo import photo_from_array

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def test_prepare_normalises_and_keeps_the_whole_picture():
    quarters = np.array([[RED, RED, GREEN, GREEN], [BLUE, BLUE, WHITE, WHITE]], np.uint8)
    photo = photo_from_array(quarters.repeat(8, 0).repeat(8, 1), "quarters")
    preprocessing = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.5), interpolation="nearest", input_size=224)
    prepared = prepare(photo, preprocessing, (2, 4))
    assert prepared.shape == (3, 2, 4) and prepared.dtype == torch.float32
    torch.testing.assert_close(prepared[:, 0, 0], torch.tensor([1.0, -2.0, -1.0]))
    torch.testing.assert_close(prepared[:, 1, 3], torch.tensor([1.0, 2.0, 1.0]))


def test_prepare_antialiases():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    preprocessing = Preprocessing((0.0,) * 3, (1.0,) * 3, "bilinear", 224)
    shrunk = prepare(photo_from_array(stripes, "stripes"), preprocessing, (8, 8))
    assert (shrunk - 0.5).abs().max() < 0.07  # without antialiasing: plain 0 or 1
