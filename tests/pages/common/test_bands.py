"""A file of many bands: which are seen is said, and can be chosen."""

import io

import numpy as np
import tifffile
from streamlit.testing.v1 import AppTest

from models.photo import read_photo


def many_bands() -> bytes:
    """Five bands of 8 bits, all of whose pixels are 10, 20, 30, 40 and 50."""
    buffer = io.BytesIO()
    values = np.full((4, 4, 5), (10, 20, 30, 40, 50), np.uint8)
    tifffile.imwrite(buffer, values, photometric="minisblack", planarconfig="contig", metadata=None)
    return buffer.getvalue()


def page():
    import streamlit as st

    from models.photo import read_photo
    from pages.common import bands

    data = st.session_state["data"]
    photo = bands.choose(st.session_state.get("photo") or read_photo(data, "five.tif"), data, "id")
    st.session_state["photo"] = photo
    bands.draw_notes([photo])


def test_bands_can_be_chosen_and_the_note_says_which_are_seen():
    app = AppTest.from_function(page)
    app.session_state["data"] = many_bands()
    app.run()
    assert [box.value for box in app.selectbox] == [1, 2, 3]
    assert app.caption[0].value == "The file has 5 bands; 1, 2, 3 are shown as red, green and blue."
    first = app.session_state["photo"]
    app.selectbox[0].set_value(5).run()
    photo = app.session_state["photo"]
    assert photo.bands == (5, 2, 3) and photo.pixels[0, 0].tolist() == [50, 20, 30]
    assert "5, 2, 3 are shown" in app.caption[0].value
    assert photo != first and photo.name == first.name
    app.run()
    assert app.session_state["photo"] is photo  # read once


def notes_page():
    import streamlit as st

    from pages.common import bands

    bands.draw_notes(st.session_state["photos"])


def test_of_many_notes_the_first_few_are_shown():
    app = AppTest.from_function(notes_page)
    app.session_state["photos"] = [read_photo(many_bands(), f"{n}.tif") for n in range(5)]
    app.run()
    assert len(app.caption) == 4
    assert "0.tif" in app.caption[0].value and "The file has 5 bands" in app.caption[0].value
    assert app.caption[3].value == "And 2 more remarks on other photos."
