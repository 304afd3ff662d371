"""What can be taken away, checked against a segmentation that is known by heart."""

import io
import json

from PIL import Image

from explainers.drawing.clusters import PALETTE
from explainers.results.segmentations import SegmentationsResult
from pages.explore import downloads
from pages.explore.appearance import Appearance
from tests.pages.hand_made import SEGMENTATION, grey_photo, provenance, result_for

COLOURS_ALONE = Appearance(n_clusters=2, clusters_only=True, outlines=False)


def test_the_picture_is_as_wide_as_the_photo_in_the_colours_of_the_clusters_above_a_line():
    photo = grey_photo(6, 10)
    picture = Image.open(io.BytesIO(downloads.overlay_png(photo, result_for(photo), COLOURS_ALONE)))
    assert (picture.format, picture.width) == ("PNG", 10) and picture.height > 6
    assert picture.getpixel((0, 0)) == PALETTE[0]
    assert picture.getpixel((9, 5)) == PALETTE[1]


def test_clusters_only_hides_the_photo_whatever_the_opacity():
    assert Appearance(2, opacity=0.1, clusters_only=True).drawn_opacity == 1
    assert Appearance(2, opacity=0.1).drawn_opacity == 0.1


def test_the_settings_name_what_is_needed_to_get_the_picture_again():
    photo = grey_photo()
    facts = json.loads(downloads.settings_json(result_for(photo), Appearance(3, only=(2,))))
    assert facts["encoder"]["fingerprint"] == "f00d"
    assert facts["photo"] == {"name": "grey.png", "sha256": photo.sha256, "height": 8, "width": 8}
    assert facts["settings"]["depths"] == [1, 3]
    assert facts["look"] == {"n_clusters": 3, "opacity": 0.55, "outlines": True, "clusters_only": False, "only": [2]}
    assert facts["versions"] == {"torch": "2"}


def test_the_settings_of_photos_together_name_every_photo():
    photos = [grey_photo(), grey_photo(4, 6)]
    result = SegmentationsResult(provenance(SEGMENTATION.settings, *photos), (SEGMENTATION,) * 2)
    facts = json.loads(downloads.together_settings_json(result, 2))
    assert facts["together"] and [p["sha256"] for p in facts["photos"]] == [p.sha256 for p in photos]
    assert facts["photos"][1]["width"] == 6 and facts["encoder"]["fingerprint"] == "f00d"
