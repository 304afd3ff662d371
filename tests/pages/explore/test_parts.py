"""Which parts of photos become examples of a concept, by hand."""

import numpy as np

from pages.explore.parts import boxes, parts_of


def drawn(*rows: str) -> np.ndarray:
    """A map of digits, every digit 8 x 8 pixels large."""
    return np.array([[int(digit) for digit in row] for row in rows], np.uint8).repeat(8, 0).repeat(8, 1)


def sizes(parts) -> list[tuple[int, int]]:
    return [(part.photo_idx, round(part.share * part.pieces.size / 64)) for part in parts]


def test_connected_pixels_of_one_photo_are_parts_of_their_own():
    labels = drawn("0012", "0112", "1112")
    selected, rest = parts_of([labels], [0, 2])
    assert sizes(selected) == [(0, 3), (0, 3)] and sizes(rest) == [(0, 6)]
    assert (selected[1].region.pixels == drawn("0001", "0001", "0001").astype(bool)).all()


def test_clusters_that_are_selected_together_and_touch_are_one_part():
    selected, rest = parts_of([drawn("0012", "0112", "3332")], [0, 1])
    assert sizes(selected) == [(0, 6)] and sizes(rest) == [(0, 3), (0, 3)]


def test_of_several_photos_each_gives_one_example():
    first, second, third = drawn("0010", "1111"), drawn("1110", "2220"), drawn("11", "22")
    selected, rest = parts_of([first, second, third], [0])
    assert sizes(selected) == [(0, 3), (1, 2)]
    assert sizes(rest) == [(0, 5), (1, 3), (1, 3), (2, 2), (2, 2)]


def test_specks_are_passed_over_unless_there_is_nothing_else():
    labels = np.zeros((100, 100), np.uint8)
    labels[0, 0] = labels[50, 50:52] = 1
    selected, rest = parts_of([labels], [1])
    assert [round(part.share * 10_000) for part in selected] == [2] and len(rest) == 1
    labels[80:90, 80:90] = 1
    assert [round(part.share * 10_000) for part in parts_of([labels], [1])[0]] == [100]


def test_all_of_a_photo_is_no_region():
    selected, rest = parts_of([drawn("00", "00")], [0])
    assert selected[0].region is None and rest == []


def test_boxes_cover_a_photo_once():
    assert (np.sum([box.pixels for box in boxes()], axis=0) == 1).all() and len({box.area for box in boxes()}) == 1
