"""The widget of a notebook: what its script is made of, and the bytes that it sends."""

import io
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from explainers.nave.parts import Found, Parts
from explainers.nave.settings import NaveSettings
from explainers.results.found_parts import LIMITS, FoundPartsResult
from explainers.results.named_parts import NamedParts
from models.errors import BadSettings
from pages.common.live_view.packing import SCRIPT
from pages.notebook import show
from pages.notebook.widget import script
from tests.house import ROOT
from tests.pages.hand_made import SEGMENTATION, grey_photo, provenance, result_for

pytest.importorskip("anywidget", reason="anywidget is not installed")
PHOTO = grey_photo(8, 12)


def test_the_script_is_that_of_the_pages_with_one_entry():
    assert SCRIPT.count("export default") == script().count("export default") == 1
    body = SCRIPT.partition("export default function (")
    assert script().startswith(body[0]) and body[2] in script()


def test_maps_and_photo_travel_as_bytes_under_their_names():
    widget = show(result_for(PHOTO), PHOTO, ["sky", ""])
    (pane,) = widget.data["panes"]
    differences = np.frombuffer(zlib.decompress(widget.files[pane["maps"]]), np.uint8).reshape(pane["shape"])
    np.testing.assert_array_equal(np.cumsum(differences, axis=0, dtype=np.uint8), SEGMENTATION.labels)
    with Image.open(io.BytesIO(widget.files[pane["photo"]])) as picture:
        assert picture.size == (12, 8)
    assert widget.data["frames"] == [2, 3] and widget.frame == SEGMENTATION.suggested_k
    assert pane["names"] == [["sky", ""]] and set(widget.files) == {pane["maps"], pane["photo"]}


def test_named_parts_have_the_distance_as_their_slider():
    parts = Parts(NaveSettings(depths=(1,), scaling="raw"), np.zeros((2, 1), np.float32), ())
    found = Found(np.array([[0, 1]], np.uint8), np.array([[0.1, 2.0]], np.float16))
    named = NamedParts(parts, ("sky", ""), (1.0, 1.0), "e", "f00d", (), "0")
    widget = show(FoundPartsResult(provenance(parts.settings, PHOTO), named, (found,)), PHOTO)
    assert widget.data["frames"] == list(LIMITS) and widget.frame == 2 and widget.data["word"] == "Distance limit"
    names = widget.data["panes"][0]["names"][0]
    assert names[0] == "sky" and names[40] == "unknown"


def test_other_photos_are_refused():
    with pytest.raises(BadSettings, match="not the photos of the result"):
        show(result_for(PHOTO), grey_photo(9, 12))


def test_a_notebook_needs_no_streamlit():
    code = "import sys, pages.notebook; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
