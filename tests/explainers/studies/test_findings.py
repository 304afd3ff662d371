"""Findings, reports and means by hand."""

import csv
import io
import json

import numpy as np
import pytest

from explainers.studies.findings import Column, Figure, Findings, Series, Table, findings_from, measure, renamed
from explainers.studies.records import Report, UnreadableStudy, report_from, report_json, table_csv
from explainers.studies.settings import StudySettings, require_valid
from explainers.studies.spread import averaged, in_words, is_clear, is_clearly_above, sentences
from explainers.studies.table import STUDIES
from models.errors import BadSettings

COLUMNS = (Column("encoder", "Encoder"), *measure("iou", "IoU", "How much.", oracle=True))
TABLE = Table.of("objects", "Objects", COLUMNS, [{"encoder": "a", "iou": 0.5, "iou_sd": None, "not asked for": 1}])
CURVES = Figure("over_k", "Over k", "lines", "k", "IoU", (Series("a", (2, 3), (0.5, None), (0.1, None)),), guide=0.2)
FINDINGS = Findings("It is so.", (TABLE,), (CURVES,))
REPORT = Report(
    "alignment", StudySettings(("a", "b"), n_seeds=2), FINDINGS, ({"name": "a"},), (), 1.5, {"torch": "1"}, "2", "now"
)


def test_encoders_from_folders_go_by_the_name_of_the_folder_in_every_text():
    names = StudySettings(("own/one", "b", "own/two", "other/two", "hf-hub:timm/three")).short_names
    assert names == {"own/one": "one"}  # two are called alike, and a hub's name says whose it is
    table = Table.of("t", "Of own/one", COLUMNS, [{"encoder": "own/one, random weights", "iou": 0.5, "iou_sd": None}])
    curves = Figure("f", "F", "lines", "k", "IoU", (Series("own/one", ("own/one",), (0.5,), labels=("own/two",)),))
    short = renamed(Findings("own/one is so.", (table,), (curves,)), names)
    assert short.sentence == "one is so." and short.tables[0].title == "Of one" and short.tables[0].columns == COLUMNS
    assert short.tables[0].rows == ({"encoder": "one, random weights", "iou": 0.5, "iou_sd": None},)
    assert short.figures[0].series == (Series("one", ("one",), (0.5,), labels=("own/two",)),)
    assert renamed(FINDINGS, {}) is FINDINGS


def test_means_are_over_photos_and_spread_over_seeds():
    rows = [
        {"method": "m", "seed": 0, "photo": 0, "iou": 0.0},
        {"method": "m", "seed": 0, "photo": 1, "iou": 0.4},  # the first seed's mean: 0.2
        {"method": "m", "seed": 1, "photo": 0, "iou": 0.4},
        {"method": "m", "seed": 1, "photo": 1, "iou": None},  # the second's: 0.4
        {"method": "n", "seed": 0, "photo": 0, "iou": None},
    ]
    first, second = averaged(rows, ("method",))
    assert first == {"method": "m", "iou": pytest.approx(0.3), "iou_sd": pytest.approx(np.std([0.2, 0.4], ddof=1))}
    assert second == {"method": "n", "iou": None, "iou_sd": None}


def test_a_difference_is_clear_beyond_twice_the_spread():
    assert is_clear(0.1, 0.03, 0.03) and not is_clear(0.1, 0.05, 0.05) and is_clear(0.1, None)
    assert in_words(0.44449, 0.0042) == "0.444 ± 0.004" and in_words(0.5, None, 1) == "0.5"


def test_a_table_has_its_columns_only_and_a_measure_names_its_spread():
    assert TABLE.rows == ({"encoder": "a", "iou": 0.5, "iou_sd": None},)
    with pytest.raises(KeyError):
        Table.of("objects", "Objects", COLUMNS, [{"encoder": "a"}])
    assert COLUMNS[1].spread == COLUMNS[2].name == "iou_sd" and COLUMNS[2].is_spread


def test_oracle_columns_are_marked_in_the_csv():
    (row,) = csv.DictReader(io.StringIO(table_csv(TABLE).decode()))
    assert row == {"encoder": "a", "oracle_iou": "0.5", "oracle_iou_sd": ""}


def test_a_report_comes_back_from_its_json():
    record = json.loads(report_json(REPORT, STUDIES["alignment"]))
    assert record["stated"]["does_not_show"] == STUDIES["alignment"].does_not_show
    assert report_from(record) == REPORT and findings_from(record["findings"]) == FINDINGS


@pytest.mark.parametrize("record", [[], {}, {"schema": "another/1"}, {"schema": "encoderscope/study/1", "settings": {}}])
def test_anything_else_is_refused(record):
    with pytest.raises(UnreadableStudy):
        report_from(record)


@pytest.mark.parametrize("settings", [StudySettings(()), StudySettings(("a",), n_seeds=0), StudySettings(("a",), n_scenes=999)])
def test_what_no_study_can_do_is_refused(settings):
    with pytest.raises(BadSettings):
        require_valid(settings, 0)
    require_valid(StudySettings(("a",), n_scenes=999), 3)  # photos are given: scenes do not matter


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_a_study_states_what_it_asks_measures_and_does_not_show(study):
    assert study.question.endswith("?") and study.measure.endswith(".") and study.does_not_show.endswith(".")
    require_valid(study.example, 0)


def test_a_row_is_clearly_above_another_only_beyond_the_spreads_and_only_upward():
    low, high, wide = ({"iou": value, "iou_sd": spread} for value, spread in ((0.4, 0.01), (0.5, 0.01), (0.5, 0.2)))
    assert is_clearly_above(high, low, "iou")
    assert not is_clearly_above(low, high, "iou") and not is_clearly_above(wide, low, "iou")


def test_a_beginning_without_anything_to_name_is_left_out():
    assert sentences(("Worse:", []), ("Better:", ["a", "b"])) == "Better: a; b."
    assert sentences(("Worse:", [])) == ""
