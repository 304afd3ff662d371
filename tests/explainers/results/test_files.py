"""Files: their names, their proportions, and that there is no such thing as half of one."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.drawing.clusters import PALETTE
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.files import SummaryFile, maps_like, middle_k, output_stems, write_maps, write_overlay
from models.files import written_atomically


def segmentation(labels, ks):
    settings = NaveSettings(min_clusters=ks[0], max_clusters=ks[-1])
    return Segmentation(settings, ks, np.asarray(labels, np.uint8), (), ks[0], (), np.zeros((0, 2)), np.zeros((0, 2)))


def test_a_file_takes_its_name_only_when_it_is_complete(tmp_path):
    path = tmp_path / "file"
    with written_atomically(path) as file:
        file.write(b"first")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), written_atomically(path) as file:
        file.write(b"sec")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "names, expected",
    [
        (["cat.jpg", "dog.jpg"], ["cat", "dog"]),
        (["cat.jpg", "cat.png", "other/cat.jpg"], ["cat", "cat-2", "cat-3"]),
        (["cat.jpg", "cat.png", "cat-2.jpg"], ["cat", "cat-3", "cat-2"]),
        (["cat.jpg", "Cat.jpg"], ["cat", "Cat-2"]),  # one name on file systems that ignore case
    ],
)
def test_no_two_images_share_a_stem(names, expected):
    assert output_stems([Path(name) for name in names]) == expected


@pytest.mark.parametrize(
    "map_shape, photo_shape, expected",
    [
        ((20, 20), (40, 40), (20, 20)),
        ((448, 448), (300, 600), (317, 634)),  # a squashed square gets the photo's proportions back, area 448 x 448
        ((352, 544), (427, 640), (357, 536)),
        ((32, 32), (1, 1), (32, 32)),
        ((32, 448), (1, 9000), (1, 11359)),
    ],
)
def test_maps_have_the_proportions_of_the_photo(map_shape, photo_shape, expected):
    assert maps_like(np.zeros((2, *map_shape), np.uint8), photo_shape).shape == (2, *expected)


def test_maps_keep_their_labels_in_place():
    labels = np.array([[[0, 1], [2, 3]]], np.uint8)
    np.testing.assert_array_equal(maps_like(labels, (7, 7)), labels)
    np.testing.assert_array_equal(maps_like(labels, (10, 40)), [[[2, 2, 3, 3]]])  # one row: the centre belongs to the lower one


def test_maps_and_overlay_are_read_back(tmp_path):
    maps = segmentation([[[0, 1]], [[0, 1]], [[2, 1]]], ks=(2, 3, 4))
    assert write_maps(tmp_path / "a.npz", maps, (10, 20)) == (1, 2)
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["labels"].dtype == np.uint8 and stored["labels"].shape == (3, 1, 2)
        assert stored["ks"].tolist() == [2, 3, 4]
    assert middle_k(maps) == 3
    write_overlay(tmp_path / "a.png", np.zeros((10, 20, 3), np.uint8), maps)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (20, 10)
        orange = picture.getpixel((2, 5))
    assert orange == tuple(round(0.55 * 256) * value + 128 >> 8 for value in PALETTE[0])  # 55 % over black


def test_the_summary_is_valid_json_whatever_happens(tmp_path):
    path = tmp_path / "summary.json"
    with pytest.raises(KeyboardInterrupt), SummaryFile(path, seed=0, depths=(1, 2)) as summary:
        summary.add({"file": "ä.jpg", "silhouette": float("nan"), "shape": (3, 4)})
        summary.add({"file": "b.jpg"})
        summary.add_error("c.jpg", "is empty")
        raise KeyboardInterrupt
    assert json.loads(path.read_text()) == {
        "seed": 0,
        "depths": [1, 2],
        "images": [{"file": "ä.jpg", "silhouette": None, "shape": [3, 4]}, {"file": "b.jpg"}],
        "errors": [{"file": "c.jpg", "error": "is empty"}],
    }


def test_an_empty_summary_is_valid_json(tmp_path):
    with SummaryFile(tmp_path / "summary.json", seed=0):
        pass
    assert json.loads((tmp_path / "summary.json").read_text()) == {"seed": 0, "images": [], "errors": []}
