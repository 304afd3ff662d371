"""The Audit page without a browser, and its rows by hand."""

import io
import json
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explainers.datasets.findings import Audit, NamedByConcept, PartPlace, RankedConcepts, ReplacedPart, WordQuery
from explainers.datasets.index import open_index
from explainers.datasets.thumbnails import with_region
from explainers.dictionaries.failures import PartFailures
from explainers.dictionaries.ranking import PartEvidence
from explainers.interventions.replaced_parts import PartDrop
from explainers.library.library import ConceptLibrary
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.text import MapWorth
from pages.audit import dot_cards, downloads, making, rows, searching
from pages.common import made_concepts, towers
from pages.common import runs as shown_runs
from tests.models.text.test_towers import write_tiny_tower
from tests.pages.conftest import app_at, settled
from tests.pages.tiny_encoders import CLASS_NAMES, VIT


def evidence(class_idx: int, part: int, difference: float, corrected: float) -> PartEvidence:
    shares = {"share": difference + 0.01, "share_elsewhere": 0.01, "difference": difference, "interval": (0.0, 1.0)}
    return PartEvidence(class_idx, part, **shares, superiority=0.9, presence=1.0, presence_elsewhere=0.1, n_photos=9,
                        p_value=0.001, corrected_p_value=corrected)  # fmt: skip


PARTS = (PartPlace(0, 9, 9, 0.1, 0.9, 0.2), PartPlace(1, 9, 9, 0.1, 0.05, 0.2), PartPlace(2, 9, 9, 0.1, 0.3, 0.2))
RANKED = (evidence(0, 0, 0.6, 0.01), evidence(0, 1, 0.3, 0.01), evidence(0, 2, 0.7, 0.2))
FAILURES = (PartFailures(1, 9, 2, 11, 0, 5.0, (1.2, 20.0), 0.01, 0.03), PartFailures(0, 9, 0, 11, 2, 0.2, (0.0, 4.0), 1.0, 1.0))
AUDIT = Audit("key", 3, 0, ("a<b>",), 20, (0,), PARTS, RANKED, {(0, 1): (32,)}, 20, 2, FAILURES)


def test_parts_beside_the_object_stand_out_first_and_only_what_is_significant():
    assert [part.place for part in PARTS] == ["on the object", "beside it", "everywhere"]
    assert [row.part for row in rows.standing_out(AUDIT)] == [1, 0]
    assert "Part 1, which lies beside the object, carries 31%" in rows.sentence(AUDIT)


def test_rows_mark_what_is_significant_and_say_where_other_numbers_of_parts_agree():
    first, second, third = rows.evidence_rows(AUDIT, 0)
    assert (first["Part"], second["Part"], third["Part"]) == ("0 ★", "1 ★", "2") and second["Other k"] == "32"
    (failure,) = rows.failure_rows(AUDIT)
    assert failure["Part"] == "1 ★" and failure["Risk ratio"] == "5.0 [1.2, 20.0]"


CONCEPTS = RankedConcepts(
    (NamedByConcept("sky", (2, 1), (0.1, 0.2, 0.9), (1.0, 0.04, 0.01)), NamedByConcept("sea", (), (0.0,) * 3, (1.0,) * 3)),
    (evidence(0, 0, 0.5, 0.01),),
    (PartFailures(0, 9, 1, 11, 1, 1.2, (0.5, 2.0), 0.5, 0.5),),
)


def test_concepts_stand_among_parts_in_the_order_of_the_difference():
    third, first, sky, second = rows.evidence_rows(AUDIT, 0, CONCEPTS)
    assert [row["Part"] for row in (third, first, sky, second)] == ["2", "0 ★", "sky ★", "1 ★"]
    assert sky["Responds to"] == "parts 2, 1" and sky["Lies"] == "everywhere, beside it"
    assert third["Responds to"] == second["Responds to"] == "sky" and first["Responds to"] == ""
    assert [row["Part"] for row in rows.failure_rows(AUDIT, CONCEPTS)] == ["1 ★", "sky"]
    assert "Responds to" not in rows.evidence_rows(AUDIT, 0)[0]


def test_parts_that_were_replaced_stand_beside_what_they_carry():
    found = ReplacedPart(0, 1, PartDrop(9, 2.171, (1.8, 2.5), -0.001, 0.001, 0.002), 0.4)
    (row,) = rows.replaced_rows(AUDIT, [found])
    assert row["Part"] == "1 ★" and row["Drop"] == "2.17 [1.80, 2.50]" and row["Evidence"] == pytest.approx(0.31)
    assert str(row["Other places"]) == "0.0" and row["Changed"] == 0.4 and row["Lies"] == "beside it"
    assert [part.part for part in rows.top_parts(AUDIT, 0)] == [0, 1, 2]


def test_a_report_has_whole_percents_and_no_broken_intervals():
    row = rows.as_text(rows.evidence_rows(AUDIT, 0)[1])
    assert row["Evidence"] == "31%" and row["p, Holm"] == "0.01" and row["Superiority"] == "0.90"
    assert row["Part"] == "1\N{NO-BREAK SPACE}★" and " " not in str(row["Difference"])
    assert rows.as_text({"p": 2.4e-5})["p"] == "2.4e\N{MINUS SIGN}05"


def test_a_report_shows_the_first_of_very_many_rows_and_says_how_many_there_are():
    row = rows.evidence_rows(AUDIT, 0)[1]
    assert downloads.table([row] * 212).count("<tr>") == 41 and "The first 40 of 212" in downloads.table([row] * 212)
    assert downloads.table([row] * 40).count("<tr>") == 41 and "The first" not in downloads.table([row] * 40)


def test_what_is_outside_of_a_region_is_faded():
    picture = np.full((20, 20, 3), 50, np.uint8)
    mask = np.array([[True, False], [False, False]])
    drawn = with_region(picture, mask)
    assert (drawn[2, 2] == 50).all() and (drawn[17, 17] > 150).all()


@pytest.fixture
def audit(service, tmp_path, monkeypatch) -> AppTest:
    """The page of a server with one data set of its operator, and no index."""
    monkeypatch.setenv("ENCODERSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ENCODERSCOPE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(shown_runs, "POLL_SECONDS", None)
    monkeypatch.setattr(making, "FIRST_ENCODER", "no-such-encoder")
    of_process = making.IndexRuns(service)
    monkeypatch.setattr(making, "runs", lambda: of_process)
    write_pictures(tmp_path / "data" / "mine")
    return app_at("audit")


def write_pictures(folder: Path, n_pictures: int = 16) -> None:
    """Dark and light pictures in turn, in the folders of two classes."""
    for n in range(n_pictures):
        path = folder / CLASS_NAMES[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(n).integers(0, 56, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise + np.uint8(200 * (n % 2))).save(path)


def with_index(app: AppTest) -> AppTest:
    """The page once an index of the operator's data is made."""
    assert not app.exception and "no index yet" in app.info[0].value
    app.selectbox(key="encoder of index").set_value(VIT)
    app.selectbox(key="data of index").set_value("mine")
    app.button(key="make").click().run()
    for run in making.runs().all():
        assert run.ended.wait(240) and run.error is None, run.error
    app.run()
    assert not app.exception
    return app


def said_by(app: AppTest) -> str:
    return "\n".join(element.value for kind in ("markdown", "caption") for element in app.get(kind))


def test_every_dot_of_the_map_has_its_own_picture_and_facts(audit):
    audit.query_params.update(map="1")
    app = settled(with_index(audit.run()))
    run, region_map = app.session_state, app.session_state["jobs"]["audit map"].job.result()
    index = open_index(run["jobs"]["audit map"].question.folder)
    facts = dot_cards.facts(index, SimpleNamespace(class_names=CLASS_NAMES), region_map)
    sheet = np.asarray(Image.open(io.BytesIO(region_map.sheet)).convert("L"))
    side, across = facts["side"], facts["across"]
    assert len(facts["dots"]) == len(region_map.parts) and sheet.shape[1] == side * across
    for n, (photo, part, area, _) in enumerate(facts["dots"]):
        name, label, _ = facts["photos"][photo]
        top, left = n // across * side, n % across * side
        picture = sheet[top + 16 : top + 80, left + 16 : left + 80]  # 64 px, in the middle of 96
        is_light = int(name.split("/")[1].split(".")[0]) % 2  # write_pictures
        assert (np.median(picture) > 215) == is_light, name  # dark pictures are faded to less
        assert label == name.split("/")[0] and part == region_map.parts[n] and area == f"{region_map.areas[n]:.0%}"
    assert app.exception == []


def test_an_index_is_made_and_shown(audit, trail_file):
    audit.query_params.update(concepts="red")
    app = with_index(audit.run())
    said = said_by(app)
    assert (
        "**mine** :gray[seen by] **tiny-vit**" in said and "2 classes × 64 parts" in said and "of 16 photos with a label" in said
    )
    assert len(app.dataframe) == 2 and len(app.dataframe[0].value) == 64
    app.toggle(key="replace").set_value(True).run()
    assert not app.exception and list(app.dataframe[1].value)[:4] == ["Part", "Evidence", "Drop", "Other places"]
    app.toggle(key="beside").set_value(True).run()
    assert not app.exception and "Responds to" in app.dataframe[0].value and app.multiselect(key="concepts").value
    assert "The index 'mine by tiny-vit' was begun." in trail_file.read_text()
    app.toggle(key="map").set_value(True).run()
    app.multiselect(key="filter by").set_value(["label"]).run()
    app.multiselect(key="filter label").set_value([CLASS_NAMES[0]]).run()
    assert not app.exception and f"""p."label" IN ('{CLASS_NAMES[0]}')""" in app.code[0].value
    assert "photos that are chosen" in said_by(app)
    app.segmented_control(key="wall").set_value("alike").run()
    assert not app.exception and "its similarity" in "\n".join(caption.value for caption in app.caption)


def test_a_box_from_the_link_a_cluster_and_a_concept_find_the_regions_most_alike(audit):
    audit.query_params.update(box="0.1,0.1,0.6,0.6", k="32")
    app = with_index(audit.run())
    assert "16 most alike regions are of part" in said_by(app)  # one of every photo
    app.segmented_control(key="by").set_value("cluster").run()
    assert not app.exception and "16 most alike regions" in said_by(app) and app.segmented_control(key="cluster").value == 0
    app.segmented_control(key="find").set_value("concept").run()
    assert not app.exception and "16 most alike regions" in said_by(app)
    assert app.query_params["find"] == "concept"


def test_filters_are_part_of_the_link_and_a_link_with_others_says_so(audit):
    wanted = json.dumps({"label": [CLASS_NAMES[1]], "probability": {"from": 0.0, "to": 1.0}})
    audit.query_params.update(map="1", filters=wanted)
    app = with_index(audit.run())
    assert "which is not possible here" in app.warning[0].value and "filters" not in app.query_params  # no probability is 0
    app.multiselect(key="filter by").set_value(["label"]).run()
    app.multiselect(key="filter label").set_value([CLASS_NAMES[1]]).run()
    assert app.query_params["filters"] == f'{{"label":["{CLASS_NAMES[1]}"]}}'
    shared = app_at("audit")
    shared.query_params.update(map="1", filters=app.query_params["filters"])
    shared.run()
    assert not shared.exception and shared.multiselect(key="filter label").value == [CLASS_NAMES[1]]
    assert f"""p."label" IN ('{CLASS_NAMES[1]}')""" in shared.code[0].value and "filters" in shared.query_params
    shared.multiselect(key="filter by").set_value([]).run()
    assert not shared.exception and "filters" not in shared.query_params


def test_a_word_of_the_link_finds_regions_where_the_package_and_the_photos_are(audit, tmp_path, monkeypatch):
    write_pictures(tmp_path / "data" / "mine", 24)
    audit.query_params.update(find="word", find_word="blue")
    with monkeypatch.context() as without:
        without.setattr(towers, "find_spec", lambda name: None)
        app = with_index(audit.run())
        assert "Words need the package open_clip_torch" in "\n".join(info.value for info in app.info)
    monkeypatch.setattr(towers, "TOWERS", {str(write_tiny_tower(tmp_path / "tiny")): "tiny"})
    app.run()
    assert not app.exception and not app.error and app.text_input(key="find_word").value == "blue"
    assert "most alike regions" not in said_by(app)  # a link alone fetches no weights
    app.button(key="find_word now").click().run()
    assert "of the 18 most alike regions are of part" in said_by(app) and "Mapped by 24 photos of the index" in said_by(app)
    rmtree(tmp_path / "data" / "mine")
    app.text_input(key="find_word").set_value("red").run()
    app.button(key="find_word now").click().run()
    assert "The photos of this index are not here" in "\n".join(warning.value for warning in app.warning)


def test_a_map_no_better_than_chance_says_that_nothing_found_means_anything():
    worth = MapWorth(0.02, 0.1, 0.4, 1.0)
    assert "no better than chance" in searching.word_worth(WordQuery((1.0,), worth, 30))
    assert "chance," not in searching.word_worth(WordQuery((1.0,), replace(worth, p_value=0.01), 30))


def test_a_box_in_the_link_is_read_and_written():
    assert searching.read_box(searching.show_box((0.1, 0.2, 1 / 3, 1))) == pytest.approx((0.1, 0.2, 1 / 3, 1), abs=1e-4)
    for wrong in ("", "0.5,0.1,0.4,0.9", "0,0,1", "0,0,1,1.5", "a,b,c,d", "nan,0,1,1"):
        assert searching.read_box(wrong) is None


def test_a_part_becomes_a_concept_in_one_click_and_is_undone(audit, service, tmp_path, monkeypatch):
    library = ConceptLibrary(tmp_path / "library", None)
    monkeypatch.setattr(service.observatory, "library", library)
    monkeypatch.setattr(made_concepts, "SETTINGS", ExplainSettings(n_null=3, n_bootstrap=5))
    app = with_index(audit.run())
    part = app.selectbox(key="part").value
    app.button(key="part to concept").click().run()
    assert not app.exception and not app.error
    (concept,), (random,) = library.sets("concept"), library.sets("random")
    assert concept.name.startswith(f"part {part} of 64, thing") and concept.n_regions == len(concept.images)
    assert {image.sha256 for image in random.images} <= {image.sha256 for image in concept.images}  # of the same photos
    assert f"'{concept.name}' is a concept now: {concept.counted}" in said_by(app).replace("\\", "")
    app.button(key="undo").click().run()
    assert library.sets() == ()
    rmtree(tmp_path / "data" / "mine")
    app.button(key="part to concept").click().run()
    assert "The photos of this index are not here" in app.error[0].value and library.sets() == ()


def test_a_viewer_makes_no_index(audit, tmp_path, monkeypatch):
    monkeypatch.setenv("ENCODERSCOPE_VISITORS", "viewer")
    app = audit.run()
    assert not app.exception and "Editors make indexes of data sets." in app.info[0].value
    assert not [button for button in app.button if button.key == "make"]
    making._start("mine", making.of_scenes(20, making.IndexSettings(VIT)))  # a callback that is not on the page
    assert making.runs().all() == [] and not (tmp_path / "home" / "indexes").exists()
