"""A comparison to take away: CSV and JSON of the section in view, and one HTML report of every section that was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from explainers.nave.settings import NaveSettings
from explainers.results.files import as_csv
from explainers.results.files import as_json as written_as_json
from explainers.results.provenance import versions
from explainers.results.records import encoder_record, jsonable
from explainers.visual_tcav.settings import ExplainSettings
from models.photo import Photo
from models.version import __version__
from pages.common import html_report
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.compare.kept import Kept
from pages.compare.panes import Comparison, Opening
from pages.compare.sections import Section


def draw(comparison: Comparison, settings: NaveSettings | ExplainSettings, section: Section, kept: Mapping[str, Kept]) -> None:
    """Draws the downloads, once the section has something to take away."""
    shown = next((kept[name] for name in section.kept if name in kept), None)
    if shown is None or not shown.rows:
        return
    facts = about(comparison.photo, comparison.openings, settings)
    stem = file_stem("comparison", *(o.name for o in comparison.openings))
    st.markdown("**Download**")
    draw_downloads(
        "take",
        [
            Download(
                "Table",
                f"{stem}-{section.key}.csv",
                "text/csv",
                partial(as_csv, shown.rows),
                "The numbers of this section as a CSV file.",
            ),
            Download(
                "Data",
                f"{stem}.json",
                "application/json",
                partial(as_json, facts, kept),
                "The numbers of every section that you have looked at, with settings and versions, as a JSON file.",
            ),
            Download(
                "Report",
                f"{stem}.html",
                "text/html",
                partial(as_html, facts, kept),
                "Pictures, charts and tables of every section that you have looked at, in one file that opens without a network.",
            ),
        ],
    )


def about(photo: Photo, openings: Sequence[Opening], settings: NaveSettings | ExplainSettings) -> dict[str, Any]:
    """Where the numbers come from."""
    return {
        "photo": {"name": photo.name, "sha256": photo.sha256},
        "encoders": [encoder_record(o.info) for o in openings if o.info],
        "settings": asdict(settings),
        "encoderscope": __version__,
        "versions": versions(),
    }


def as_json(facts: Mapping[str, Any], kept: Mapping[str, Kept]) -> bytes:
    """Every table under its name, and where it comes from."""
    return written_as_json({**facts, "figures": {name: jsonable(table.rows) for name, table in kept.items()}})


def as_html(facts: Mapping[str, Any], kept: Mapping[str, Kept]) -> bytes:
    """One page: pictures, charts and tables by name, then provenance."""
    names = ", ".join(escape(encoder["name"]) for encoder in facts["encoders"])
    parts = [f"<p class='quiet'>{names} on {escape(facts['photo']['name'])}</p>"]
    for name, shown in kept.items():
        parts.append(f"<h2>{escape(name[:1].upper() + name[1:])}</h2>")
        if shown.pictures:
            parts.append(html_report.beside([html_report.picture(*picture) for picture in shown.pictures]))
        if shown.figures:
            parts.append(html_report.beside([html_report.plot(figure) for figure in shown.figures]))
        if shown.rows:
            parts.append(html_report.folded("Table", html_report.table([_without_fingerprint(row) for row in shown.rows])))
    of_photo = {"photo": facts["photo"]["name"], "photo SHA-256": facts["photo"]["sha256"]}
    versions_used = {"versions": ", ".join(f"{name} {version}" for name, version in facts["versions"].items())}
    parts += ["<h2>Encoders</h2>", html_report.table(facts["encoders"])]
    provenance = [html_report.facts(facts["settings"]), html_report.facts(of_photo | versions_used)]
    parts += ["<h2>Settings and provenance</h2>", html_report.beside(provenance)]
    return html_report.page("Comparison of encoders", parts)


def _without_fingerprint(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table that stands above the table of encoders, which has the fingerprints."""
    return {name: value for name, value in row.items() if name != "fingerprint"}
