"""The link: what is written can be read again, and only what was asked for in vain is complained about."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.common.link import read, show


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (True, "1"), (False, "0"), ("scenes-cnn", "scenes-cnn"), ([0, 2, 5], "0,2,5"), ([3], "3")]
)
def test_what_is_shown_reads_back(value, text):
    assert show(value) == text
    assert read(text, type(value)) == value


@pytest.mark.parametrize(("text", "kind"), [("yes", bool), ("", bool), ("2", bool), ("many", int), ("", list), ("1,two", list)])
def test_what_is_no_value_is_refused(text, kind):
    with pytest.raises(ValueError):
        read(text, kind)


def test_a_list_is_read_sorted_and_without_repeats():
    assert read("5,1,5", list) == [1, 5]


def page():
    import streamlit as st

    from pages.common import link

    link.begin()
    limit = st.session_state.get("limit", 10)
    link.settle("size", limit, range(limit + 1).__contains__)
    st.slider("Size", 0, 20, key="size", persist_state="session")
    st.text(link.complaints())
    link.write()


def opened(**address: str) -> AppTest:
    app = AppTest.from_function(page)
    app.query_params.update(address)
    return app.run()


def test_a_default_is_not_written():
    assert opened().query_params == {}
    assert opened(size="10").query_params == {}


def test_a_wish_is_granted_and_a_change_written():
    app = opened(size="4")
    assert app.slider("size").value == 4 and app.text[0].value == ""
    app.slider("size").set_value(6).run()
    assert app.query_params == {"size": "6"}


def test_an_impossible_wish_is_answered_by_the_default_and_a_sentence_that_goes_away():
    app = opened(size="11")
    assert app.slider("size").value == 10
    assert "“11”" in app.text[0].value
    assert app.run().text[0].value == ""


def test_a_very_long_wish_is_cut_short():
    assert len(opened(size="9" * 5000).text[0].value) < 200


def test_a_value_at_its_default_follows_the_default_and_another_stays():
    app = opened()
    app.session_state["limit"] = 5
    assert app.run().slider("size").value == 5
    app.slider("size").set_value(3).run()
    app.session_state["limit"] = 8
    assert app.run().slider("size").value == 3


def test_a_granted_wish_stays_when_the_default_that_it_equals_changes():
    app = opened(size="10")
    app.session_state["limit"] = 15
    app.run()
    assert app.slider("size").value == 10 and app.query_params == {"size": "10"}


def test_going_back_restores_what_the_address_says():
    app = opened(size="4")
    app.slider("size").set_value(6).run()
    app.query_params["size"] = "4"  # what the back button does
    assert app.run().slider("size").value == 4


def test_a_run_that_the_page_asks_for_itself_takes_no_wish_from_an_old_address():
    app = opened(size="4")
    app.slider("size").set_value(6).run()
    app.session_state["link.ours"] = True  # what link.rerun() leaves behind
    app.query_params["size"] = "4"  # the browser has not yet heard of the 6
    assert app.run().slider("size").value == 6
    assert app.run().slider("size").value == 4  # now it is the back button


def test_parameters_of_others_are_dropped():
    assert opened(size="4", utm_source="mail").query_params == {"size": "4"}
