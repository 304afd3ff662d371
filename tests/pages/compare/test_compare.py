"""The Compare page without a browser, and its parts by hand."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainers.results.comparisons import SegmentedPhotos
from explainers.results.explanations import ConceptHealth, HealthReport, SetUsed
from explainers.runtime.scheduler import Activity, Queued, Request
from explainers.runtime.worker import Turn
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.settings import ExplainSettings
from models.errors import Cancelled
from pages.compare import agreement, charts, concepts, depths, maps, report, sections
from pages.compare.charts import Contribution
from pages.compare.kept import Kept
from pages.compare.panes import COLOURS, Opening
from pages.compare.sections import SECTIONS
from tests.pages.conftest import app_at, settled
from tests.pages.hand_made import ENCODER, SEGMENTATION, grey_photo, provenance
from tests.pages.tiny_encoders import CNN, NO_CLASSES, VIT

PAIR = {"encoders": f"{CNN},{VIT}", "size": "224", "photo": "scene"}


@pytest.fixture
def compare(service) -> Callable[..., AppTest]:
    """Opens the page with the given link, and waits until every encoder has answered."""

    def opened(**link: str) -> AppTest:
        return settled(first_run(**link))

    return opened


def first_run(**link: str) -> AppTest:
    """What the page says at once."""
    app = app_at("compare")
    app.query_params.update(PAIR | link)
    return app.run()


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def opening(place: int, title: str) -> Opening:
    return Opening(place, f"team/{title}", title, remark="", job=None, info=ENCODER)


# --- the page -----------------------------------------------------------------------------------------------------------


def test_each_encoder_shows_what_it_finds_similar_to_one_place(compare):
    app = compare(shown="similar", at="0.3,0.6", alike="50")
    protos = [element.proto for element in app.get("bidi_component")]
    (view,) = [json.loads(proto.json) for proto in protos if proto.component_name == "live_view"]
    assert not view["together"] and view["places"]["pin"]["place"] == [0.3, 0.6]
    assert [pane["id"] for pane in view["panes"]] == ["pane0", "pane1"] and all("maps" in pane for pane in view["panes"])
    assert app.query_params["at"] == "0.3,0.6" and app.query_params["alike"] == "50"


def test_the_encoder_of_the_page_before_stands_first(service):
    app = app_at("compare")
    app.session_state["encoder"] = VIT
    app.query_params.update(size="224", photo="scene", scene="7")
    app.run()
    assert not app.exception and app.multiselect(key="encoders").value[0] == VIT


def test_two_encoders_stand_side_by_side_at_one_granularity(compare):
    app = compare(k="5")
    assert captions(app).count("5 clusters") == 2
    app.slider(key="k").set_value(7)
    settled(app.run())
    assert captions(app).count("7 clusters") == 2


def test_equal_regions_choose_a_granularity_for_each(compare):
    app = compare(equal="1")
    assert [s.label for s in app.select_slider if s.key == "regions"] == ["Regions"]
    assert captions(app).count("regions") >= 2


def test_differences_are_measured_against_the_first(compare):
    app = compare(shown="differences", k="4")
    assert "% apart" in captions(app) and len(app.get("image")) == 2 + 1  # and the scale


def test_a_failing_encoder_fails_alone(compare, tmp_path_factory, shared_service):
    folder = shared_service.catalog.encoder_folder / "broken"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architecture": "test_vit", "num_classes": 3}))
    try:
        app = compare(encoders=f"{CNN},broken,{VIT}", k="3")
        assert [error.value for error in app.error if "broken" in error.value]
        assert captions(app).count("3 clusters") == 2
    finally:
        (folder / "config.json").unlink()
        folder.rmdir()


@pytest.mark.parametrize("wanted", [f"{CNN},{CNN}", "no such encoder,other", ",".join([CNN, VIT, NO_CLASSES, "a", "b"])])
def test_a_link_to_impossible_encoders_says_so(service, wanted):
    app = first_run(encoders=wanted)
    assert any("not possible here" in warning.value for warning in app.warning)


def test_one_encoder_is_not_enough(compare):
    app = compare(encoders=CNN)
    assert "at least two" in app.info[0].value


def test_agreement_depths_and_cost_have_figures(compare):
    app = compare(view="agreement", n_scenes="2")
    assert len(app.get("plotly_chart")) == 2, [error.value for error in app.error]
    app = compare(view="depths", n_scenes="2")
    assert "depth 0 of" in captions(app) and "The deepest of" in captions(app)
    app = compare(view="cost")
    assert app.dataframe[0].value["encoder"].tolist() == [CNN, VIT]


def test_concepts_of_encoders_with_and_without_classes(compare):
    app = compare(
        view="concepts", encoders=f"{CNN},{NO_CLASSES}", concepts="striped,dotted", null="20", replicates="5", steps="10"
    )
    assert NO_CLASSES in captions(app) and "contribute to no class here" in captions(app)
    assert "peak" in captions(app)


# --- its parts ----------------------------------------------------------------------------------------------------------


def test_a_pane_shows_the_colours_that_match_the_first():
    mirrored = type(SEGMENTATION)(**{**vars(SEGMENTATION), "labels": 1 - np.minimum(SEGMENTATION.labels, 1)})
    names = maps.matched_colours(SEGMENTATION, (2, 2), mirrored, (2, 2))
    assert names == ((1, 0), (1, 0)) and maps.matched_colours(SEGMENTATION, (2,), SEGMENTATION, (2,)) == ()
    pane = maps.pane(opening(1, "b"), grey_photo(), mirrored, (2, 3), names)
    assert pane.at == (0, 1) and pane.colours == names and pane.title == "b"


def test_regions_by_granularity():
    assert maps.regions(SEGMENTATION) == {2: 2, 3: 3}


def segmented(labels: np.ndarray, of: str = "one") -> SegmentedPhotos:
    encoder = replace(ENCODER, fingerprint=of)
    about = provenance(SEGMENTATION.settings, grey_photo(), encoder=encoder)
    return SegmentedPhotos(about, (labels,), np.array([[2, 3]]), (2,))


def test_a_curve_for_every_pair_and_a_dotted_one_for_every_encoder_itself():
    same = segmented(SEGMENTATION.labels)
    found = {0: (same, same), 1: (same, None), 2: (same, same)}
    curves = agreement.agreement_curves([opening(0, "a"), opening(1, "b"), opening(2, "c")], found, "rand")
    assert [c.name for c in curves] == ["a – b", "a – c", "b – c", "a, another seed", "c, another seed"]
    assert [c.dashed for c in curves] == [False] * 3 + [True] * 2
    assert curves[0].spreads[0].mean == pytest.approx(1)


def test_agreement_in_the_table_has_both_measures():
    a, b = segmented(SEGMENTATION.labels), segmented(SEGMENTATION.labels.transpose(0, 2, 1), "other")
    rows = agreement.agreement_rows([opening(0, "a"), opening(1, "b")], {0: (a, None), 1: (b, None)})
    assert {row["measure"] for row in rows} == {"Adjusted Rand index", "Adjusted mutual information"}
    assert rows[0]["mean"] < 0.1


def test_the_most_alike_depths_in_words():
    similarity = np.array([[0.9, 0.1], [0.2, 0.5]])
    assert depths.in_words(similarity, ("A", (0, 1)), ("B", (0, 1))) == (
        "Most alike: depth 0 of A and depth 0 of B (0.90). The deepest of A is most like depth 1 of B (0.50)."
    )


def health_report(aucs: list[float]) -> HealthReport:
    found = tuple(
        ConceptHealth("c", d, CavHealth(auc, 0.5, 0.9, 40, 40), np.ones(2), np.ones(1), np.ones(1), (0, 0))
        for d, auc in enumerate(aucs)
    )
    return HealthReport(provenance(ExplainSettings()), (), SetUsed("scenes", "r", 2), tuple(range(len(aucs))), found)


def test_maps_are_of_the_best_depth_or_of_a_place_on_the_way():
    report = health_report([0.6, 0.9, 0.9, 0.7, 0.5])
    assert concepts.depth_at(report, "c", "best") == 2
    assert [concepts.depth_at(report, "c", place) for place in ("0", "50", "100")] == [0, 2, 4]


def contribution(encoder: str, mean: float, low: float, high: float, p: float = 0.01) -> Contribution:
    return Contribution(encoder, "#112233", mean, (low, high), p)


def test_ranks_and_which_encoders_are_apart():
    by_concept = {
        "x": [contribution("A", 0.5, 0.4, 0.6), contribution("B", 0.1, 0.0, 0.2, 0.5)],
        "y": [contribution("A", 0.1, 0.0, 0.2), contribution("B", 0.15, 0.1, 0.3)],
    }
    table = concepts.ranking([opening(0, "A"), opening(1, "B")], by_concept)
    assert table == [
        {"Concept": "x", "A": "1 ★", "B": "2", "Differ": "A > B"},
        {"Concept": "y", "A": "2 ★", "B": "1 ★", "Differ": "–"},
    ]


def test_equal_figures_share_the_better_rank():
    assert concepts.ranks_of([0.0, 2.0, 0.0]) == [2, 1, 2]


def test_bars_are_pale_where_chance_could_have_made_them():
    figure = charts.contributions({"x": [contribution("A", 0.5, 0.4, 0.6), contribution("B", 0.1, 0.0, 0.2, 0.5)]})
    assert figure.data[0].marker.color[0] == "#112233" and figure.data[1].marker.color[0].startswith("rgba")


def test_the_most_alike_depth_of_every_row_is_marked():
    figure = charts.depth_similarity(np.array([[0.2, 0.8], [0.6, 0.1]]), ("A", (0, 1)), ("B", (2, 5)))
    assert list(figure.data[1].x) == ["5", "2"] and list(figure.data[1].text) == ["0.80", "0.60"]


def test_the_report_holds_every_section_and_escapes_names():
    kept = {
        "agreement": Kept(({"pair": "a <b>", "k": 2, "mean": 0.5},), (charts.agreement([], "rand"),)),
        "segmentations": Kept(({"encoder": "x", "k": 2},), (), ((np.zeros((4, 4, 3), np.uint8), "caption & more"),)),
    }
    facts = report.about(grey_photo(), [opening(0, "a"), opening(1, "b")], SEGMENTATION.settings)
    page = report.as_html(facts, kept).decode()
    assert "a &lt;b&gt;" in page and "caption &amp; more" in page and "data:image/jpeg" in page and "http-equiv" not in page
    record = json.loads(report.as_json(facts, kept))
    assert record["figures"]["agreement"][0]["mean"] == 0.5 and len(record["encoders"]) == 2


def test_a_section_that_is_looked_at_gives_up_what_only_others_ask_for():
    assert sections.left_behind(SECTIONS["cost"]) == {
        *("classes", "photo maps", "photo seed", "collection maps", "collection seed"),
        *("depths", "health", "concept maps", "contributions"),
    }
    assert "maps" in sections.left_behind(SECTIONS["depths"])


def test_every_table_belongs_to_one_section():
    names = [name for section in SECTIONS.values() for name in section.kept]
    assert len(names) == len(set(names)) and list(SECTIONS) == ["maps", "agreement", "depths", "concepts", "cost"]


def test_every_place_has_a_colour_of_its_own():
    assert len(set(COLOURS)) == 4


def test_a_section_that_is_left_no_longer_holds_up_the_others(service):
    for name in (CNN, VIT):
        service.open_encoder(name).result(240)
    gate = threading.Event()
    blocker = service._scheduler.request(
        Request("blocker", lambda progress: gate.wait(240), Queued(service._worker, Turn()), Activity("waiting", ""))
    )
    try:
        app = first_run(view="agreement", n_scenes="32")
        pending = [asked.job for view, asked in app.session_state["jobs"].items() if "collection maps" in view]
        assert len(pending) == 2 and not any(job.done for job in pending)
        app.segmented_control(key="view").set_value("cost")
        app.run()
        assert all(isinstance(job.error(), Cancelled) for job in pending)
    finally:
        gate.set()
        blocker.result(240)
