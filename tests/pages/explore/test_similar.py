"""Similar places and activations as colours on Explore, without a browser."""

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explainers.nave.components import N_COMPONENTS, Components, PrincipalComponents
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.components import ComponentsResult
from explainers.service.questions import FindComponents, Segment
from pages.common.places import read_place, show_place
from pages.explore import place_downloads, similar
from pages.explore.similar import Pinned
from tests.pages.explore.test_explore import live_views, sentences
from tests.pages.hand_made import grey_photo, provenance

# Two positions, opposite to each other, and a third of the same kind as the first.
CODES = np.array([[[127, 0], [-127, 0]], [[127, 0], [0, 127]]], np.int8)
COLOURS = np.array([[[255, 0, 0], [0, 0, 255]], [[255, 0, 0], [0, 255, 0]]], np.uint8)
STEPS = np.full(2, 1 / 127, np.float32)
IMAGE = Components(CODES, COLOURS, STEPS)
COMPONENTS = PrincipalComponents((IMAGE,), 0.9, (0.5, 0.25), 0.99)
PIN = Pinned(0, (0.1, 0.1), 0.5)


def result_for(*photos) -> ComponentsResult:
    components = PrincipalComponents((IMAGE,) * len(photos), 0.9, (0.5, 0.25), 0.99)
    return ComponentsResult(provenance(ComponentSettings((1, 3)), *photos), components)


def places(app: AppTest) -> dict:
    (view,) = live_views(app)
    return view["places"]


@pytest.fixture
def asked(service, monkeypatch) -> list:
    """Every question from now on."""
    questions, ask = [], service.ask
    monkeypatch.setattr(service, "ask", lambda question, view: questions.append(question) or ask(question, view))
    return questions


def test_clusters_are_shown_until_something_else_is_chosen(explore: Callable[..., AppTest]):
    app = explore()
    assert app.get_by_key("show").value == "clusters" and "places" not in live_views(app)[0]
    app.get_by_key("show").set_value("similar").run()
    assert not app.exception and places(app)["mode"] == "similar" and places(app)["pin"] is None
    assert app.query_params["show"] == "similar"
    assert "Pin a place with a click" in sentences(app)


def test_similar_places_need_no_clusters(explore, asked):
    app = explore(show="similar")
    assert not app.exception
    assert any(isinstance(question, FindComponents) for question in asked)
    assert not any(isinstance(question, Segment) for question in asked)


def test_a_link_decides_place_and_threshold(explore, asked):
    app = explore(show="similar", at="0.25,0.5", alike="62", opacity_similar="70")
    (pinned,) = [places(app)["pin"]]
    assert (pinned["pane"], pinned["place"]) == ("0", [0.25, 0.5]) and len(pinned["codes"]) <= N_COMPONENTS
    (view,) = live_views(app)
    assert view["appearance"] == {"frame": 0, "opacity": 0.7, "threshold": 0.62, "blink": False}
    assert {key: app.query_params[key] for key in ("show", "at", "alike", "opacity_similar")} == {
        "show": "similar", "at": "0.25,0.5", "alike": "62", "opacity_similar": "70",
    }  # fmt: skip
    assert [button.label for button in app.get("download_button")] == ["Picture", "Similarity", "Settings"]
    n_before = len(asked)
    app.slider("alike").set_value(70).run()
    assert app.query_params["alike"] == "70" and len(asked) == n_before
    assert similar_of(app) == Pinned(0, (0.25, 0.5), 0.7)


def similar_of(app: AppTest) -> Pinned | None:
    """What others read of the page's state."""
    state = app.session_state
    return Pinned(state["at_photo"], read_place(state["at"]), state["alike"] / 100)


@pytest.mark.parametrize(("key", "wish"), [("at", "0.5"), ("at", "2,0"), ("at", "nan,0"), ("alike", "200"), ("at_photo", "3")])
def test_a_bad_link_gives_one_sentence_and_the_default(explore, key, wish):
    app = explore(show="similar", **{key: wish})
    assert not app.exception and len(app.warning) == 1 and "is not possible here" in app.warning[0].value
    assert key not in app.query_params


def test_colours_come_with_their_recipe(explore):
    app = explore(show="colours", depths="0,2")
    assert not app.exception and places(app)["mode"] == "colours"
    recipe = next(caption.value for caption in app.caption if caption.value.startswith("Red, green and blue"))
    assert "depths 0, 2" in recipe and "scaling: balanced" in recipe and "mean over all places of this photo" in recipe
    assert [button.label for button in app.get("download_button")] == ["Picture", "Settings"]


def test_several_photos_are_compared_with_one_place(explore):
    app = explore(photos="set", n_scenes="4", show="similar", at="0.5,0.5", at_photo="2")
    assert not app.exception
    (view,) = live_views(app)
    assert (
        view["together"]
        and [pane["id"] for pane in view["panes"]] == ["0", "1", "2", "3"]
        and view["places"]["pin"]["pane"] == "2"
    )
    kept = [element.proto.bytes for element in app.get("bidi_component") if element.proto.component_name == "live_bytes"]
    assert len(kept) == 8


# --- the pinned region ----------------------------------------------------------------------------------------------------


def test_the_pinned_region_is_what_is_similar_enough():
    assert similar.pinned_mask(COMPONENTS, PIN, 0, (2, 2)).tolist() == [[True, False], [True, False]]
    at_photo_size = similar.pinned_mask(COMPONENTS, PIN, 0, (20, 40))
    assert at_photo_size.shape == (20, 40) and at_photo_size[:, :10].all() and not at_photo_size[:, 30:].any()
    everything = similar.pinned_mask(COMPONENTS, Pinned(0, (0.1, 0.1), -1.0), 0, (3, 3))
    assert everything.all()


def test_the_region_of_another_photo_is_similar_to_the_place_of_the_first():
    other = Components(CODES[:, ::-1].copy(), COLOURS, STEPS)
    both = PrincipalComponents((IMAGE, other), 0.9, (0.5, 0.25), 0.99)
    assert similar.pinned_mask(both, PIN, 1, (2, 2)).tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize("place", [(0.5, 0.25), (0.0, 1.0), (0.1235, 0.9)])
def test_a_place_comes_out_of_the_link_as_it_went_in(place):
    assert read_place(show_place(place)) == place


def test_clusters_and_seed_do_not_matter():
    photo = grey_photo()
    one, other = (similar.question("a", (photo,), NaveSettings((1,), max_clusters=k, seed=k)) for k in (3, 9))
    assert one == other and one.settings == ComponentSettings((1,))


# --- downloads ------------------------------------------------------------------------------------------------------------


def test_the_picture_is_as_large_as_the_photo_above_a_line():
    photo = grey_photo(60, 80)
    picture = Image.open(io.BytesIO(place_downloads.picture_png([photo], result_for(photo), PIN, 1.0)))
    assert picture.width == 80 and picture.height > 60
    assert picture.getpixel((1, 50)) == (253, 231, 37) and picture.getpixel((78, 2)) == (100, 100, 100)
    colours = Image.open(io.BytesIO(place_downloads.picture_png([photo], result_for(photo), None, 1.0)))
    assert colours.getpixel((1, 1)) == (255, 0, 0) and colours.getpixel((78, 58)) == (0, 255, 0)


def test_several_photos_come_as_one_sheet_and_one_archive():
    photos = [grey_photo(), grey_photo(4, 6)]
    result = result_for(*photos)
    assert Image.open(io.BytesIO(place_downloads.picture_png(photos, result, PIN, 1.0))).width > 900
    assert place_downloads.maps_file(result, PIN)[:2] == b"PK"


def test_the_settings_name_the_place_and_what_the_components_are_worth():
    photo = grey_photo()
    facts = json.loads(place_downloads.settings_json(result_for(photo), PIN))
    assert facts["pinned"] == {"photo_idx": 0, "place": [0.1, 0.1], "threshold": 0.5}
    assert facts["settings"] == {"depths": [1, 3], "scaling": "balanced", "input_size": 448}
    assert facts["rank_correlation"] == 0.99 and facts["encoder"]["fingerprint"] == "f00d"
