"""What the Concepts page shows and changes, without a browser: a small library, tiny encoders."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explainers.library.library import ConceptLibrary
from explainers.results.explanations import ConceptHealth, HealthReport, SetUsed
from explainers.service.answers import ANSWERS
from explainers.service.questions import CheckConcepts
from explainers.service.service import ExplainerService
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.verdicts import DOUBTS, SENTENCES, Verdict
from models.catalog.catalog import Catalog
from models.errors import OutOfMemory
from pages.common import jobs, uploads
from pages.common.text import escaped
from pages.concepts import charts, health, health_views, library_views
from tests.pages.conftest import app_at, settled
from tests.pages.hand_made import provenance
from tests.pages.tiny_encoders import CNN, NO_CLASSES, VIT, write_tiny_encoders

N_IMAGES, N_RANDOM = 12, 14
FEW = ExplainSettings(n_null=3, n_bootstrap=5)  # a page needs figures, not good ones


def png(seed: int, base: tuple[int, int, int] = (128, 128, 128), stripes: bool = False) -> bytes:
    """Noise around a colour, with stripes if they are wanted."""
    pixels = np.random.default_rng(seed).integers(-40, 40, (32, 32, 3)) + np.array(base)
    if stripes:
        pixels[(np.arange(32) + seed) % 8 < 4] += 80
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def starters(tmp_path_factory) -> Path:
    """Two concepts and a random counterpart."""
    folder = tmp_path_factory.mktemp("starters")
    dotted = {f"r{i}.png": png(i, (200, 40, 40)) for i in range(N_IMAGES)}
    striped = {f"s{i}.png": png(100 + i, stripes=True) for i in range(N_IMAGES)}
    scenes = {f"n{i}.png": png(200 + i) for i in range(N_RANDOM)}
    for name, files in {"concept-dotted": dotted, "concept-striped": striped, "random-scenes": scenes}.items():
        (folder / f"{name}.zip").write_bytes(archive(files))
    return folder


@pytest.fixture(scope="module")
def one_service(tmp_path_factory, starters) -> Iterator[ExplainerService]:
    encoders = write_tiny_encoders(tmp_path_factory.mktemp("encoders"))
    library = ConceptLibrary(tmp_path_factory.mktemp("home") / "library", starters)
    service = ExplainerService(Catalog(encoders), library=library)
    yield service
    service.close()


@pytest.fixture
def library(one_service, starters, tmp_path, monkeypatch) -> ConceptLibrary:
    """A fresh one for every test, behind the page."""
    fresh = ConceptLibrary(tmp_path / "library", starters)
    monkeypatch.setattr(one_service.observatory, "library", fresh)
    monkeypatch.setattr(jobs, "service", lambda: one_service)
    monkeypatch.setattr(health_views, "SETTINGS", FEW)
    monkeypatch.setenv("ENCODERSCOPE_VISITORS", "operator")
    return fresh


@pytest.fixture
def concepts(library) -> Callable[..., AppTest]:
    """Opens the page with the given link."""

    def opened(**link: str) -> AppTest:
        app = app_at("concepts")
        app.query_params.update({"encoder": VIT} | link)
        return app.run()

    return opened


def sentences(app: AppTest) -> str:
    shown = (*app.error, *app.warning, *app.info, *app.caption, *app.markdown, *app.success)
    return " ".join(element.value for element in shown).replace("\\", "")


def n_figures(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def compared_fully(app: AppTest) -> AppTest:
    """The page once all CAVs are fitted: a browser would ask again until then, by itself."""
    app.session_state["jobs"]["similarity"].job.result()
    return app.run()


def names(library: ConceptLibrary, kind: str = "concept") -> list[str]:
    return [image_set.name for image_set in library.sets(kind)]


def upload(app: AppTest, key: str, files: dict[str, bytes]) -> None:
    """Puts the files into the uploader; they are gone after the next run."""
    uploader = app.file_uploader(key)
    for name, data in files.items():
        uploader = uploader.upload(name, data)


def make(app: AppTest, name: str, files: dict[str, bytes], kind: str = "concept") -> AppTest:
    """Fills in the form for a new set as it is after no change."""
    app.text_input("new name 0").set_value(name)
    app.get_by_key("new kind 0").set_value(kind)
    upload(app, "new files 0", files)
    return app.button(key="make 0").click().run()


PICTURES = {f"{i}.png": png(300 + i, (40, 200, 40)) for i in range(4)}


# --- looking --------------------------------------------------------------------------------------------------------------


def test_the_page_shows_a_concept_with_its_health_without_a_click(concepts):
    app = compared_fully(concepts())
    assert not app.exception and not app.error
    assert (app.get_by_key("concept").value, app.get_by_key("random").value) == ("striped", "scenes")
    assert n_figures(settled(app)) == 3  # health over depth, responses, similarity
    assert f"{VIT} " in sentences(app) and "stability" in sentences(app)
    assert app.multiselect("compared").value == ["dotted", "striped"]
    assert app.query_params == {"encoder": VIT}


def test_a_link_decides_encoder_concept_random_set_and_depth(concepts, library):
    library.add("noise", "random", [(f"{i}.png", png(400 + i)) for i in range(11)])
    link = {"encoder": CNN, "concept": "dotted", "random": "noise", "depth": "1"}
    app = concepts(**link)
    assert not app.exception and not app.error
    assert "The link asks" not in sentences(app)
    assert app.selectbox("pick").value == CNN
    assert (app.get_by_key("concept").value, app.get_by_key("random").value) == ("dotted", "noise")
    assert app.get_by_key("depth").value == 1
    assert {key: app.query_params[key] for key in ("encoder", "concept", "random")} == {k: link[k] for k in list(link)[:3]}


@pytest.mark.parametrize(
    ("key", "wish", "word"),
    [("concept", "no such concept", "concept"), ("random", "../etc", "random counterpart"), ("depth", "99", "depth")],
)
def test_a_bad_link_gives_one_sentence_and_the_default(concepts, key, wish, word):
    app = concepts(**{key: wish})
    assert not app.exception and not app.error
    told = escaped(f"The link asks for {word} “{wish}”, which is not possible here; the default is shown instead.")
    assert told in [warning.value for warning in app.warning]
    assert key not in app.query_params
    assert n_figures(settled(app)) == 3


def test_another_concept_is_checked_when_it_is_chosen(concepts):
    app = concepts()
    app.get_by_key("concept").set_value("dotted").run()
    assert not app.exception and not app.error
    assert "“dotted”" in sentences(app)
    assert app.query_params["concept"] == "dotted"
    assert app.multiselect("compared").value == ["dotted", "striped"]


def test_an_encoder_without_classes_has_cavs_too(concepts):
    app = concepts(encoder=NO_CLASSES)
    assert not app.exception and not app.error
    assert n_figures(settled(app)) == 3


def test_small_or_repeating_sets_are_warned_of(concepts, library):
    library.add("tiny", "concept", [("a.png", png(1)), ("b.png", png(2))])
    app = concepts(concept="tiny")
    assert any("'tiny' has 2 images" in warning.value.replace("\\", "") for warning in app.warning)


def test_images_shared_with_the_random_set_are_warned_of(concepts, library):
    library.add("cheat", "concept", [(f"{i}.png", png(200 + i)) for i in range(10)])
    assert "are also in the random counterpart 'scenes'" in sentences(concepts(concept="cheat"))


def test_a_refusal_while_computing_is_a_sentence(concepts, one_service, monkeypatch):
    def refuse(*_, **__):
        raise OutOfMemory("Too large for this machine.")

    with monkeypatch.context() as broken:
        broken.setitem(ANSWERS, CheckConcepts, refuse)
        app = concepts(concept="dotted", random="scenes", encoder=CNN)
    assert not app.exception
    assert app.error[0].value == "Too large for this machine."
    app.run()
    assert not app.error and n_figures(settled(app)) == 3


def test_without_any_concept_the_page_says_what_to_do(concepts, library):
    library.delete("dotted", "concept")
    library.delete("striped", "concept")
    app = concepts()
    assert not app.exception
    assert "New set" in app.info[0].value


def test_without_a_random_counterpart_the_page_says_what_to_do(concepts, library):
    library.delete("scenes", "random")
    app = concepts()
    assert not app.exception
    assert any("random counterpart" in info.value for info in app.info)


def test_an_image_lost_from_the_disk_breaks_nothing(concepts, library, tmp_path):
    added = library.add("lost", "concept", [(f"{i}.png", png(500 + i)) for i in range(5)])
    lost = added.image_set.images[0].sha256
    (tmp_path / "library/images" / lost[:2] / lost).write_bytes(b"nothing")
    app = concepts(concept="lost")
    assert not app.exception
    assert "damaged" in sentences(app)


# --- changing -------------------------------------------------------------------------------------------------------------


def test_a_new_concept_is_made_of_the_files_that_can_be_used(concepts, library):
    app = make(concepts(), "green", PICTURES | {"page.jpg": b"<html>not a picture</html>"})
    assert not app.exception
    assert app.get_by_key("concept").value == "green"
    assert len(library.get("green").images) == 4
    assert "'green' was created with 4 images." in sentences(app)
    assert "1 file was not taken" in sentences(app) and "page.jpg" in sentences(app)


def test_a_concept_of_ones_own_gets_a_counterpart_of_photographs(concepts, library):
    library.add("mine", "concept", [(f"{i}.png", png(700 + i)) for i in range(5)])
    app = concepts(concept="mine")
    assert not app.exception and "Domain check" in sentences(app)
    app.text_input("counterpart name 0").set_value("photographs")
    app.button(key="make counterpart 0").click().run()
    assert not app.exception and not app.error
    assert app.get_by_key("random").value == "photographs" and len(library.get("photographs", "random").images) == 60
    assert "Domain check" in sentences(app)


def test_concepts_that_come_along_need_no_domain_check(concepts):
    assert "Domain check" not in sentences(concepts())


def test_a_new_concept_can_be_undone(concepts, library):
    app = make(concepts(), "green", PICTURES)
    app.button(key="undo").click().run()
    assert not app.exception
    assert "green" not in names(library)
    assert "'green' was removed again." in sentences(app) and "undo" not in [button.key for button in app.button]
    assert app.get_by_key("concept").value == "striped"


def test_a_zip_counts_as_the_images_in_it(concepts, library):
    app = make(concepts(), "green", {"some.zip": archive(PICTURES | {"../../evil.png": png(1)})})
    assert len(library.get("green").images) == 4
    assert "evil.png" in sentences(app)


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        ("green", {"broken.zip": b"no archive"}, "not a readable .zip archive"),
        ("green", {"page.jpg": b"<html>"}, "None of the files for 'green'"),
        ("green", {}, "There are no files yet"),
        ("", PICTURES, "A name has 1 to 60 letters"),
        ("Striped", PICTURES, "There is a concept 'striped' already"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_and_changes_nothing(concepts, library, name, files, told):
    app = make(concepts(), name, files)
    assert not app.exception
    assert len(app.error) == 1 and told in app.error[0].value.replace("\\", "")
    assert names(library) == ["dotted", "striped"]
    assert n_figures(settled(app)) == 3


def test_a_file_beyond_the_limit_is_refused_by_the_server(concepts, library, monkeypatch):
    monkeypatch.setattr(uploads, "MB", 1)
    app = make(concepts(), "green", PICTURES)
    assert "at most 200 MB are taken" in app.error[0].value
    assert names(library) == ["dotted", "striped"]


def test_a_random_counterpart_of_ones_own_is_looked_at_once_it_is_made(concepts, library):
    app = make(concepts(), "noise", {f"{i}.png": png(600 + i) for i in range(10)}, kind="random")
    assert not app.exception
    assert names(library, "random") == ["scenes", "noise"]
    assert (app.get_by_key("concept").value, app.get_by_key("random").value) == ("striped", "noise")


def test_images_are_added_and_the_addition_undone(concepts, library):
    app = concepts(concept="dotted")
    upload(app, "more files 0", PICTURES | {"again.png": png(0, (200, 40, 40))})
    app.button(key="add 0").click().run()
    assert "4 images were added to 'dotted'. 1 image was there already." in sentences(app)
    assert len(library.get("dotted").images) == N_IMAGES + 4
    app.button(key="undo").click().run()
    assert len(library.get("dotted").images) == N_IMAGES and library.get("dotted").starter


def test_selected_images_are_removed_and_come_back(concepts, library):
    app = concepts(concept="dotted")
    assert app.button(key="remove").disabled
    first, second = (image.sha256 for image in library.get("dotted").images[:2])
    app.session_state["images.selected"] = (("concept", "dotted"), (first, second))
    app.run()
    app.button(key="remove").click().run()
    assert not app.exception
    assert {first, second}.isdisjoint(image.sha256 for image in library.get("dotted").images)
    assert len(library.get("dotted").images) == N_IMAGES - 2
    assert app.button(key="remove").disabled  # nothing is selected any more
    app.button(key="undo").click().run()
    assert len(library.get("dotted").images) == N_IMAGES


def test_a_set_is_renamed_and_gets_its_name_back(concepts, library):
    app = concepts(concept="dotted")
    app.text_input("rename concept starter-dotted 0").set_value("crimson")
    app.button(key="rename 0").click().run()
    assert not app.exception
    assert app.get_by_key("concept").value == "crimson" and "crimson" in names(library)
    app.button(key="undo").click().run()
    assert app.get_by_key("concept").value == "dotted" and names(library) == ["dotted", "striped"]


def test_a_name_that_is_taken_is_refused_where_it_was_typed(concepts, library):
    app = concepts(concept="dotted")
    app.text_input("rename concept starter-dotted 0").set_value("striped")
    app.button(key="rename 0").click().run()
    assert "There is a concept 'striped' already" in app.error[0].value.replace("\\", "")
    assert names(library) == ["dotted", "striped"]


def test_a_starter_stays_for_everybody_unless_an_operator_deletes_it(concepts, library, trail_file, monkeypatch):
    monkeypatch.delenv("ENCODERSCOPE_VISITORS")
    app = concepts(concept="dotted")
    app.button(key="delete").click().run()
    assert names(library) == ["dotted", "striped"] and "operators delete and rename it" in app.error[0].value
    library.add("leafy", "concept", [("a.png", png(1))])
    own = concepts(concept="leafy")
    own.button(key="delete").click().run()
    assert names(library) == ["dotted", "striped"]
    assert [line["change"] for line in map(json.loads, trail_file.read_text().splitlines())] == ["'leafy' was deleted."]


def test_a_set_is_deleted_and_comes_back(concepts, library):
    app = concepts(concept="dotted")
    app.button(key="delete").click().run()
    assert names(library) == ["striped"] and app.get_by_key("concept").value == "striped"
    app.button(key="undo").click().run()
    assert names(library) == ["dotted", "striped"] and app.get_by_key("concept").value == "dotted"


def test_the_random_counterpart_is_edited_when_its_images_are_shown(concepts, library):
    app = concepts()
    app.get_by_key("shown_kind").set_value("random").run()
    app.button(key="delete").click().run()
    assert names(library, "random") == [] and names(library) == ["dotted", "striped"]
    app.button(key="undo").click().run()
    assert names(library, "random") == ["scenes"]


def test_an_edited_starter_can_be_brought_back_and_that_undone(concepts, library):
    library.remove("dotted", "concept", [library.get("dotted").images[0].sha256])
    app = concepts()
    assert app.selectbox("starter 0").options == ["dotted"]
    app.button(key="bring back 0").click().run()
    assert library.get("dotted").starter and len(library.get("dotted").images) == N_IMAGES
    app.button(key="undo").click().run()
    assert len(library.get("dotted").images) == N_IMAGES - 1


def test_a_change_that_cannot_be_undone_any_more_is_a_sentence(concepts, library):
    app = concepts(concept="dotted")
    app.button(key="delete").click().run()
    library.add("dotted", "concept", [("a.png", png(1))])
    app.button(key="undo").click().run()
    assert not app.exception
    assert "can no longer be undone" in sentences(app)


def test_a_pack_goes_out_and_comes_in(concepts, library, tmp_path, starters):
    elsewhere = ConceptLibrary(tmp_path / "elsewhere", None)
    elsewhere.add("green", "concept", PICTURES.items())
    app = concepts()
    app.file_uploader("pack 0").upload("theirs.zip", elsewhere.export_pack(["green"]))
    app.button(key="import 0").click().run()
    assert not app.exception
    assert "Imported 'green' from 'theirs.zip'." in sentences(app)
    assert app.get_by_key("concept").value == "green"
    app.button(key="undo").click().run()
    assert names(library) == ["dotted", "striped"]


@pytest.mark.parametrize("data", [b"no archive", archive({"a.png": png(1)}), archive({"manifest.json": b"[1]"})])
def test_what_is_no_pack_is_refused_in_a_sentence(concepts, library, data):
    app = concepts()
    app.file_uploader("pack 0").upload("theirs.zip", data)
    app.button(key="import 0").click().run()
    assert not app.exception
    assert len(app.error) == 1 and "theirs.zip" in app.error[0].value
    assert names(library) == ["dotted", "striped"]


def test_names_of_others_are_text_and_never_markdown(concepts, library):
    library.add("**bold** [a](http://elsewhere.example)", "concept", PICTURES.items())
    app = concepts(concept="**bold** [a](http://elsewhere.example)")
    assert not app.exception
    told = [element.value for element in (*app.markdown, *app.success, *app.warning, *app.info)]
    assert not [text for text in told if re.search(r"(?<!\\)\]\(http", text)]


# --- figures --------------------------------------------------------------------------------------------------------------


def cav_health(auc: float = 0.95, gap: float = 0.5, stability: float = 0.9, n: int = 40) -> CavHealth:
    return CavHealth(auc, gap, stability, n, 50)


def hand_made(*found: CavHealth) -> HealthReport:
    """One concept at a depth per health; the CAV at depth d is (1, d)."""
    at_depths = tuple(
        ConceptHealth("striped", d, h, np.array([1.0, d]), np.array([2.0, 5.0, 1.0]), np.array([0.0, 3.0]), (-0.2, 0.2))
        for d, h in enumerate(found)
    )
    used = SetUsed("striped", "f", 3), SetUsed("scenes", "r", 2)
    return HealthReport(provenance(FEW), used[:1], used[1], tuple(range(len(found))), at_depths)


def test_every_verdict_has_its_weight():
    assert set(SENTENCES) == set(DOUBTS) == set(Verdict)
    told = [h.verdict.doubt for h in (cav_health(), cav_health(auc=0.8), cav_health(auc=0.6), cav_health(gap=-0.1))]
    assert told == ["none", "some", "serious", "serious"]


def test_the_best_depth_has_the_least_to_doubt_then_the_strongest_weakest_figure():
    assert health.best_depth(hand_made(cav_health(gap=-1.0), cav_health(auc=0.6, gap=0.9)), "striped") == 1
    sound = hand_made(cav_health(gap=0.2), cav_health(gap=0.4), cav_health(gap=0.3))
    assert health.best_depth(sound, "striped") == 1
    assert health.weakest(cav_health(auc=0.95, gap=0.95, stability=0.95)) == pytest.approx(0.9)  # the AUC's
    assert health.weakest(cav_health(auc=float("nan"))) == -1


def test_neighbouring_depths_of_one_verdict_are_told_together():
    report = hand_made(cav_health(gap=0), cav_health(gap=0), cav_health())
    runs = health.verdicts(report, "striped")
    assert [(depths, verdict.doubt) for depths, verdict in runs] == [("Depths 0 to 1", "serious"), ("Depth 2", "none")]
    assert "does not really see" in health.overall(hand_made(cav_health(gap=0)), "striped")
    assert "best at depth 2 (of 0 to 2)" in health.overall(report, "striped")


def test_images_are_ranked_by_response():
    responses = np.array([2.0, 5.0, 1.0])
    assert health.strongest(responses, 2) == health.Ranked((1, 0), (5.0, 2.0))
    assert health.faintest(responses, 2) == health.Ranked((2, 0), (1.0, 2.0))


def test_the_chart_has_a_line_per_figure_and_says_what_each_means():
    figure = charts.health_over_depth(hand_made(cav_health(), cav_health(gap=-7.0)), "striped", depth=1)
    assert [curve.name for curve in figure.data] == ["Held-out AUC", "Emblem gap", "Stability"]
    assert list(figure.data[1].y) == [0.5, -0.5]  # far below zero is drawn at the edge ...
    assert figure.data[1].customdata[1].startswith("-7.00: random images respond as strongly")  # ... and told as it is


def test_the_heat_map_says_who_is_compared_and_how_alike():
    figure = charts.similarity(["a<b>", "c"], np.array([[1.0, -0.9], [-0.9, 1.0]]))
    assert figure.data[0].customdata[0][1] == (
        "<b>a&lt;b&gt;</b> and <b>c</b>: -0.90<br>opposed: what raises one lowers the other"
    )


def test_a_large_set_is_shown_page_by_page(concepts, library, monkeypatch):
    monkeypatch.setattr(library_views, "N_PER_PAGE", 5)
    drawn = []
    monkeypatch.setattr(library_views, "draw_tiles", lambda key, tiles, *_, **__: drawn.append((key, [t.title for t in tiles])))
    app = concepts(concept="dotted")
    assert not app.exception
    assert ("tiles", [f"r{i}.png" for i in range(5)]) in drawn
    app.session_state["page of concept dotted among 3"] = 3
    app.run()
    assert ("tiles", ["r10.png", "r11.png"]) in drawn
