"""The encoder of an index beside another one, on the page without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from explainers.datasets import kept
from explainers.datasets.index import open_index
from pages.audit import comparison
from tests.pages.audit.test_audit import audit, with_index  # noqa: F401  a fixture
from tests.pages.tiny_encoders import CNN


@pytest.fixture
def compared(audit, service, monkeypatch) -> AppTest:  # noqa: F811
    """The page once both encoders were compared."""
    of_process = comparison.ComparisonRuns(service)
    monkeypatch.setattr(comparison, "runs", lambda: of_process)
    app = with_index(audit.run())
    app.selectbox(key="other encoder").set_value(CNN)
    app.button(key="compare").click().run()
    for run in of_process.all():
        assert run.ended.wait(240) and run.error is None, run.error
    return app.run()


def test_two_encoders_are_compared_and_what_changes_is_shown(compared):
    assert not compared.exception
    assert any("of 16 photos are predicted otherwise by" in text.value for text in compared.markdown)
    (index,) = [open_index(folder) for folder in kept.index_folders().values()]
    assert [path.name for path in kept.comparison_files(index)] == [kept.comparison_file(index, CNN).name]


def test_photos_that_are_not_here_are_said_to_be_missing(compared, monkeypatch, tmp_path):
    monkeypatch.setenv("ENCODERSCOPE_DATA", str(tmp_path / "elsewhere"))
    compared.button(key="compare").click().run()
    assert not compared.exception and any("not on this server" in error.value for error in compared.error)


def test_a_row_says_who_carries_what():
    row = {
        "class": "star",
        "part": 3,
        "first": 0.1,
        "second": 0.4,
        "difference": 0.3,
        "interval": [0.2, 0.4],
        "place": "beside it",
    }
    shown = comparison.table_row(row | {"corrected_p_value": 0.01, "carried": "only second"})
    assert (shown["Part"], shown["Difference"], shown["Carried by"]) == ("3 ★", "+0.30 [+0.20, +0.40]", "only the other")
    many = {"differences": [row | {"part": part} for part in range(40)]}
    assert [r["part"] for r in comparison.shown_rows(many)] == [*range(8), *range(32, 40)]
