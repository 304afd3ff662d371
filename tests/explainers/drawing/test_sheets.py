"""Pictures to take away: the pixels of the pictures stay, and there is something to read beside them."""

import numpy as np

from explainers.drawing.sheets import captioned, contact_sheet, n_across, sprite_sheet

GREEN = np.full((60, 80, 3), (0, 200, 0), dtype=np.uint8)


def test_a_caption_stands_below_the_picture_and_changes_none_of_its_pixels():
    drawn = captioned(GREEN, "china · ResNet-50")
    assert drawn.shape[1] == 80 and drawn.shape[0] > 60
    np.testing.assert_array_equal(drawn[:60], GREEN)
    assert (captioned(GREEN, "")[60:] == 255).all() and (drawn[60:] < 128).any()


def test_a_sheet_holds_every_picture_once():
    sheet = contact_sheet([GREEN] * 5, list("abcde"), "5 photos", n_columns=3)
    assert (sheet == (0, 200, 0)).all(axis=2).sum() == 5 * 60 * 80


def test_every_picture_of_a_sprite_sheet_stands_in_the_middle_of_its_own_square():
    pictures = [np.full((4, 2 + 2 * (n % 2), 3), 10 * n, np.uint8) for n in range(5)]  # 2 or 4 px wide
    sheet = sprite_sheet(iter(pictures), 5, 4)
    assert n_across(5) == 3 and sheet.shape == (8, 12, 3)
    assert (sheet[4:8, 4:8, 0].T == [[255], [40], [40], [255]]).all()  # the fifth: second row, second square, 2 px wide
    assert (sheet[0:4, 4:8] == 10).all() and (sheet[4:8, 8:] == 255).all()  # the second fills its square, the sixth is not there
