"""The Study page without a browser, and its parts by hand."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from explainers.studies import table
from explainers.studies.findings import Column, Figure, Findings, Series, Table, measure
from explainers.studies.kept import KeptStudies
from explainers.studies.runs import StudyRuns
from explainers.studies.settings import StudySettings
from explainers.studies.study import Study
from pages.common import runs as shown_runs
from pages.study import charts, results, running
from pages.study.cells import shown_rows
from tests.pages.conftest import app_at
from tests.pages.tiny_encoders import CNN, VIT

COLUMNS = (Column("encoder", "Encoder"), *measure("iou", "IoU", oracle=True), Column("n", "N"))
NUMBERS = Table.of("numbers", "Numbers", COLUMNS, [{"encoder": "<b>a", "iou": 0.5, "iou_sd": 0.1, "n": 3}])
CURVES = Figure("over_k", "Over k", "lines", "k", "IoU", (Series("<b>a", (2, 3), (0.5, None), (0.1, None), oracle=True),))


@pytest.fixture
def kept(service, tmp_path, monkeypatch) -> KeptStudies:
    """An empty folder of results, and a study that takes no time."""
    folder = KeptStudies(tmp_path)
    of_process = StudyRuns(service, folder)
    monkeypatch.setattr(running, "kept_studies", lambda: folder)
    monkeypatch.setattr(results, "kept_studies", lambda: folder)
    monkeypatch.setattr(running, "runs", lambda: of_process)
    monkeypatch.setattr(shown_runs, "POLL_SECONDS", None)
    findings = Findings("One is one.", (NUMBERS,), (CURVES,))
    by_hand = Study(
        "by-hand", "By hand", "One?", "Numbers.", "More.", StudySettings((VIT,)), lambda *_: findings, needs="nothing"
    )
    monkeypatch.setitem(table.STUDIES, by_hand.name, by_hand)
    return folder


@pytest.fixture
def study(kept) -> Callable[..., AppTest]:
    """Opens the page with the given link."""

    def opened(**link: str) -> AppTest:
        app = app_at("study")
        app.query_params.update({"study": "by-hand"} | link)
        return app.run()

    return opened


def said(app: AppTest) -> str:
    assert not app.exception
    return "\n".join(element.value for kind in ("markdown", "info", "caption", "error") for element in app.get(kind))


def run_once(app: AppTest) -> AppTest:
    """Presses Run, and looks again once it is done."""
    app.button(key="run").click().run()
    for run in running.runs()._runs.values():
        assert run.ended.wait(240)
    return app.run()


def test_a_study_is_stated_and_nothing_runs_unless_somebody_wants_it(study, kept):
    app = study()
    assert "One?" in said(app) and "More." in said(app) and "has not been run" in said(app)
    assert app.button(key="run").label == "Run the example" and not app.button(key="run").disabled
    assert running.runs()._runs == {}


def test_without_an_encoder_it_says_what_to_do(study):
    app = study()
    app.multiselect(key="of").set_value([]).run()
    assert app.button(key="run").disabled and "Choose an encoder" in said(app)


def test_the_result_shows_up_and_is_kept_for_the_next_visit(study, kept):
    app = run_once(study(of=f"{VIT},{CNN}", seeds="2"))
    assert "One is one." in said(app)
    (result,) = kept.of("by-hand")
    assert result.report.settings == StudySettings((VIT, CNN), n_seeds=2)
    again = study()
    assert "One is one." in said(again) and "to judge by the last run" in said(again)


def test_two_results_stand_side_by_side_and_one_can_be_deleted_and_brought_back(study, kept):
    app = run_once(run_once(study()).number_input(key="seeds").set_value(2).run())
    newest, oldest = kept.of("by-hand")
    app.selectbox(key="beside").set_value(oldest.id).run()
    assert said(app).count("One is one.") == 2
    app.button(key=f"delete {newest.id}").click().run()
    assert [result.id for result in kept.of("by-hand")] == [oldest.id] and "was deleted" in said(app)
    app.button(key="undo").click().run()
    assert len(kept.of("by-hand")) == 2 and "The result is back." in said(app)


def test_a_link_that_asks_for_what_is_gone_says_so(study, kept):
    app = study(of="no-such-encoder", seeds="0")
    assert "not possible here" in "\n".join(warning.value for warning in app.warning)


def test_own_photos_are_needed_before_a_study_of_them_can_start(study):
    app = study(**{"from": "own"})
    assert app.button(key="run").label == "Run the example"  # no photo came with the link: scenes are taken
    app.segmented_control(key="from").set_value("own").run()
    assert app.button(key="run").disabled and "Upload photos" in said(app)


def test_cells_have_their_spread_and_oracle_columns_their_mark():
    columns = [column for column in COLUMNS if not column.is_spread]
    assert shown_rows(NUMBERS, columns, " *") == [{"Encoder": "<b>a", "IoU *": "0.500 ± 0.100", "N": "3"}]


@pytest.mark.parametrize("kind", ["lines", "bars", "points"])
def test_charts_escape_names(kind):
    figure = charts.chart(Figure("f", "F", kind, "<i>x", "y", CURVES.series, guide=0.5))
    assert "<b>" not in figure.to_json() and "<i>" not in figure.to_json()
    assert figure.data[-1].name == "&lt;b&gt;a" and len(figure.layout.shapes) == 1


def test_a_line_has_a_band_where_its_spread_is_known():
    band, line = charts.chart(CURVES).data
    assert tuple(band.y) == (0.6, 0.4) and line.line.dash == "dot"


@pytest.mark.parametrize("kind", ["bars", "points"])
def test_bars_and_points_have_intervals_where_their_spread_is_known(kind):
    (drawn,) = charts.chart(Figure("f", "F", kind, "x", "y", CURVES.series)).data
    assert (
        drawn.error_y.array == (0.1, 0)
        and charts.chart(Figure("f", "F", kind, "x", "y", (Series("a", (1,), (2,)),))).data[0].error_y.array is None
    )


def test_the_report_stands_alone(study, kept):
    run_once(study())
    (result,) = kept.of("by-hand")
    html = results.as_html(result).decode()
    assert "One is one." in html and "0.500 ± 0.100" in html and "&lt;b&gt;a" in html and "<b>a" not in html.replace("</b>", "")


def test_a_map_has_its_first_row_at_the_top_and_a_square_for_every_value():
    rows = (Series("0", (0, 1, 2), (1.0, 2.0, 3.0)), Series("1", (0, 1, 2), (4.0, None, 6.0)))
    drawn = charts.chart(Figure("norms", "Norms", "map", "column", "row", rows))
    (cells,) = drawn.data
    assert [list(row) for row in cells.z] == [[1, 2, 3], [4, None, 6]]
    assert drawn.layout.yaxis.autorange == "reversed" and drawn.layout.yaxis.scaleanchor == "x"
