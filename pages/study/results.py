"""Results that are kept: one in view, or two side by side; to take away, and to delete with undo."""

from dataclasses import dataclass
from functools import partial
from html import escape

import pandas as pd
import streamlit as st

from explainers.studies.findings import Table
from explainers.studies.kept import Kept
from explainers.studies.records import report_json, table_csv
from explainers.studies.study import Study
from explainers.studies.table import STUDIES
from models.errors import NotAllowed
from pages.common import access, html_report, link, plots
from pages.common.downloads import Download, draw_downloads
from pages.common.ledger import Ledger
from pages.common.text import escaped
from pages.study import charts
from pages.study.cells import shown_rows
from pages.study.running import kept_studies

_LEDGER = Ledger("study", "library")
_NONE = ""
_ROWS_IN_VIEW = 14
ORACLE = " ◆"
_ORACLE_NOTE = "◆ Oracle: the truth took part in choosing. Not to be compared with the other columns."


@dataclass(frozen=True)
class Change:
    """A result that was deleted."""

    sentence: str
    undone: str = ""
    kept_id: str = ""


def bar() -> None:
    """What was deleted last, with its undo."""
    change = _LEDGER.last()
    if change is not None:
        with st.container(border=True, key="change"):
            undo = partial(kept_studies().restore, change.kept_id) if change.kept_id else None
            _LEDGER.draw(change, undo, "Brings the result back.")


def draw(study: Study) -> None:
    """The choice among the results of a study, and the chosen ones."""
    results = {kept.id: kept for kept in kept_studies().of(study.name)}
    if not results:
        st.info(
            f"“{study.title}” has not been run on this server yet. Run the example to see its figures here.",
            icon=":material/science:",
        )
        return
    st.header("Results", anchor=False, help="Kept on this server for everybody, at most 200.")
    link.settle("result", next(iter(results)), results.__contains__, word="result", kind=str)
    left, right = st.columns(2, gap="medium")
    with left:
        names = {kept_id: name_of(kept) for kept_id, kept in results.items()}
        chosen = st.selectbox("Result", list(names), format_func=names.__getitem__, key="result", help="The newest comes first.")
    with right:
        others = {_NONE: "nothing"} | {kept_id: name for kept_id, name in names.items() if kept_id != chosen}
        link.settle("beside", _NONE, others.__contains__, kind=str)
        beside = st.selectbox(
            "Beside it", list(others), format_func=others.__getitem__, key="beside", help="A second result, to be compared."
        )
    shown = [results[kept_id] for kept_id in (chosen, beside) if kept_id]
    for place, kept in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
        with place:
            _draw_result(study, kept, n_columns=2 if len(shown) == 1 else 1)


def name_of(kept: Kept) -> str:
    """When, which encoders, how many photos and seeds."""
    report, settings = kept.report, kept.report.settings
    names = [settings.short_names.get(name, name) for name in settings.encoders]
    first, rest = names[:2], names[2:]
    encoders = ", ".join(first) + (f" and {len(rest)} more" if rest else "")
    n_photos = len(report.photos) or settings.n_scenes
    when = report.made_at[:16].replace("T", " ")
    return " · ".join(filter(None, (encoders, f"{n_photos} photos", f"{settings.n_seeds} seeds", when)))


def _draw_result(study: Study, kept: Kept, n_columns: int) -> None:
    """Sentence, tables, and figures, so many of them in a row."""
    findings = kept.report.findings
    st.markdown(escaped(findings.sentence))
    for table in findings.tables:
        _draw_table(table, kept.id)
    for start in range(0, len(findings.figures), n_columns):
        in_row = findings.figures[start : start + n_columns]
        for place, figure in zip(st.columns(n_columns, gap="medium"), in_row, strict=False):
            with place:
                st.markdown(f"**{escaped(figure.title)}**")
                plots.draw(charts.chart(figure), f"{figure.name} {kept.id}", figure.title)
    _draw_provenance(kept)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_downloads(f"take {kept.id}", _downloads(study, kept))
        st.button(
            "Delete",
            key=f"delete {kept.id}",
            icon=":material/delete:",
            type="tertiary",
            on_click=_delete,
            args=(kept,),
            help="Takes this result off the server; it can be undone for a day.",
        )


def _draw_table(table: Table, kept_id: str) -> None:
    """Every measure with its spread behind a ±; oracle columns are marked and come last."""
    columns = [column for column in table.columns if not column.is_spread]
    columns = sorted(columns, key=lambda column: column.oracle)
    st.markdown(f"**{escaped(table.title)}**")
    config = {
        column.title + ORACLE * column.oracle: st.column_config.Column(
            help=column.meaning or None, alignment="right" if column.spread else None
        )
        for column in columns
    }
    st.dataframe(
        pd.DataFrame(shown_rows(table, columns, ORACLE)),
        hide_index=True,
        placeholder="–",
        height="content" if len(table.rows) <= _ROWS_IN_VIEW else 36 * _ROWS_IN_VIEW,
        alt=table.title,
        key=f"table {table.name} {kept_id}",
        column_config=config,
    )
    oracle = f" {_ORACLE_NOTE}" if any(column.oracle for column in columns) else ""
    st.caption(f"Means over photos; ± is the standard deviation over seeds.{oracle}")


def _draw_provenance(kept: Kept) -> None:
    report = kept.report
    with st.expander("How it was made"):
        encoders = "; ".join(f"{e['name']} (`{str(e['fingerprint'])[:8]}`)" for e in report.encoders)
        versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
        settings = report.settings
        st.markdown(
            f"Encoders: {encoders}  \n{len(report.photos) or settings.n_scenes} photos, {settings.n_seeds} seeds, "
            f"{settings.input_size} px  \nTook {report.seconds:.0f} s on this server, {report.made_at} (UTC)  \n"
            f"Encoderscope {report.encoderscope}; {escaped(versions)}"
        )


# --- taking away, deleting ------------------------------------------------------------------------------------------------------


def _downloads(study: Study, kept: Kept) -> list[Download]:
    tables = kept.report.findings.tables
    several = len(tables) > 1
    return [
        Download("Data", f"{kept.id}.json", "application/json", partial(report_json, kept.report, study), "All of it as JSON."),
        *(
            Download(
                f"Table: {table.title.partition('. ')[0]}" if several else "Table",
                f"{kept.id}-{table.name}.csv",
                "text/csv",
                partial(table_csv, table),
                "The table as a CSV file; oracle columns are called oracle_….",
            )
            for table in tables
        ),
        Download("Report", f"{kept.id}.html", "text/html", partial(as_html, kept), "Figures and tables in one file."),
    ]


def as_html(kept: Kept) -> bytes:
    """The result as a page that opens without a network."""
    report, study = kept.report, STUDIES[kept.report.study]
    stated = {"question": study.question, "measure": study.measure, "what it does not show": study.does_not_show}
    parts = [f"<p>{escape(report.findings.sentence)}</p>", html_report.facts(stated)]
    for table in report.findings.tables:
        columns = [column for column in table.columns if not column.is_spread]
        parts += [f"<h2>{escape(table.title)}</h2>", html_report.table(shown_rows(table, columns, ORACLE))]
    parts += [f"<p class='quiet'>{_ORACLE_NOTE}</p>"]
    for figure in report.findings.figures:
        parts += [f"<h2>{escape(figure.title)}</h2>", html_report.plot(charts.chart(figure))]
    settings = {"scenes": report.settings.n_scenes, "seeds": report.settings.n_seeds, "input size": report.settings.input_size}
    made = settings | {"seconds": report.seconds, "made": report.made_at, "Encoderscope": report.encoderscope}
    parts += ["<h2>Encoders</h2>", html_report.table(report.encoders), "<h2>How it was made</h2>", html_report.facts(made)]
    return html_report.page(f"Study: {study.title}", parts)


def _delete(kept: Kept) -> None:
    try:
        access.require("library")
    except NotAllowed as refusal:
        _LEDGER.show(Change(str(refusal)))
        return
    kept_studies().delete(kept.id)
    _LEDGER.made(Change(f"The result “{name_of(kept)}” was deleted.", "The result is back.", kept.id))
