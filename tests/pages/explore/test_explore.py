"""What the Explore page shows in every state, without a browser."""

import io
import json

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from explainers.drawing.clusters import overlay
from explainers.results.exports import FORMATS
from explainers.service.questions import LookAlikes, Segment
from models.errors import OutOfMemory
from pages.common import uploads
from pages.common.text import escaped
from pages.explore import collection_views, controls, views
from tests.pages.conftest import APP, FAST, settled
from tests.pages.tiny_encoders import CNN, NO_CLASSES, VIT


def png(width: int = 40, height: int = 30) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def n_pictures(app: AppTest) -> int:
    return len(live_views(app))


def live_views(app: AppTest) -> list[dict]:
    """What the browser is told to draw; the maps and the photo travel beside it."""
    components = [element.proto for element in app.get("bidi_component")]
    return [json.loads(proto.json) for proto in components if proto.component_name == "live_view"]


def tables(app: AppTest) -> list:
    """All tables but the one in which clusters are named."""
    return [frame.value for frame in app.dataframe if list(frame.value.columns) != ["Colour", "Cluster", "Area", "Name"]]


def sentences(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.error, *app.warning, *app.info, *app.caption))


@pytest.fixture
def asked(service, monkeypatch) -> list:
    """Every segmentation that is asked for from now on."""
    questions, ask = [], service.ask

    def asking(question, view):
        if isinstance(question, Segment):
            questions.append(question)
        return ask(question, view)

    monkeypatch.setattr(service, "ask", asking)
    return questions


def test_a_first_visit_shows_a_picture(service):
    app = AppTest.from_file(str(APP), default_timeout=300).run()
    assert not app.exception and not app.error and not app.warning
    assert n_pictures(app) == 1
    assert app.selectbox("photo").value == "china" and app.selectbox("pick").value == "efficientnet-lite0"
    assert app.query_params == {"encoder": "efficientnet-lite0"}  # stays what it is when the default changes


def test_the_slider_starts_at_the_suggestion_and_the_table_has_a_row_per_cluster(explore):
    app = explore()
    k = app.slider("k").value
    assert f"Suggested here: {k}." in app.slider("k").help
    assert tables(app)[0]["Cluster"].tolist() == list(range(k))
    assert tables(app)[0]["Area"].sum() == pytest.approx(100)


def test_moving_the_slider_asks_the_service_for_nothing(explore, asked):
    app = explore()
    n_before = len(asked)
    assert n_before >= 1
    app.slider("k").set_value(9).run()
    assert len(tables(app)[0]) == 9
    assert app.query_params["k"] == "9"
    assert len(asked) == n_before


def test_a_page_that_runs_again_as_it_is_draws_no_tile_again(explore, monkeypatch):
    drawn = []
    monkeypatch.setattr(views, "overlay", lambda *args, **options: drawn.append(1) or overlay(*args, **options))
    views._TILES.discard(lambda key: True)
    app = settled(explore(k="5"))
    n_drawn = len(drawn)
    app.run()
    assert n_drawn > 1 and len(drawn) == n_drawn
    app.toggle("outlines").set_value(False).run()
    assert len(drawn) == 2 * n_drawn


def test_another_seed_asks_the_service_again(explore, asked):
    app = explore()
    n_before = len(asked)
    app.number_input("seed").set_value(3).run()
    assert len(asked) > n_before and asked[n_before].settings.seed == 3
    assert not app.exception


def test_a_link_decides_the_whole_picture_on_the_first_request(explore):
    link = {
        "photo": "coffee", "depths": "0,2", "scaling": "unit", "seed": "5",
        "k": "13", "opacity": "30", "outlines": "0", "clusters_only": "1", "only": "3",
    }  # fmt: skip
    app = explore(**link)
    assert not app.exception and not app.warning
    assert app.selectbox("pick").value == VIT
    assert app.selectbox("photo").value == "coffee"
    assert app.get_by_key("depths").value == [0, 2]
    assert app.get_by_key("scaling").value == "unit"
    assert app.select_slider("size").value == 224
    assert app.number_input("seed").value == 5
    assert (app.slider("k").value, app.slider("opacity").value) == (13, 30)
    assert (app.toggle("outlines").value, app.toggle("clusters_only").value) == (False, True)
    assert app.get_by_key("only").value == [3]
    assert app.query_params == FAST | link


def test_a_scene_is_part_of_the_link(explore):
    app = explore(photo="scene", scene="12")
    assert app.number_input("scene").value == 12
    app.button(key="new scene").click().run()
    assert app.query_params["scene"] == str(app.number_input("scene").value) != "12"


def test_a_scene_encoder_brings_a_scene_until_a_photo_is_chosen(service):
    app = AppTest.from_file(str(APP), default_timeout=300)
    app.query_params.update(encoder="scenes-cnn", size="224")
    app.run()
    assert app.selectbox("photo").value == "scene" == app.selectbox("photo").options[0].lower()[-5:]
    assert "outside of what it learnt" not in sentences(app)
    app.selectbox("photo").set_value("coffee").run()
    assert "Scenes CNN has learnt from rendered scenes. A photograph lies outside" in sentences(app)
    app.session_state["encoder"] = VIT
    app.run()
    assert app.selectbox("photo").value == "coffee" and "outside of what it learnt" not in sentences(app)


def test_photographs_come_back_with_their_encoder(service):
    app = AppTest.from_file(str(APP), default_timeout=300)
    app.query_params.update(encoder="scenes-cnn", size="224")
    app.run()
    app.session_state["encoder"] = "efficientnet-lite0"
    app.run()
    assert app.selectbox("photo").value == "china" and app.query_params == {"encoder": "efficientnet-lite0", "size": "224"}


def test_a_link_with_a_scene_and_without_an_encoder_opens_as_it_did_when_scenes_came_first(service):
    app = AppTest.from_file(str(APP), default_timeout=300)
    app.query_params.update(photo="scene", scene="12", size="224")
    app.run()
    assert app.selectbox("pick").value == "scenes-cnn" and app.number_input("scene").value == 12
    app.session_state["encoder"] = "efficientnet-lite0"
    app.run()
    assert app.query_params == {"encoder": "efficientnet-lite0", "photo": "scene", "scene": "12", "size": "224"}
    assert "EfficientNet-Lite0 has learnt from photographs. A rendered scene lies outside" in sentences(app)


@pytest.mark.parametrize(
    ("key", "wish", "word"),
    [
        ("encoder", "![a picture](http://elsewhere.example/x.png)", "encoder"),
        ("encoder", "no-such-encoder", "encoder"),
        ("encoder", "/etc", "encoder"),
        ("photo", "tiger", "photo"),
        ("depths", "0,99", "depths"),
        ("depths", "deep", "depths"),
        ("scaling", "huge", "scaling"),
        ("size", "17", "input size"),
        ("seed", "-1", "seed"),
        ("k", "999", "granularity"),
        ("opacity", "lots", "opacity"),
        ("outlines", "maybe", "outlines"),
        ("only", "44", "cluster"),
    ],
)
def test_a_bad_link_gives_one_sentence_and_the_default(explore, key, wish, word):
    app = explore(**{key: wish})
    assert not app.exception and not app.error
    assert [warning.value for warning in app.warning] == [
        escaped(f"The link asks for {word} “{wish}”, which is not possible here; the default is shown instead.")
    ]
    assert n_pictures(app) == 1
    assert app.query_params.get(key) != wish


def test_the_suggestion_is_followed_until_the_slider_is_moved(explore):
    app = explore()
    app.selectbox("photo").set_value("rocket").run()
    assert f"Suggested here: {app.slider('k').value}." in app.slider("k").help
    app.slider("k").set_value(11).run().run()  # the first run redraws the fragments only, the second the whole page
    app.selectbox("photo").set_value("flower").run()
    assert app.slider("k").value == 11


def test_another_encoder_brings_its_own_depths(explore):
    app = explore(depths="5", k="4")
    app.selectbox("pick").set_value(NO_CLASSES).run()
    assert not app.exception
    assert app.get_by_key("depths").value == [1, 2, 3]
    assert "no classifier" in sentences(app)
    assert app.slider("k").value == 4


def test_clusters_that_are_gone_are_not_shown_alone(explore):
    app = explore(k="8", only="2,7")
    assert app.get_by_key("only").value == [2, 7]
    app.slider("k").set_value(5).run()
    assert app.get_by_key("only").value == [2]
    assert app.query_params["only"] == "2"


def test_the_browser_gets_every_map_once_and_the_appearance_apart(explore):
    app = explore(k="6", only="1,4", opacity="30")
    (view,) = live_views(app)
    (pane,) = view["panes"]
    assert view["frames"] == list(range(2, 21)) and pane["at"] == list(range(19))
    assert view["appearance"] == {"frame": 6, "opacity": 0.3, "outlines": True, "clusters_only": False, "blink": False}
    assert pane["selected"] == [1, 4] and len(pane["notes"][4]) == 6
    kept = [element.proto.bytes for element in app.get("bidi_component") if element.proto.component_name == "live_bytes"]
    assert {content[:64].decode() for content in kept} == {pane["photo"], pane["maps"]}
    app.slider("k").set_value(7).run()
    (moved,) = live_views(app)
    assert moved["appearance"]["frame"] == 7
    assert (moved["panes"][0]["photo"], moved["panes"][0]["maps"]) == (pane["photo"], pane["maps"])


def test_an_upload_is_shown_at_once_and_stays_out_of_the_link(explore):
    app = explore(k="9")
    app.file_uploader("uploads").upload("mine.png", png()).run()
    assert not app.exception
    assert "mine.png · 40 × 30 px" in sentences(app)
    assert app.query_params.pop("photo").startswith("own-") and app.query_params == FAST | {"k": "9"}
    assert "not your own photo" in sentences(app)


def test_an_upload_follows_from_page_to_page_until_it_is_removed(explore):
    app = explore(k="4")
    app.file_uploader("uploads").upload("mine.png", png()).run()
    app._page_hash, app.query_params = calc_hash("compare"), {}
    app.run()  # the uploader of another page is another one, and empty
    assert not app.exception and "mine.png" in app.selectbox("photo").options
    own = app.selectbox("photo").value
    assert own.startswith("own-") and app.query_params["photo"] == own
    app.button(key="remove photos").click().run()
    assert app.selectbox("photo").value == "china" and "photo" not in app.query_params


def test_what_is_taken_out_of_the_uploader_is_gone(explore):
    app = explore(k="4")
    app.file_uploader("uploads").upload("mine.png", png()).run()
    app.file_uploader("uploads").clear().run()
    assert app.selectbox("photo").value == "china" and "mine.png" not in app.selectbox("photo").options


def test_a_link_made_with_a_private_photo_says_so(explore):
    app = explore(photo="own-abcdefgh")
    assert not app.exception and "made with a private photo" in app.warning[0].value
    assert app.selectbox("photo").value == "china" and "photo" not in app.query_params


def test_a_link_made_with_private_photos_says_so(explore):
    app = explore(photos="set", set="own")
    assert not app.exception and "made with private photos" in app.warning[0].value


def test_a_bad_upload_is_refused_in_a_sentence_and_the_others_go_on(explore):
    app = explore()
    app.file_uploader("uploads").upload("broken.jpg", b"<html>not a picture</html>").upload("mine.png", png()).run()
    assert not app.exception
    assert len(app.error) == 1 and "broken.jpg" in app.error[0].value
    assert "mine.png · 40 × 30 px" in sentences(app)


def test_with_nothing_but_a_bad_upload_the_sample_stays(explore):
    app = explore()
    app.file_uploader("uploads").upload("broken.jpg", b"").run()
    assert len(app.error) == 1
    assert app.selectbox("photo").value == "china"
    assert n_pictures(app) == 1


def test_an_upload_beyond_the_limit_is_refused_by_the_server(explore, monkeypatch):
    monkeypatch.setattr(uploads, "MB", 100)
    app = explore()
    app.file_uploader("uploads").upload("large.png", png(100, 100)).run()
    assert app.error[0].value.startswith("“large.png” has") and "at most 50 MB" in app.error[0].value
    assert n_pictures(app) == 1


def test_without_a_photo_the_page_says_what_to_do(explore):
    app = explore(photo="camera")
    assert not app.exception
    assert "choose another photo" in app.info[0].value
    assert n_pictures(app) == 0


def test_an_encoder_that_cannot_be_fetched_is_a_sentence_that_names_others(explore, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    app = explore(encoder="vit_giant_patch14_clip_224.laion2b", k="5")
    assert not app.exception
    assert len(app.error) == 1 and CNN in app.error[0].value
    assert app.query_params["k"] == "5"  # the link is still whole when the weights arrive
    app.selectbox("pick").set_value(VIT).run()
    assert [error.value for error in app.error] == [] and n_pictures(app) == 1
    assert app.slider("k").value == 5


def test_every_timm_name_can_be_searched(explore, asked):
    app = explore()
    n_before = len(asked)
    app.text_input("search").set_value("regnetz").run()
    assert not app.exception
    options = app.selectbox("match").options
    assert options and all("regnetz" in name for name in options)
    assert app.selectbox("match").value is None  # browsing starts nothing, and the list goes on showing the picture's encoder
    assert app.selectbox("pick").value == VIT
    assert app.query_params == FAST and len(asked) == n_before


def test_without_any_encoder_the_page_says_what_to_do(service, monkeypatch):
    monkeypatch.setattr(service.catalog, "entries", lambda: ())
    app = AppTest.from_file(str(APP), default_timeout=300).run()
    assert not app.exception
    assert "ENCODERSCOPE_ENCODERS" in app.info[0].value


def test_a_refusal_while_computing_is_a_sentence_and_the_next_run_tries_again(explore, service, monkeypatch):
    app = explore()
    with monkeypatch.context() as broken:
        broken.setattr("explainers.nave.segment_each", raise_out_of_memory)
        app.number_input("seed").set_value(77).run()
    assert not app.exception
    assert app.error[0].value == "Too large for this machine."
    app.run()
    assert not app.error and n_pictures(app) == 1


def raise_out_of_memory(*args, **kwargs):
    raise OutOfMemory("Too large for this machine.")


def test_a_set_is_clustered_together_and_shown_under_one_slider(explore):
    app = explore(photos="set", n_scenes="2")
    assert not app.exception and not app.error
    (view,) = live_views(app)
    assert [pane["title"] for pane in view["panes"]] == ["scene-0", "scene-1"]
    k = app.slider("k").value
    table = tables(app)[0]
    assert table["Cluster"].tolist() == list(range(k)) and table["Area"].sum() == pytest.approx(100)
    assert table["Photos"].between(0, 2).all()
    assert app.query_params["photos"] == "set" and app.query_params["n_scenes"] == "2"


def test_a_set_of_uploads_takes_the_place_of_scenes_and_stays_out_of_the_link(explore):
    app = explore(photos="set", n_scenes="2")
    app.file_uploader("uploads").upload("a.png", png()).upload("b.png", png(50, 20)).run()
    assert app.segmented_control("set").value == "own"
    (view,) = live_views(app)
    assert [pane["title"] for pane in view["panes"]] == ["a.png", "b.png"]
    assert app.query_params["set"] == "own" and "not your own photo" in sentences(app)


def test_of_too_many_uploads_the_first_are_taken_and_it_is_said(explore, monkeypatch):
    monkeypatch.setattr(controls, "MAX_TOGETHER", 2)
    app = explore(photos="set", n_scenes="2")
    for n in range(3):
        app.file_uploader("uploads").upload(f"{n}.png", png(40 + n, 30))
    app.run()
    app.segmented_control("set").set_value("own").run()
    assert "Of 3 uploads, the first 2 are used." in sentences(app)
    (view,) = live_views(app)
    assert [pane["title"] for pane in view["panes"]] == ["0.png", "1.png"]


def test_moving_the_slider_of_a_set_segments_nothing_again(explore, service, monkeypatch):
    app = explore(photos="set", n_scenes="2")
    questions, ask = [], service.ask
    monkeypatch.setattr(service, "ask", lambda question, view: questions.append(type(question)) or ask(question, view))
    app.slider("k").set_value(4).run()
    assert not app.exception and len(tables(app)[0]) == 4
    assert set(questions) <= {LookAlikes}  # what the other clusters look like


def test_what_a_link_to_a_set_asks_in_vain_is_said(explore):
    app = explore(photos="set", n_scenes="3", k="99", fit="slow")
    said = sentences(app)
    assert not app.exception and all(wish in said for wish in ("“3”", "“99”", "“slow”"))
    (view,) = live_views(app)
    assert len(view["panes"]) == 8


def test_a_large_set_comes_in_pages(explore, monkeypatch):
    monkeypatch.setattr(collection_views, "N_PER_PAGE", 3)
    app = explore(photos="set", n_scenes="4")
    (view,) = live_views(app)
    assert not app.exception and [pane["title"] for pane in view["panes"]] == ["scene-0", "scene-1", "scene-2"]
    assert tables(app)[0]["Photos"].max() == 4  # the table is of all


def test_from_a_set_back_to_one_photo(explore):
    app = explore(photos="set", n_scenes="2")
    app.segmented_control("photos").set_value("one").run()
    (view,) = live_views(app)
    assert not app.exception and len(view["panes"]) == 1 and app.selectbox("photo").value == "china"


@pytest.mark.parametrize("fit", ["full", "fast"])
def test_the_fit_is_asked_for_and_linked(explore, asked, fit):
    app = explore()
    app.segmented_control("fit").set_value(fit).run()
    assert asked[-1].settings.fit == fit and app.query_params["fit"] == fit


def export_buttons(app: AppTest) -> dict[str, str]:
    """The labels of the menu of exports with the help of each."""
    keyed = {button.proto.label: button.proto.help for button in app.get("download_button") if " export " in button.proto.id}
    return keyed


def test_every_format_is_on_the_menu_with_its_meaning(explore):
    assert export_buttons(explore(k="4")) == {row.title: row.meaning for row in FORMATS.values()}
    together = {"photos": "set", "set": "scenes"}
    assert set(export_buttons(explore(**together))) == {row.title for row in FORMATS.values()}


def test_masks_of_ones_own_stand_beside_the_clusters(explore):
    app = explore(k="4", photo="coffee")
    height, width = 400, 600
    mask = np.zeros((height, width), np.uint8)
    mask[100:300, 150:450] = 1
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    app.file_uploader("truth").upload("mask.png", buffer.getvalue()).run()
    assert not app.exception and not app.error
    table = tables(app)[1]
    assert table["Object"].tolist() == ["value 1"] and 0 < table["IoU"][0] <= 1 and 0 < table["p-value"][0] <= 1
    assert [metric.label for metric in app.metric] == ["Mean IoU", "Covering", "Adjusted Rand index"]
    assert "by chance" in app.metric[0].delta


def test_a_mask_of_another_photo_is_refused_in_a_sentence(explore):
    app = explore(k="4", photo="coffee")
    app.file_uploader("truth").upload("mask.png", png(30, 60)).run()
    assert not app.exception and "mask.png" in app.error[0].value and "30 × 60 px" in app.error[0].value


def test_named_clusters_are_found_in_another_photo(explore):
    app = explore(k="3")
    assert app.button("use names").disabled
    result = app.session_state["jobs"]["picture"].job.result()
    key = result.encoder.fingerprint, result.settings, result.photo_sha256s, 3
    app.session_state["names"] = {key: ("sky", "", "grass")}
    app.run()
    assert tables(app)[0]["Name"].tolist() == ["sky", "", "grass"]
    assert app.query_params["named"] == "0 sky\n2 grass"
    app.button("use names").click().run()
    assert app.query_params["show"] == "parts"
    app.selectbox("photo").set_value("coffee").run()
    assert not app.exception
    assert tables(app)[0]["Name"].tolist() == ["sky", "grass", "unknown"]
    assert tables(app)[0]["Area"].sum() == pytest.approx(100)
    (view,) = live_views(app)
    assert len(view["frames"]) == view["panes"][0]["shape"][0] > 20 and view["panes"][0]["names"][0][:2] == ["sky", "grass"]
    assert "Named in “china”" in sentences(app) and "2 of 3 clusters." in sentences(app)


def test_names_of_clusters_come_with_the_link(explore):
    app = explore(k="4", photo="coffee", named="1 the  cup\n3 table")
    assert not app.exception and not app.warning
    assert tables(app)[0]["Name"].tolist() == ["", "the cup", "", "table"]
    assert app.query_params["named"] == "1 the cup\n3 table"
    app.slider("k").set_value(5).run()
    assert "named" not in app.query_params  # they were given at another granularity
    result = app.session_state["jobs"]["picture"].job.result()
    key = result.encoder.fingerprint, result.settings, result.photo_sha256s, 20
    app.session_state["names"] = {key: tuple(f"{idx:02} {'a long name ' * 3}"[:40] for idx in range(20))}
    app.slider("k").set_value(20).run()
    assert "named" not in app.query_params and "too long for the link" in sentences(app)


@pytest.mark.parametrize("names", ["4 sky", "sky", "0 " + "long" * 11, "0 \x07", "\n".join(f"0 {'n' * 38}" for _ in range(20))])
def test_names_that_make_no_sense_in_a_link_are_complained_about(explore, names):
    app = explore(k="4", photo="coffee", named=names)
    assert not app.exception and "names of clusters" in app.warning[0].value
    assert "Name" not in tables(app)[0] and "named" not in app.query_params


def test_without_named_parts_the_page_says_where_they_come_from(explore):
    assert "No named parts are kept yet." in sentences(explore(show="parts"))


def test_controls_that_decide_nothing_are_not_drawn_and_keep_their_values(explore):
    app = explore(seed="5", scaling="raw")
    app.segmented_control("show").set_value("similar").run()
    assert not app.exception and "seed" not in [widget.key for widget in app.number_input]
    assert app.segmented_control("scaling").value == "raw" and "Fit and seed decide clusters" in sentences(app)
    app.segmented_control("show").set_value("parts").run()
    assert "scaling" not in [widget.key for widget in app.segmented_control]
    app.segmented_control("show").set_value("clusters").run()
    assert app.number_input("seed").value == 5 and app.segmented_control("scaling").value == "raw"
    assert app.query_params["seed"] == "5"


def test_masks_of_many_photos_stand_beside_the_joint_clusters(explore):
    app = explore(photos="set", n_scenes="2", k="3")
    buffer = io.BytesIO()
    Image.fromarray(np.kron(np.eye(2, dtype=np.uint8), np.ones((64, 64), np.uint8))).save(buffer, "PNG")
    app.file_uploader("truths").upload("scene-1.png", buffer.getvalue()).run()
    assert not app.exception and not app.error
    assert [warning.value for warning in app.warning] == [escaped("No file is called like “scene-0”.")]
    assert [metric.label for metric in app.metric] == ["Mean IoU", "Covering", "Adjusted Rand index"]
    assert tables(app)[1]["Photo"].tolist() == ["scene-1"] and "Means over 1 of 2 photos" in sentences(app)
