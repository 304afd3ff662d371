"""True masks and boxes: read as the owner of the format wrote them, and refused in a sentence where they are not."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle

from explainers.maps.boxes import Box
from explainers.truth.objects import MAX_OBJECTS, Place
from explainers.truth.reading import MB, name_for, read_truth, truth_file
from models.errors import UnreadableTruth

PLACE = Place("cat.jpg", (60, 90), (60, 90))
BLOBS = np.random.default_rng(0).random((60, 90)) > 0.6


def coco(
    *annotations, images=({"id": 7, "file_name": "a/Cat.jpg", "height": 60, "width": 90},), categories=((1, "cat"),)
) -> bytes:
    named = [{"id": idx, "name": name} for idx, name in categories]
    numbered = [{"id": n, "image_id": 7, "category_id": 1, **one} for n, one in enumerate(annotations)]
    return json.dumps({"images": list(images), "categories": named, "annotations": numbered}).encode()


def packed(mask) -> dict:
    found = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(found["size"]), "counts": found["counts"].decode()}


def counts(mask) -> list[int]:
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def png(values, palette=None, mode=None) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(values))
    if palette:
        picture.putpalette(palette)
    (picture.convert(mode) if mode else picture).save(buffer, "PNG")
    return buffer.getvalue()


def voc(boxes, size=(60, 90), head="") -> bytes:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, (a, b, c, d) in boxes
    )
    return f"{head}<annotation><size><height>{size[0]}</height><width>{size[1]}</width></size>{objects}</annotation>".encode()


# --- what is read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [BLOBS, ~BLOBS, np.ones((60, 90), bool), np.arange(5400).reshape(60, 90) < 4000])
@pytest.mark.parametrize("written", ["as pycocotools packs it", "as plain counts"])
def test_rle_is_read_as_pycocotools_means_it(mask, written):
    drawn = packed(mask) if written.startswith("as pyc") else {"size": [60, 90], "counts": counts(mask)}
    truth = read_truth(coco({"segmentation": drawn}), "a.json", PLACE)
    np.testing.assert_array_equal(truth.objects[0].mask, mask)
    assert truth.objects[0].name == "cat" and not truth.has_boxes


def test_a_polygon_is_filled_about_as_pycocotools_fills_it():
    corners = [10.0, 5.0, 70.0, 12.0, 60.0, 50.0, 20.0, 40.0]
    truth = read_truth(coco({"segmentation": [corners]}), "a.json", PLACE)
    theirs = rle.decode(rle.frPyObjects([corners], 60, 90)[0]).astype(bool)
    mine = truth.objects[0].mask
    assert (mine & theirs).sum() / (mine | theirs).sum() > 0.95


def test_an_annotation_without_a_mask_is_a_box_and_a_crowd_is_none():
    truth = read_truth(coco({"bbox": [9, 6, 18, 12]}, {"bbox": [0, 0, 9, 9], "iscrowd": 1}), "a.json", PLACE)
    assert [one.box for one in truth.objects] == [Box(6, 9, 12, 18)] and truth.has_boxes


def test_what_is_drawn_is_brought_to_the_size_of_the_map():
    small = Place("cat.jpg", (60, 90), (20, 30))
    truth = read_truth(
        coco({"bbox": [9, 6, 18, 12]}, {"segmentation": packed(np.arange(90) < np.full((60, 1), 45))}), "a.json", small
    )
    assert truth.objects[0].box == Box(2, 3, 4, 6)
    np.testing.assert_array_equal(truth.objects[1].mask, np.arange(30) < np.full((20, 1), 15))


def test_of_several_images_the_one_with_the_name_of_the_photo_counts():
    images = [{"id": n, "file_name": name, "height": 60, "width": 90} for n, name in ((3, "dog.png"), (7, "CAT.png"))]
    assert len(read_truth(coco({"bbox": [0, 0, 5, 5]}, images=images), "a.json", PLACE).objects) == 1
    with pytest.raises(
        UnreadableTruth, match=r"“a.json” cannot be used. It is about 2 images, and none of them is called 'cow.jpg'"
    ):
        read_truth(coco(images=images), "a.json", Place("cow.jpg", (60, 90), (60, 90)))


def test_voc_counts_from_one_and_takes_the_last_pixel_in():
    truth = read_truth(voc([("cat", (10, 7, 27, 18)), ("dog", (1, 1, 90, 60))]), "a.xml", PLACE)
    assert [(one.name, one.box) for one in truth.objects] == [("cat", Box(6, 9, 12, 18)), ("dog", Box(0, 0, 60, 90))]


def test_values_of_a_palette_are_objects_and_255_is_left_out_of_account():
    values = np.zeros((60, 90), np.uint8)
    values[10:20, 10:20], values[30:40, 30:50], values[:5] = 3, 15, 255
    for data in (png(values), png(values, palette=[*range(256)] * 3)):
        truth = read_truth(data, "a.png", PLACE)
        assert [one.name for one in truth.objects] == ["value 3", "value 15"]
        np.testing.assert_array_equal(truth.objects[1].mask, values == 15)
        np.testing.assert_array_equal(truth.left_out, values == 255)


def test_a_mask_of_0_and_255_is_one_object():
    truth = read_truth(png(np.where(BLOBS, 255, 0).astype(np.uint8)), "a.png", PLACE)
    np.testing.assert_array_equal(truth.objects[0].mask, BLOBS)
    assert not truth.left_out.any()


def test_colours_are_objects_and_black_is_none():
    values = np.zeros((60, 90, 3), np.uint8)
    values[:10], values[20:30], values[40:42] = (128, 0, 0), (0, 128, 0), (224, 224, 192)
    truth = read_truth(png(values), "a.png", PLACE)
    assert [one.name for one in truth.objects] == ["colour #008000", "colour #800000"]
    assert truth.left_out.sum() == 2 * 90


# --- what is refused ----------------------------------------------------------------------------------------------------------

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
MANY = [{"bbox": [0, 0, 5, 5]}] * (MAX_OBJECTS + 1)
HUGE = {"size": [60, 90], "counts": [10**9, 10**9]}


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.json", b"", "not a COCO file"),
        ("a.json", b"[" * 100_000, "not a COCO file"),
        ("a.json", b"[1, 2]", "not a COCO file"),
        ("a.json", b"\xff\xfe\x00", "not a COCO file"),
        ("a.json", coco({"segmentation": {"size": [60, 90], "counts": "~~~~"}}), "not a COCO file"),
        ("a.json", coco({"segmentation": {"size": [60, 90], "counts": "o" * 50}}), "not a COCO file"),
        ("a.json", coco({"segmentation": HUGE}), "do not add up"),
        ("a.json", coco({"segmentation": {"size": [60, 90], "counts": [-5, 5405]}}), "not a COCO file"),
        ("a.json", coco({"segmentation": {"size": [10**9, 10**9], "counts": [1]}}), "not a COCO file"),
        ("a.json", coco({"segmentation": [[1, 2, 3, 4]]}), "fewer than three corners"),
        ("a.json", coco({"segmentation": [[1e308, 2, float("nan"), 4, 5, 6]]}), "not a COCO file"),
        ("a.json", coco({"bbox": [500, 500, 5, 5]}), "holds nothing of the photo"),
        ("a.json", coco({"bbox": ["a", 0, 5, 5]}), "not a COCO file"),
        ("a.json", coco(*MANY), "at most 200"),
        ("a.json", coco(), "no object"),
        ("a.json", coco({"bbox": [0, 0, 5, 5]}, images=[{"id": 7, "file_name": "x", "height": 90, "width": 60}]), "60 × 90 px"),
        ("a.xml", b"<annotation>", "not an annotation"),
        ("a.xml", voc([("cat", ("a", 1, 2, 3))]), "not an annotation"),
        ("a.xml", voc([("cat", (20, 20, 10, 10))]), "holds nothing"),
        ("a.xml", voc([("cat", ("inf", 1, 2, 3))]), "holds nothing"),
        ("a.xml", voc([], head=LAUGHS), "document type"),
        ("a.xml", voc([("&b;", (1, 1, 9, 9))], head=OUTSIDE), "document type"),
        ("a.xml", b" " * (MB + 1), "at most 1 MB"),
        ("a.xml", b"<a>" * 200_000, "not an annotation"),
        ("a.png", b"GIF89a", "not a PNG"),
        ("a.png", png(np.ones((60, 90), np.uint8))[:60], "not a PNG"),
        ("a.png", png(np.zeros((60, 90), np.uint8)), "no object"),
        ("a.png", png(np.ones((90, 60), np.uint8)), "60 × 90 px"),
        ("a.png", png(np.arange(5400, dtype=np.int32).reshape(60, 90), mode="I;16"), "at most 200"),
        ("a.txt", b"", "none of .json, .xml, .png"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_is_said_in_a_sentence_with_the_name_of_the_file(name, data, sentence):
    with pytest.raises(UnreadableTruth) as refused:
        read_truth(data, name, PLACE)
    assert sentence in str(refused.value) and str(refused.value).startswith(f"“{name}” cannot be used. ")
    assert len(str(refused.value)) < 300


def test_in_a_folder_the_stem_of_the_photo_finds_its_file(tmp_path):
    (tmp_path / "cat.xml").write_bytes(b"")
    (tmp_path / "all.json").write_bytes(b"")
    assert truth_file(tmp_path, tmp_path / "elsewhere/cat.jpg").name == "cat.xml"
    assert truth_file(tmp_path, tmp_path / "elsewhere/dog.jpg").name == "all.json"
    (tmp_path / "more.json").write_bytes(b"")
    with pytest.raises(UnreadableTruth, match="no single COCO file"):
        truth_file(tmp_path, tmp_path / "dog.jpg")


def test_a_photo_has_the_file_of_its_name_or_the_only_coco_file():
    assert name_for("cat", ["dog.png", "cat.png", "all.json"]) == "cat.png"
    assert name_for("cow", ["dog.png", "cat.png", "all.json"]) == "all.json"
    assert name_for("cow", ["a.json", "b.json"]) is None
