"""What the Explain page shows in every state, without a browser."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from explainers.interventions.settings import InterventionSettings
from explainers.library.library import ConceptLibrary
from explainers.saliency.settings import SaliencySettings
from explainers.service.questions import ExplainClass, ExplainPhoto, InterveneOnPhoto
from explainers.service.service import ExplainerService
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import holm
from models.catalog.catalog import Catalog
from models.errors import OutOfMemory
from pages.common import jobs, plots
from pages.common.text import escaped
from pages.explain import second_opinion
from tests.pages.conftest import app_at
from tests.pages.tiny_encoders import CLASS_NAMES, CNN, NO_CLASSES, VIT, write_tiny_encoders

SPARING = {"encoder": CNN, "steps": "10", "null": "20", "replicates": "5", "depths": "2,3"}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def noise(seed: int) -> bytes:
    return png(np.random.default_rng(seed).integers(0, 255, (32, 32, 3)))


def stripes(seed: int) -> bytes:
    rows, columns = np.mgrid[:32, :32]
    return png(np.repeat((((rows + seed * columns) % 8 < 4) * 255)[..., None], 3, axis=2))


def fill(library: ConceptLibrary) -> ConceptLibrary:
    """Two concepts and a random counterpart, as small as they can be."""
    library.add("stripes", "concept", [(f"{i}.png", stripes(i)) for i in range(1, 7)])
    library.add("noise, mostly", "concept", [(f"{i}.png", noise(i)) for i in range(6)])
    library.add("anything", "random", [(f"{i}.png", noise(100 + i)) for i in range(12)])
    return library


@pytest.fixture(scope="module")
def own_service(tmp_path_factory) -> Iterator[ExplainerService]:
    library = fill(ConceptLibrary(tmp_path_factory.mktemp("library"), starters=None))
    service = ExplainerService(Catalog(write_tiny_encoders(tmp_path_factory.mktemp("encoders"))), library=library)
    yield service
    service.close()


@pytest.fixture
def service(own_service, monkeypatch) -> ExplainerService:
    monkeypatch.setattr(jobs, "service", lambda: own_service)
    return own_service


@pytest.fixture
def explain(service) -> Callable[..., AppTest]:
    """Opens the page with the given link, sparing with steps and draws."""

    def opened(**link: str) -> AppTest:
        app = app_at("explain")
        app.query_params.update(SPARING | link)
        return app.run()

    return opened


@pytest.fixture
def asked(service, monkeypatch) -> list:
    """Every explanation that is asked for from now on."""
    questions, ask = [], service.ask

    def asking(question, view):
        if isinstance(question, ExplainPhoto | ExplainClass):
            questions.append(question)
        return ask(question, view)

    monkeypatch.setattr(service, "ask", asking)
    return questions


def captions(app: AppTest) -> list[str]:
    return [caption for image in app.get("image") for caption in image.captions]


def table(app: AppTest, column: str):
    """The table that has this column."""
    return next(frame.value for frame in app.dataframe if column in frame.value)


def test_a_first_visit_shows_a_result_without_a_click(service, monkeypatch):
    asked, ask = [], service.ask

    def hurried(question, view):
        asked.append(getattr(question, "settings", None))
        if isinstance(question, ExplainPhoto | InterveneOnPhoto):  # an answer of a twelfth of the work
            question = replace(question, settings=replace(question.settings, input_size=64))
        return ask(question, view)

    monkeypatch.setattr(service, "ask", hurried)
    app = app_at("explain").run()
    assert ExplainSettings() in asked
    assert not app.exception and not app.error and not app.warning
    assert app.selectbox("photo").value == "chelsea"
    assert app.selectbox("pick").value == "efficientnet-lite0"
    assert {"stripes", "noise, mostly"} == set(table(app, "Attribution")["Concept"])
    assert app.query_params == {"encoder": "efficientnet-lite0"}


def test_a_link_with_nothing_but_a_scene_opens_as_it_did_when_scenes_came_first(service):
    app = app_at("explain")
    app.query_params.update(scene="172", null="20", replicates="5", steps="10", depths="4")
    app.run()
    assert (app.selectbox("photo").value, app.selectbox("pick").value) == ("scene", "scenes-cnn")
    assert not app.exception and any("scene-172" in text.value for text in app.markdown)


def test_every_concept_has_a_map_and_every_class_its_bars(explain):
    app = explain()
    assert not app.exception and not app.error
    shown = captions(app)
    assert shown[0] == "Photo" and [name.split("**")[1] for name in shown[1:]] == ["noise, mostly", "stripes"]
    assert len(app.get("plotly_chart")) == 3 + 1 + 1  # a class each, the depths, the dose-response curve
    assert table(app, "Attribution")["Depth"].tolist() == ["2", "3", "all"] * 2


def test_looking_differently_asks_the_service_for_nothing(explain, asked):
    app = explain()
    n_before = len(asked)
    assert n_before == 1
    app.slider("heat_opacity").set_value(30).run()
    app.get_by_key("depth").set_value("all").run()
    assert len(captions(app)) == 2 * 3 and app.query_params["depth"] == "all"
    app.get_by_key("depth").set_value(2).run()
    assert len(captions(app)) == 3 and len(asked) == n_before
    assert (app.query_params["heat_opacity"], app.query_params["depth"]) == ("30", "2")


def test_a_link_decides_everything_on_the_first_request(explain):
    link = {
        "photo": "china", "concepts": "stripes", "classes": "1,4", "depth": "2", "of": "4", "seed": "5",
        "heat_threshold": "40", "input": "224",
    }  # fmt: skip
    app = explain(**link)
    assert not app.exception and not app.warning and not app.error
    assert app.multiselect("concepts").value == ["stripes"]
    assert app.multiselect("classes").value == [1, 4]
    assert app.get_by_key("depth").value == 2
    assert table(app, "Attribution")["Concept"].tolist() == ["stripes"] * 3
    assert app.query_params == SPARING | link


@pytest.mark.parametrize(
    ("key", "wish", "word"),
    [
        ("concepts", "stripes,unknown", "concepts"),
        ("concepts", "/etc", "concepts"),
        ("random", "nothing", "random counterpart"),
        ("classes", "1,99", "classes"),
        ("depths", "77", "depths"),
        ("depth", "77", "depth"),
        ("steps", "11", "steps"),
        ("null", "many", "pseudo-concepts"),
        ("tab", "both", "tab"),
        ("heat_opacity", "101", "opacity"),
        ("take", "nothing", "concept to take away"),
        ("take_depth", "77", "depth to take it from"),
        ("strength", "0.3", "strength"),
        ("take_from", "sky", "tokens to take it from"),
        ("take_by", "magic", "way to take it away"),
    ],
)
def test_a_bad_link_gives_one_sentence_and_the_default(explain, key, wish, word):
    app = explain(**{key: wish})
    assert not app.exception and not app.error
    said = escaped(f"The link asks for {word} “{wish}”, which is not possible here; the default is shown instead.")
    assert [warning.value for warning in app.warning] == [said]
    assert key not in app.query_params


def test_turning_to_another_page_and_back_loses_nothing(explain):
    app = explain(photo="china", concepts="stripes")
    for page in ("pages/concepts/page.py", "pages/explain/page.py"):
        app.query_params.clear()  # as Streamlit does when a page is turned
        app.switch_page(page).run()
        assert not app.exception
        assert app.query_params["encoder"] == CNN
    assert app.multiselect("concepts").value == ["stripes"]
    assert app.query_params == SPARING | {"photo": "china", "concepts": "stripes"}


def test_an_encoder_without_classes_is_one_sentence(explain):
    app = explain(encoder=NO_CLASSES, depths="2")
    assert not app.exception and not app.error
    assert len(app.info) == 1 and "no class to attribute to" in app.info[0].value and "Explore" in app.info[0].value


def test_without_a_concept_the_page_says_what_to_do(explain, asked):
    app = explain()
    n_before = len(asked)
    app.multiselect("concepts").set_value([]).run()
    assert not app.exception and "at least one concept" in app.info[0].value
    assert len(asked) == n_before
    app.multiselect("concepts").set_value(["stripes"]).run()
    assert not app.info and set(table(app, "Attribution")["Concept"]) == {"stripes"}


@pytest.fixture
def changes(service, monkeypatch) -> list[InterveneOnPhoto]:
    """Every intervention that is asked for from now on."""
    questions, ask = [], service.ask

    def asking(question, view):
        if isinstance(question, InterveneOnPhoto) and len(question.settings.strengths) > 2:
            questions.append(question)
        return ask(question, view)

    monkeypatch.setattr(service, "ask", asking)
    return questions


def test_a_concept_is_taken_away_and_its_choice_is_in_the_link(explain, changes):
    app = explain()
    assert not app.exception and not app.error
    first = changes[-1]
    assert len(first.concepts) == len(first.settings.depths) == 1
    app.selectbox("take").set_value("noise, mostly").run()
    tested = table(app, "Concept removed")
    assert tested["Concept removed"].tolist() == ["noise, mostly", "stripes"]
    assert sorted(tested["Corrected p"]) == pytest.approx(sorted(holm(tested["Raw p"].tolist())))
    assert (first.settings.n_null, first.settings.n_fitted) == (20, 20)
    app.selectbox("take").set_value("stripes").run()
    app.get_by_key("take_depth").set_value(3).run()
    app.get_by_key("take_by").set_value("leace").run()
    last = changes[-1]
    assert [c.name for c in last.concepts] == ["stripes"] and last.settings.depths == (3,) and last.settings.method == "leace"
    assert app.selectbox("take").value == "stripes" and app.query_params["take_by"] == "leace"
    assert not app.exception and not app.error


def test_a_link_decides_what_is_taken_away(explain, changes):
    link = {"take": "stripes", "take_depth": "2", "strength": "1.5", "take_by": "leace"}
    app = explain(depth="3", **link)
    assert not app.exception and not app.warning
    assert changes[-1].settings.depths == (2,) and changes[-1].settings.method == "leace"
    assert {key: app.query_params[key] for key in ("strength", "take_by")} == {"strength": "1.5", "take_by": "leace"}
    assert app.selectbox("take").value == "stripes"


def test_prefix_tokens_are_offered_where_the_encoder_has_them(explain, changes):
    app = explain(take_from="prefix")
    assert len(app.warning) == 1 and changes[-1].settings.where == InterventionSettings.where
    app = explain(encoder=VIT, depths="2", take_from="prefix")
    assert not app.exception and not app.warning and changes[-1].settings.where == "prefix"


def test_a_second_opinion_is_asked_for_and_stands_beside_random_orders(explain, monkeypatch):
    monkeypatch.setattr(second_opinion, "SaliencySettings", partial(SaliencySettings, n_random=9, n_shares=3))
    app = explain()
    assert not any("Agreement" in frame.value for frame in app.dataframe)
    app.toggle("opinion").set_value(True).run()
    assert not app.exception and not app.error and app.query_params["opinion"] == "1"
    areas = table(app, "Agreement")
    assert areas["Map"].tolist()[1:] == ["Grad-CAM", "Integrated gradients", "Middle first", "Random orders"]
    assert areas["Deletion"].between(0, 1).all() and areas["Raw p (del.)"][:4].between(0.1, 1).all()
    redrawn = []
    monkeypatch.setattr(st, "rerun", redrawn.append)
    app.slider("heat_opacity").set_value(40).run()
    assert redrawn == [["local", "second opinion"]]  # its maps are covered by the same heat


def test_a_bad_upload_is_refused_in_a_sentence_and_the_page_goes_on(explain):
    app = explain()
    app.file_uploader("uploads").upload("broken.jpg", b"<html>").run()
    assert len(app.error) == 1 and "broken.jpg" in app.error[0].value
    assert len(captions(app)) == 3


def test_a_class_needs_images(explain, asked):
    app = explain(tab="class")
    assert not app.exception and not app.error
    assert "Upload images of the class" in app.info[0].value and "images of their own" in app.info[0].value
    assert asked == []


@pytest.fixture
def with_images(explain) -> AppTest:
    """A class over three images that came in a .zip, with one file that is no image."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(3):
            archive.writestr(f"things/{i}.png", noise(200 + i))
        archive.writestr("things/broken.png", b"no picture")
    return explain(tab="class", **{"class": "2"}).file_uploader("class_uploads").upload("things.zip", packed.getvalue()).run()


def test_a_class_is_explained_over_an_archive_of_images(with_images):
    app = with_images
    assert not app.exception
    assert len(app.error) == 1 and "broken.png" in app.error[0].value
    found = table(app, "TCAV")
    assert found["Concept"].tolist() == ["noise, mostly", "stripes"]
    assert found["TCAV"].between(0, 1).all() and found["Raw p"].le(found["Corrected p"]).all()
    assert any(CLASS_NAMES[2] in text.value and "3 images" in text.value for text in app.markdown)
    assert captions(app) == []


def test_images_of_a_class_follow_over_a_reload_until_they_are_removed(with_images, explain, asked):
    reloaded = app_at("explain")
    reloaded.query_params.update(SPARING | {"tab": "class", "class": "2"})
    for key in ("thread.token", "thread.shelf"):  # the browser's cookie leads to the same shelf
        reloaded.session_state[key] = with_images.session_state[key]
    reloaded.run()
    assert [photo.name for photo in asked[-1].photos] == ["things/0.png", "things/1.png", "things/2.png"]
    assert not reloaded.exception and "broken.png" in reloaded.error[0].value
    reloaded.get_by_key("remove class images").click().run()
    assert not reloaded.error and "Upload images of the class" in reloaded.info[0].value


def test_concepts_are_taken_away_from_a_class_when_it_is_asked_for(with_images):
    app = with_images
    assert not any("Mean drop" in frame.value for frame in app.dataframe)
    app.toggle("take_all").set_value(True).run()
    assert not app.exception and app.query_params["take_all"] == "1"
    drops = table(app, "Mean drop")
    assert drops["Concept"].tolist() == ["noise, mostly", "stripes"] and drops["Raw p"].between(1 / 21, 1).all()


def test_an_image_of_the_class_opens_and_closes(with_images, asked):
    app = with_images
    app.session_state["image"] = 1
    app.run()
    assert not app.exception
    assert any("things/1.png" in text.value for text in app.markdown)
    assert asked[-1].photo.name == "things/1.png" and asked[-1].settings.class_idx == (2,)
    assert app.query_params["image"] == "1"
    assert len(captions(app)) == 2 * 3  # as the class is shown: over all depths
    app.get_by_key("depth").set_value(2).run()
    assert len(captions(app)) == 3
    next(button for button in app.button if button.label == "Close this image").click().run()
    assert captions(app) == [] and "image" not in app.query_params


def test_scenes_stand_in_where_the_encoder_knows_them(explain, asked):
    app = explain(encoder="scenes-cnn", tab="class", n="2", depths="4", **{"class": "3"})
    assert not app.exception and not app.error
    assert [photo.name for photo in asked[0].photos] == ["scene 0", "scene 1"]
    assert any("dotted ring" in text.value and "2 images" in text.value for text in app.markdown)


def test_a_refusal_while_computing_is_a_sentence_and_the_next_run_tries_again(explain, service, monkeypatch):
    app = explain()
    with monkeypatch.context() as broken:
        broken.setattr("explainers.service.concepts.evidence_at", raise_out_of_memory)
        app.number_input("seed").set_value(77).run()
    assert not app.exception
    assert app.error[0].value == "Too large for this machine."
    app.run()
    assert not app.error and len(captions(app)) == 3


def raise_out_of_memory(*args, **kwargs):
    raise OutOfMemory("Too large for this machine.")


def test_what_draws_charts_is_fetched_while_the_first_explanation_is_worked_on(explain, monkeypatch):
    ahead, fetch_ahead = [], plots.fetch_ahead
    monkeypatch.setattr(plots, "fetch_ahead", lambda: ahead.append(1) or fetch_ahead())
    app = explain(seed="23")  # which no other test has had answered
    assert len(ahead) == 1 and not app.exception
    app.run()
    assert len(ahead) == 1
