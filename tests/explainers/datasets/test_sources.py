"""Which photos a data set has."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explainers.datasets.sources import Item, UnreadableData, list_items
from explainers.datasets.truths import covered, objects_in
from explainers.maps.boxes import Box
from explainers.results.files import png
from explainers.truth.objects import TrueObject, Truth
from models.errors import UnreadableTruth
from models.photo import photo_from_array


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_class_folders_are_labels_and_junk_is_left_out(tmp_path):
    touch(
        tmp_path / "cat/a.jpg", tmp_path / "train/dog/b.PNG", tmp_path / "c.png", tmp_path / ".git/d.png", tmp_path / "cat/e.txt"
    )
    assert [(item.name, item.label) for item in list_items(tmp_path)] == [
        ("c.png", ""),
        ("cat/a.jpg", "cat"),
        ("train/dog/b.PNG", "dog"),
    ]


def test_tables_name_files_labels_and_splits(tmp_path):
    rows = [{"file": "b.png", "label": "dog", "split": "test"}, {"file": "a.png", "label": "cat", "split": ""}]
    (tmp_path / "t.csv").write_text("file,label,split\nb.png,dog,test\na.png,cat,\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    expected = [Item("a.png", tmp_path / "a.png", "cat"), Item("b.png", tmp_path / "b.png", "dog", "test")]
    assert list_items(tmp_path / "t.csv") == list_items(tmp_path / "t.parquet") == expected


def test_coco_labels_are_those_of_the_largest_object(tmp_path):
    touch(tmp_path / "images/a.jpg")
    things = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}, {"image_id": 1, "category_id": 2, "bbox": [0, 0, 9, 1]}]
    names = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    (tmp_path / "c.json").write_text(json.dumps({"images": images, "categories": names, "annotations": things}))
    first, second = list_items(tmp_path / "c.json")
    assert (first.label, first.path, second.label) == ("dog", tmp_path / "images/a.jpg", "")


@pytest.mark.parametrize("name", ["missing", "empty", "x.txt", "bad.csv", "bad.json", "bad.parquet"])
def test_what_is_no_data_set_is_refused_in_a_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for bad in ("x.txt", "bad.csv", "bad.json", "bad.parquet"):
        (tmp_path / bad).write_text("a,b\n1,2\n")
    with pytest.raises(UnreadableData):
        list_items(tmp_path / name)


def test_a_coco_file_may_name_photos_that_no_disk_could_hold(tmp_path):
    name = f"{'x' * 300}.jpg"
    (tmp_path / "coco.json").write_text(
        json.dumps({"images": [{"id": 1, "file_name": name}], "annotations": [], "categories": []})
    )
    assert [item.name for item in list_items(tmp_path / "coco.json")] == [name]


def test_masks_and_boxes_cover_a_map():
    mask = np.array([[1, 0, 0], [0, 0, 0]], bool)
    truth = Truth((TrueObject("a", mask=mask), TrueObject("b", box=Box(1, 1, 1, 2))), np.zeros((2, 3), bool))
    assert covered(truth, (2, 3)).tolist() == [[True, False, False], [False, True, True]]


def test_a_mask_is_found_under_the_path_of_its_photo(tmp_path):
    drawn = np.zeros((8, 8, 3), np.uint8)
    drawn[:, 4:] = 255
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/a.png").write_bytes(png(drawn))
    of, photo = objects_in(tmp_path), photo_from_array(drawn, "a")
    assert of(Item("cat/a.jpg", Path()), photo, (2, 2)).tolist() == [[False, True], [False, True]]
    assert of(Item("cat/b.jpg", Path()), photo, (2, 2)) is None
    assert of.sha256_of(Item("cat/a.jpg", Path())) == sha256(png(drawn)).hexdigest()
    assert of.sha256_of(Item("cat/b.jpg", Path())) == ""
    assert of.sha256_of(Item(f"cat/{'b' * 300}.jpg", Path())) == ""  # longer than a disk takes
    with pytest.raises(UnreadableTruth):
        objects_in(tmp_path / "nowhere")
