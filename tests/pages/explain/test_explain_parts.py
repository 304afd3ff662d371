"""Charts, tables and the report of explanations that are known by heart."""

import csv
import io
import json
import re
from dataclasses import replace
from html import escape

import pytest

from explainers.results import tables as explain_tables
from explainers.results.explanations import ALL_DEPTHS
from explainers.results.files import as_csv, as_json
from explainers.results.records import explanation_record
from explainers.visual_tcav.settings import ExplainSettings
from pages.common import theme
from pages.common.concept_controls import names_in, needed_draws
from pages.common.heat_appearance import HeatAppearance
from pages.explain import appearance, charts, report
from tests.pages.explain.hand_made_explanations import LOCAL, NASTY, OF_CLASS
from tests.pages.hand_made import grey_photo


def test_a_bar_is_coloured_and_starred_only_where_it_is_significant():
    chance, bars = charts.attributions(LOCAL, row=0, depth=1).data
    assert list(bars.x) == [0.5, 0.1]
    assert bars.marker.color[0] != bars.marker.color[1]
    assert list(chance.base) == [0, 0] and list(chance.x) == [0.3, 0.3]  # from the lower end, as wide as the band
    ticks = charts.attributions(LOCAL, row=0, depth=1).layout.yaxis.ticktext
    assert ticks == ("stripes" + theme.STAR, escape(NASTY))


def test_intervals_reach_from_low_to_high():
    error = charts.attributions(LOCAL, row=0, depth=1).data[1].error_x
    assert list(error.array) == pytest.approx([0.2, 0.1])
    assert list(error.arrayminus) == pytest.approx([0.1, 0.1])


def test_every_class_has_an_axis_of_its_own():
    ends = [charts.attributions(LOCAL, row, ALL_DEPTHS).layout.xaxis.range[1] for row in (0, 1)]
    assert ends == [pytest.approx(0.7 * 1.08), pytest.approx(0.4 * 1.08)]


def test_the_chart_of_depths_has_a_cell_per_concept_and_depth():
    cells, numbers = charts.over_depths(LOCAL, row=1).data
    assert [list(line) for line in cells.z] == [[0.1, 0.1, 0.1], [0.5, 0.1, 0.3]]  # the last column is over all depths
    star = theme.STAR
    assert list(numbers.text) == ["0.10", "0.10", "0.10", "0.50" + star, "0.10", "0.30" + star]


def test_a_single_depth_is_all_depths():
    first = replace(LOCAL, depths=LOCAL.depths[:1], concepts=LOCAL.concepts[::2])
    assert charts.over_depths(first, row=0).data[0].z == ([0.5], [0.1])
    assert [row["depth"] for row in explain_tables.local_rows(first)] == [1] * 4
    assert appearance.choices([1]) == [1] and appearance.choices([1, 3]) == [1, 3, ALL_DEPTHS]


def test_bars_over_all_depths():
    bars = charts.attributions(LOCAL, row=1, depth=ALL_DEPTHS).data[1]
    assert list(bars.x) == [0.1, 0.3]


def test_every_image_is_a_dot_that_knows_its_index():
    dots = charts.distribution(OF_CLASS, depth=3).data[2]
    assert list(dots.x) == [0.2, 0.3, 0.4]
    assert [dot[:2] for dot in dots.customdata] == [[0, "a.png"], [1, "b.png"], [2, "c.png"]]


def test_the_table_has_a_row_per_class_concept_and_depth():
    rows = explain_tables.local_rows(LOCAL)
    assert len(rows) == 2 * 2 * (2 + 1)
    assert [row["depth"] for row in rows[:6]] == [1, 3, ALL_DEPTHS] * 2
    assert (rows[-1]["attribution"], rows[-1]["map_peak"], rows[-1]["verdict_in_words"]) == (
        0.3,
        None,
        "Sound or fair at 2 of 2 depths.",
    )
    assert {tuple(row) for row in rows} == {tuple(rows[0])}  # the same columns in the same order
    first = rows[0]
    assert (first["class"], first["concept"], first["depth"], first["attribution"]) == ("cat", "stripes", 1, 0.5)
    assert (first["significant"], first["map_peak"], first["completeness_gap"]) == (True, 1.0, pytest.approx(0.005))


def test_more_steps_are_advised_only_where_the_gap_exceeds_one_percent():
    assert explain_tables.depths_with_gap(LOCAL) == {1: pytest.approx(0.04)}


def test_the_csv_can_be_read_again():
    rows = list(csv.DictReader(io.StringIO(as_csv(explain_tables.class_rows(OF_CLASS)).decode())))
    assert [row["concept"] for row in rows] == ["stripes", NASTY]
    assert float(rows[0]["mean"]) == pytest.approx(0.3)
    assert float(rows[0]["tcav_p_value"]) == 0.04


def test_the_json_holds_every_image_and_where_everything_came_from():
    data = json.loads(as_json(explanation_record([], OF_CLASS)))
    assert data["global"]["concepts"][0]["values"] == [0.2, 0.3, 0.4]
    assert data["encoder"]["fingerprint"] == "f00d"
    assert data["random_set"] == {"name": "scenes", "fingerprint": "cc33", "n_images": 100, "warnings": []}


@pytest.mark.parametrize("page", [report.of_photo(grey_photo(), LOCAL, 1, HeatAppearance()), report.of_class(OF_CLASS, 3)])
def test_a_report_fetches_nothing_and_holds_the_script_once(page):
    text = page.decode()
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=['\"](?!data:)", text)
    assert text.count("plotly.js v") == 1
    assert len(page) < 8_000_000


def test_a_report_tells_settings_fingerprints_and_refused_depths():
    text = report.of_photo(grey_photo(), LOCAL, 1, HeatAppearance()).decode()
    for fact in ("n_steps", "f00d", "beef", "aa11", "cc33", "Part of the network bypasses depth 2.", "torch"):
        assert fact in text
    assert text.count("data:image/jpeg") == 2 * 3  # two depths: the photo and two concepts each


def test_a_report_has_no_empty_cell_and_each_verdict_is_explained_once():
    text = report.of_photo(grey_photo(), LOCAL, 1, HeatAppearance()).decode().partition("<body>")[2]
    assert not re.search(r"<td[^>]*>(None|nan)<", text)
    for verdict in {concept.health.verdict for concept in LOCAL.concepts}:
        assert text.count(escape(verdict.sentence)) == 1


def test_a_report_tells_what_is_doubtful_about_the_images():
    used = replace(LOCAL.sets[0], warnings=("3 images of 'stripes' <repeat>.",))
    text = report.of_photo(grey_photo(), replace(LOCAL, sets=(used, *LOCAL.sets[1:])), 1, HeatAppearance()).decode()
    assert text.count(escape("3 images of 'stripes' <repeat>.")) == 1


def test_names_of_others_are_text_in_a_report():
    for page in (report.of_photo(grey_photo(), LOCAL, 1, HeatAppearance()), report.of_class(OF_CLASS, 3)):
        body = page.decode().partition("<body>")[2]
        assert NASTY not in body and escape(NASTY) in body


def test_heat_covers_only_what_is_above_the_threshold():
    photo = grey_photo()
    drawn = HeatAppearance(opacity=1.0, threshold=0.9).draw(photo.pixels, LOCAL.concepts[0].concept_map)
    assert (drawn[-1, -1] == photo.pixels[-1, -1]).all()
    assert (drawn[0, 0] != photo.pixels[0, 0]).any()


def test_names_in_a_link_may_hold_commas():
    assert names_in("a,b,c", ["a", "b,c", "b"]) == ["a", "b,c"]
    assert names_in("", ["a"]) == []
    with pytest.raises(ValueError, match="x"):
        names_in("a,x", ["a"])


@pytest.mark.parametrize(("n_figures", "n_null"), [(1, 1000), (50, 1000), (51, 2000), (200, 5000)])
def test_there_are_enough_pseudo_concepts_for_one_figure_to_be_significant(n_figures, n_null):
    assert needed_draws(n_figures) == max(n_null, ExplainSettings.n_null)
    assert n_figures / (needed_draws(n_figures) + 1) <= 0.05


TORN = replace(LOCAL, depths=(replace(LOCAL.depths[0], completeness_gaps=(0.05, 0.4)), LOCAL.depths[1]))  # 8 % for the dog


def test_attributions_that_do_not_add_up_are_withheld_with_the_reason():
    for depth in (1, ALL_DEPTHS):
        figure = charts.attributions(TORN, row=1, depth=depth)
        assert not figure.data and "at depth 1 by 8%" in figure.layout.annotations[0].text.replace("<br>", " ")
    assert charts.attributions(TORN, row=0, depth=1).data and charts.attributions(TORN, row=1, depth=3).data
    cells, numbers = charts.over_depths(TORN, row=1).data
    assert [list(line) for line in cells.z] == [[0.1], [0.1]] and len(numbers.text) == 2  # depth 3 is left
    rows = explain_tables.local_rows(TORN)
    assert [r["reliable"] for r in rows if r["class"] == "dog" and r["concept"] == "stripes"] == [False, True, False]
    assert all(r["reliable"] for r in rows if r["class"] == "cat")


def test_a_class_whose_attributions_do_not_add_up_in_one_image_is_withheld():
    torn = replace(OF_CLASS, largest_gaps={3: 20.0})
    figure = charts.distribution(torn, depth=3)
    assert not figure.data and "more than ten times" in figure.layout.annotations[0].text.replace("<br>", " ")
    assert not any(row["reliable"] for row in explain_tables.class_rows(torn))


def test_depths_whose_evidence_lies_on_prefix_tokens_alone_are_named():
    off = replace(LOCAL.depths[1], off_map_shares=(1.0, 1.0))
    assert explain_tables.depths_off_map(replace(LOCAL, depths=(LOCAL.depths[0], off))) == [3]
    assert explain_tables.depths_off_map(LOCAL) == []
