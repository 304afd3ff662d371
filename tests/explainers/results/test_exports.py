"""Exports, each read back by the library that owns the format.

COCO by pycocotools, palettes by Pillow. The libraries of Label Studio and YOLO need other versions of NumPy or half a gigabyte,
so their published rules are written down here once more: thi.ng/rle-pack's decoder, and the five numbers of a line.
"""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from explainers.drawing.clusters import PALETTE, at_size
from explainers.results.exported import Export, export_of
from explainers.results.exports import FORMATS, as_one_file, file_suffix
from explainers.results.label_studio import brush_rle
from explainers.results.segmentations import SegmentationsResult
from tests.pages.hand_made import CORNER, HALVES, SEGMENTATION, grey_photo, provenance, result_for

K = 3


@pytest.fixture
def one() -> Export:
    return export_of(result_for(grey_photo(8, 12)), K)


@pytest.fixture
def several() -> Export:
    photos = grey_photo(8, 12), grey_photo(20, 10)
    return export_of(SegmentationsResult(provenance(SEGMENTATION.settings, *photos), (SEGMENTATION,) * 2), K)


def content(export: Export, format_name: str) -> bytes:
    return as_one_file(export, format_name).content


def entries(export: Export, format_name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content(export, format_name))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_coco(export: Export, format_name: str, tmp_path) -> COCO:
    path = tmp_path / "annotations.json"
    path.write_bytes(content(export, format_name))
    return COCO(str(path))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("fixture", ["one", "several"])
def test_every_format_is_one_file_with_its_suffix_and_its_provenance(request, fixture, format_name):
    export = request.getfixturevalue(fixture)
    file = as_one_file(export, format_name)
    assert file.name.endswith(f".{file_suffix(export, format_name)}")
    inside = b"".join(entries(export, format_name).values()) if file.name.endswith("zip") else file.content
    assert b"f00d" in inside and b'"n_clusters": 3' in inside.replace(b'"n_clusters":3', b'"n_clusters": 3')
    assert as_one_file(export, format_name) == file  # the same content gives the same bytes


def test_pycocotools_reads_the_masks_of_every_photo(several, tmp_path):
    coco = read_coco(several, "coco", tmp_path)
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["cluster 0", "cluster 1", "cluster 2"]
    for image_id, shape in ((1, (8, 12)), (2, (20, 10))):
        assert (coco.imgs[image_id]["height"], coco.imgs[image_id]["width"]) == shape
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image_id))
        labels = sum(coco.annToMask(one) * (one["category_id"] - 1) for one in annotations)
        np.testing.assert_array_equal(labels, at_size(CORNER, shape))
        assert sum(coco.annToMask(one) for one in annotations).max() == 1  # no pixel twice
        for one in annotations:
            rows, columns = np.nonzero(coco.annToMask(one))
            assert one["area"] == len(rows)
            assert one["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def test_pycocotools_reads_one_box_per_photo(several, tmp_path):
    coco = read_coco(several, "boxes", tmp_path)
    assert [category["name"] for category in coco.cats.values()] == ["object"] and len(coco.anns) == 2
    (of_second,) = coco.loadAnns(coco.getAnnIds(imgIds=2))
    box = several.photos[1].main_box()
    assert of_second["bbox"] == [box.left, box.top, box.width, box.height] and of_second["area"] == box.width * box.height
    assert box.left + box.width <= 10 and box.top + box.height <= 20


def test_pillow_reads_the_palette_and_the_provenance(one):
    with Image.open(io.BytesIO(content(one, "masks"))) as picture:
        assert picture.mode == "P" and picture.size == (12, 8)
        np.testing.assert_array_equal(np.asarray(picture), at_size(CORNER, (8, 12)))
        assert picture.convert("RGB").getpixel((11, 7)) == PALETTE[2]
        assert json.loads(picture.text["encoderscope"])["names"] == ["cluster 0", "cluster 1", "cluster 2"]


def test_a_set_has_a_mask_per_photo(several):
    masks = entries(several, "masks")
    assert list(masks) == ["grey.png", "grey-2.png"]
    assert [Image.open(io.BytesIO(mask)).size for mask in masks.values()] == [(12, 8), (10, 20)]


def unpacked(rle: list[int]) -> np.ndarray:
    """What thi.ng/rle-pack's decoder makes of it."""
    bits, at = "".join(f"{byte:08b}" for byte in rle), 0

    def read(n: int) -> int:
        nonlocal at
        at += n
        return int(bits[at - n : at], 2)

    n_values, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < n_values:
        is_run, size = read(1), sizes[read(2)]
        length = read(size) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    return np.array(values, np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 30), (200, 300)])
def test_label_studio_unpacks_the_brush_that_was_packed(shape):
    masks = [np.zeros(shape, bool), np.ones(shape, bool), np.random.default_rng(0).random(shape) > 0.5]
    for mask in masks:  # runs of every size, and longer than the largest
        alpha = unpacked(list(brush_rle(mask))).reshape(*shape, 4)[:, :, 3]
        np.testing.assert_array_equal(alpha, 255 * mask)


def test_label_studio_gets_a_task_per_photo_and_a_mask_per_cluster(several):
    tasks = json.loads(content(several, "label-studio"))
    assert [task["data"] for task in tasks] == [{"image": "grey.png"}] * 2
    results = tasks[1]["predictions"][0]["result"]
    assert [found["value"]["brushlabels"] for found in results] == [["cluster 0"], ["cluster 1"], ["cluster 2"]]
    assert {(found["original_height"], found["original_width"], found["type"]) for found in results} == {(20, 10, "brushlabels")}
    covered = [unpacked(found["value"]["rle"]).reshape(20, 10, 4)[:, :, 3] > 0 for found in results]
    np.testing.assert_array_equal(np.argmax(covered, axis=0), at_size(CORNER, (20, 10)))


def test_a_line_of_yolo_is_a_box_around_a_region():
    export = export_of(result_for(grey_photo(8, 12)), 2)
    files = entries(export, "yolo")
    assert list(files) == ["grey.txt", "data.yaml", "grey.json"]
    lines = [line.split() for line in files["grey.txt"].decode().splitlines()]
    boxes = {int(cluster): tuple(map(float, numbers)) for cluster, *numbers in lines}
    assert boxes == {0: (0.25, 0.5, 0.5, 1.0), 1: (0.75, 0.5, 0.5, 1.0)}  # the left and the right half
    np.testing.assert_array_equal(HALVES, SEGMENTATION.at(2))
    assert files["data.yaml"].decode() == 'nc: 2\nnames:\n  0: "cluster 0"\n  1: "cluster 1"\n'


def test_clusters_of_one_name_keep_apart():
    export = export_of(result_for(grey_photo()), K)
    named = Export(export.provenance, export.maps, K, export.stems, ("sky", " ", "sky"))
    assert named.names == ("sky (0)", "cluster 1", "sky (2)")
