"""Drawing: what a pixel becomes, and whether the colours can be told apart, also without green or red cones."""

import numpy as np
import pytest

from explainers.drawing.clusters import PALETTE, at_size, colour_map, hex_colour, overlay, shown_colours

XYZ_OF_RGB = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
WHITE = np.array([0.95047, 1.0, 1.08883])
SEEN = {  # Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB
    "normal": np.eye(3),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
}


def as_lab(colours, vision):
    share = np.asarray(colours) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ SEEN[vision].T, 0, 1) @ XYZ_OF_RGB.T / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def smallest_distance(colours, vision):
    lab = as_lab(colours, vision)
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    return distances[np.triu_indices(len(lab), 1)].min()


def test_the_lab_conversion_knows_white_and_black():
    np.testing.assert_allclose(as_lab([(255, 255, 255), (0, 0, 0)], "normal"), [[100, 0, 0], [0, 0, 0]], atol=0.02)


@pytest.mark.parametrize("vision", SEEN)
@pytest.mark.parametrize("n, least", [(12, 15.0), (20, 15.0), (40, 10.0)])
def test_colours_can_be_told_apart(vision, n, least):
    assert smallest_distance(PALETTE[:n], vision) >= least  # 2.3 is a just noticeable difference


def test_there_are_forty_colours_and_they_have_names():
    assert len(set(PALETTE)) == 40
    assert hex_colour(0) == "#E69F00" and PALETTE[0] == (0xE6, 0x9F, 0x00)
    assert hex_colour(40) == "#787878" and hex_colour(41) == hex_colour(0)  # grey, then it starts again


def test_colour_map_looks_up_each_cluster():
    picture = colour_map(np.array([[0, 1], [1, 42]], dtype=np.uint8))
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, [[PALETTE[0], PALETTE[1]], [PALETTE[1], PALETTE[1]]])


def test_labels_are_resized_at_pixel_centres():
    labels = np.array([[0, 1], [2, 3]])
    np.testing.assert_array_equal(at_size(labels, (2, 4)), [[0, 0, 1, 1], [2, 2, 3, 3]])
    np.testing.assert_array_equal(at_size(labels, (1, 1)), [[3]])  # the centre lies on the corner of all four
    np.testing.assert_array_equal(at_size(np.arange(5)[None], (1, 3)), [[0, 2, 4]])


def test_opacity_goes_from_the_photo_to_the_colours():
    photo = np.full((4, 4, 3), 100, dtype=np.uint8)
    labels = np.zeros((2, 2), dtype=np.uint8)
    np.testing.assert_array_equal(overlay(photo, labels, opacity=0.0), photo)
    np.testing.assert_array_equal(overlay(photo, labels, opacity=1.0), colour_map(np.zeros((4, 4), dtype=int)))
    half = overlay(photo, labels, opacity=0.5)[0, 0]
    np.testing.assert_array_equal(half, [165, 130, 50])  # (100 + 230) / 2, (100 + 159) / 2 up, (100 + 0) / 2


def test_outlines_lie_on_the_border_and_nowhere_else():
    photo = np.full((8, 8, 3), 100, dtype=np.uint8)
    labels = np.repeat([[0, 1]], 2, axis=0)
    changed = (overlay(photo, labels, opacity=0.0, outlines=True) != photo).any(axis=2)
    np.testing.assert_array_equal(changed[0], [False, False, False, True, True, True, False, False])
    assert (changed == changed[0]).all()
    np.testing.assert_array_equal(overlay(photo, labels, opacity=0.0, outlines=False), photo)


def test_one_cluster_alone_keeps_its_colour_and_the_rest_turns_pale():
    photo = np.random.default_rng(0).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    labels = np.repeat([[0, 1]], 2, axis=0)
    alone = overlay(photo, labels, opacity=0.5, outlines=False, only=[1])
    np.testing.assert_array_equal(alone[:, 3:], overlay(photo, labels, opacity=0.5, outlines=False)[:, 3:])
    np.testing.assert_allclose(alone[:, :3], 0.2 * photo[:, :3] + 0.8 * 235, atol=1.5)


def test_several_clusters_alone_have_lines_around_each():
    photo = np.full((8, 24, 3), 100, dtype=np.uint8)
    labels = np.array([[0, 1, 2, 3]])
    picture = overlay(photo, labels, opacity=0.0, only=(0, 1))
    is_line = (picture != overlay(photo, labels, opacity=0.0, outlines=False, only=(0, 1))).any(axis=(0, 2))
    assert np.flatnonzero(is_line).tolist() == [5, 6, 7, 11, 12, 13]  # between 0 and 1, between 1 and the rest; not in the rest


def test_the_photo_and_the_labels_stay_as_they_were():
    photo, labels = np.full((9, 7, 3), 50, dtype=np.uint8), np.arange(6).reshape(2, 3)
    photo.setflags(write=False)
    labels.setflags(write=False)
    picture = overlay(photo, labels, opacity=0.3, only=(2,))
    assert picture.shape == (9, 7, 3) and picture.dtype == np.uint8


def test_swatches_look_like_their_cluster_on_the_photo():
    photo = np.repeat([[[200, 0, 0], [0, 100, 0]]], 2, axis=0).astype(np.uint8)
    labels = np.array([[0, 1], [0, 1]], dtype=np.uint8)
    assert shown_colours(photo, labels, 2, opacity=1.0) == (hex_colour(0), hex_colour(1))
    assert shown_colours(photo, labels, 3, opacity=0.0) == ("#C80000", "#006400", "#808080")  # the third is nowhere
    drawn = overlay(photo, labels, opacity=0.5, outlines=False)[0, 0]
    shown = bytes.fromhex(shown_colours(photo, labels, 2, opacity=0.5)[0][1:])
    np.testing.assert_allclose(list(shown), drawn, atol=1)
