"""What the live view sends to the browser, without a browser."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from models.photo import photo_from_array
from pages.common.live_view.live_view import packed, photo_file


def unpacked(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """What the browser does with it."""
    return np.cumsum(np.frombuffer(zlib.decompress(content), np.uint8).reshape(shape), axis=0, dtype=np.uint8)


def test_maps_come_out_as_they_went_in():
    maps = np.random.default_rng(0).integers(0, 40, (5, 6, 7), dtype=np.uint8)
    maps.setflags(write=False)
    np.testing.assert_array_equal(unpacked(packed(maps), maps.shape), maps)


def test_maps_that_differ_little_are_small():
    rows, columns = np.mgrid[:300, :448]
    maps = np.stack([(rows // 60 * 8 + columns // 60) % k for k in range(2, 21)]).astype(np.uint8)
    repeated = np.repeat(maps[:1], 19, axis=0)
    assert len(packed(repeated)) < 1.2 * len(packed(maps[:1])) + 4000  # a map that comes again costs next to nothing
    assert len(packed(maps)) < 400_000


@pytest.mark.parametrize(("shape", "expected"), [((30, 50), (50, 30)), ((20, 5000), (4096, 16))])
def test_the_photo_keeps_its_size_as_far_as_browsers_go(shape, expected):
    photo = photo_from_array(np.zeros((*shape, 3), np.uint8), "a photo")
    with Image.open(io.BytesIO(photo_file(photo))) as file:
        assert (file.format, file.size) == ("JPEG", expected)


def two_panes():
    import numpy as np
    import streamlit as st

    from models.photo import photo_from_array
    from pages.common.live_view.live_view import Controls, Cover, Pane, Waiting, live_view

    photo = photo_from_array(np.zeros((8, 8, 3), np.uint8), "a photo")
    maps = np.stack([np.arange(16, dtype=np.uint8).reshape(4, 4) % k for k in (2, 3)])
    regions = st.slider("Regions", 10, 12, key="regions")
    left = Pane("left", photo, maps, at=(0, 0, 1), alt="left", title="Left", colours=((1, 0), (0, 1), (2, 1, 0)))
    right = Waiting("right", photo, "Right", "is being opened")
    live_view("both", [left, right], range(10, 13), regions, Cover(), Controls({"frame": "regions"}, print))


def test_panes_share_a_photo_and_one_may_still_be_waiting():
    app = AppTest.from_function(two_panes).run()
    assert not app.exception
    protos = [element.proto for element in app.get("bidi_component")]
    assert sorted(proto.component_name for proto in protos) == ["live_bytes", "live_bytes", "live_view"]
    view = next(proto.json for proto in protos if proto.component_name == "live_view")
    assert '"sentence": "is being opened"' in view and '"at": [0, 0, 1]' in view and '"frame": "st-key-regions"' in view
