"""The thread: what follows to the next page after a reload is what somebody chose, not what a page began with."""

from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from pages.common import link, photos, thread

    link.begin()
    photos.choose("scenes")
    link.write()
    st.session_state["kept"] = dict(thread.shelf().choices)


def test_a_scene_that_nobody_chose_does_not_follow():
    app = AppTest.from_function(page, default_timeout=240).run()
    assert app.selectbox("photo").value == "scene" and app.session_state["kept"] == {}
    app.selectbox("photo").set_value("coffee").run()
    assert app.session_state["kept"]["photo"] == "coffee"


def test_what_a_link_names_follows_even_where_a_page_begins_with_it():
    app = AppTest.from_function(page, default_timeout=240)
    app.query_params["photo"] = "scene"
    assert app.run().session_state["kept"]["photo"] == "scene"
