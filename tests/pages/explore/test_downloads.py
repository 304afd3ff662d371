"""What can be taken away, checked against a segmentation that is known by heart."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from explainers.drawing.clusters import PALETTE
from explainers.results.segmentations import SegmentationsResult
from pages.explore import downloads
from pages.explore.look import Look
from tests.pages.hand_made import ENCODER, SEGMENTATION, grey_photo, result_for

COLOURS_ALONE = Look(n_clusters=2, clusters_only=True, outlines=False)


def test_the_picture_has_the_size_of_the_photo_and_the_colours_of_the_clusters():
    photo = grey_photo(6, 10)
    picture = Image.open(io.BytesIO(downloads.overlay_png(photo, result_for(photo), COLOURS_ALONE)))
    assert (picture.format, picture.size) == ("PNG", (10, 6))
    assert picture.getpixel((0, 0)) == PALETTE[0]
    assert picture.getpixel((9, 5)) == PALETTE[1]


def test_clusters_only_hides_the_photo_whatever_the_opacity():
    assert Look(2, opacity=0.1, clusters_only=True).cover == 1
    assert Look(2, opacity=0.1).cover == 0.1


def test_the_maps_are_those_of_the_command_line():
    maps = np.load(io.BytesIO(downloads.maps_npz(result_for(grey_photo()))))
    assert maps["ks"].tolist() == [2, 3]
    np.testing.assert_array_equal(maps["labels"], SEGMENTATION.labels)


def test_the_table_has_a_line_per_cluster_with_its_area_and_depth_shares():
    table = downloads.clusters_csv(result_for(grey_photo()), 3).decode()
    first, _, last = csv.DictReader(io.StringIO(table))
    assert first == {
        "cluster_idx": "0", "colour": "#E69F00", "area": "0.5", "n_regions": "1",
        "share_of_depth_1": "0.25", "share_of_depth_3": "0.75",
    }  # fmt: skip
    assert (last["area"], last["share_of_depth_1"]) == (str(3 / 16), "1.0")


def test_the_settings_name_what_is_needed_to_get_the_picture_again():
    photo = grey_photo()
    facts = json.loads(downloads.settings_json(photo, result_for(photo), Look(3, only=(2,))))
    assert facts["encoder"]["fingerprint"] == "f00d"
    assert facts["photo"] == {"name": "grey.png", "sha256": photo.sha256, "height": 8, "width": 8}
    assert facts["settings"]["depths"] == [1, 3]
    assert facts["look"] == {"n_clusters": 3, "opacity": 0.55, "outlines": True, "clusters_only": False, "only": [2]}
    assert facts["versions"] == {"torch": "2"}


def set_result(*photos):
    segmentations = (SEGMENTATION,) * len(photos)
    names, hashes = tuple(p.name for p in photos), tuple(p.sha256 for p in photos)
    return SegmentationsResult(segmentations, ENCODER, names, hashes, {"encoder": 0.1}, {"torch": "2"})


def test_a_set_has_a_file_of_maps_per_photo_also_where_two_go_by_one_name():
    archive = zipfile.ZipFile(io.BytesIO(downloads.set_maps_zip(set_result(grey_photo(), grey_photo(4, 4)))))
    assert len(set(archive.namelist())) == 2
    for name in archive.namelist():
        np.testing.assert_array_equal(np.load(io.BytesIO(archive.read(name)))["labels"], SEGMENTATION.labels)


def test_the_table_of_a_set_has_a_line_per_photo_and_cluster():
    lines = list(csv.DictReader(io.StringIO(downloads.set_clusters_csv(set_result(grey_photo(), grey_photo()), 3).decode())))
    assert [line["cluster_idx"] for line in lines] == ["0", "1", "2"] * 2
    assert sum(float(line["area"]) for line in lines) == pytest.approx(2)


def test_the_settings_of_a_set_name_every_photo():
    photos = [grey_photo(), grey_photo(4, 6)]
    facts = json.loads(downloads.set_settings_json(photos, set_result(*photos), 2))
    assert facts["together"] and [p["sha256"] for p in facts["photos"]] == [p.sha256 for p in photos]
    assert facts["photos"][1]["width"] == 6 and facts["encoder"]["fingerprint"] == "f00d"
