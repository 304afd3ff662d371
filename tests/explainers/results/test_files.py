"""Files: their names, their proportions, and that there is no such thing as half of one."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explainers.drawing.clusters import PALETTE, at_size
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.files import SummaryFile, maps_npz, maps_zip, middle_k, output_stems, write_overlay
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from models.files import written_atomically
from models.photo import photo_from_array
from tests.pages.hand_made import SEGMENTATION, grey_photo, provenance


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


def result(labels, ks, photo_shape):
    photo = photo_from_array(np.zeros((*photo_shape, 3), np.uint8), "photo.png")
    maps = segmentation(labels, ks)
    return SegmentationResult(provenance(maps.settings, photo), maps)


@pytest.mark.parametrize("photo_shape", [(7, 11), (1, 1), (427, 640), (1, 900)])
def test_maps_are_as_large_as_the_photo(photo_shape):
    labels = np.random.default_rng(0).integers(0, 3, (2, 20, 30))
    with np.load(io.BytesIO(maps_npz(result(labels, (3, 4), photo_shape)))) as stored:
        assert stored["labels"].dtype == np.uint8 and stored["labels"].shape == (2, *photo_shape)
        np.testing.assert_array_equal(stored["labels"][1], at_size(labels[1], photo_shape))


def test_maps_say_what_they_were_made_with():
    with np.load(io.BytesIO(maps_npz(result([[[0, 1]], [[2, 1]]], (3, 4), (10, 20))))) as stored:
        assert stored["ks"].tolist() == [3, 4]
        assert json.loads(str(stored["encoder"]))["fingerprint"] == "f00d"
        assert json.loads(str(stored["settings"]))["max_clusters"] == 4
        assert json.loads(str(stored["photo"]))["height"] == 10
        assert str(stored["version"]) == "0"


def test_the_same_maps_are_the_same_bytes():
    assert maps_npz(result([[[0, 1]]], (2,), (4, 4))) == maps_npz(result([[[0, 1]]], (2,), (4, 4)))


def test_photos_of_one_name_have_a_file_of_maps_each():
    photos = (grey_photo(), grey_photo(4, 4))
    together = SegmentationsResult(provenance(SEGMENTATION.settings, *photos), (SEGMENTATION,) * 2)
    with zipfile.ZipFile(io.BytesIO(maps_zip(together))) as archive:
        shapes = [np.load(io.BytesIO(archive.read(name)))["labels"].shape for name in archive.namelist()]
        assert len(set(archive.namelist())) == 2 and shapes == [(2, 8, 8), (2, 4, 4)]


def test_the_overlay_is_as_large_as_the_photo(tmp_path):
    maps = segmentation([[[0, 1]], [[0, 1]], [[2, 1]]], ks=(2, 3, 4))
    assert middle_k(maps) == 3
    with (tmp_path / "a.png").open("wb") as file:
        write_overlay(file, np.zeros((10, 20, 3), np.uint8), maps, middle_k(maps))
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
