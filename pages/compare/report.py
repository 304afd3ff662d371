"""A comparison to take away: CSV and JSON of the section in view, and one HTML report of every section that was looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

import streamlit as st

from explainers.results.files import as_csv
from explainers.results.files import as_json as written_as_json
from explainers.results.provenance import versions
from explainers.results.records import encoder_record, jsonable
from models.photo import Photo
from pages.common import html_report as report
from pages.compare.panes import Kept, Opening

_HELP = (
    "The figures of this section as a CSV file.",
    "The figures of every section that you have looked at, with settings and versions, as a JSON file.",
    "Pictures, charts and tables of every section that you have looked at, in one file that opens without a network.",
)
_SECTION_OF = {"maps": "segmentations", "concepts": "contributions"}


def draw(photo: Photo, openings: Sequence[Opening], settings: Any, section: str, kept: Mapping[str, Kept]) -> None:
    """The downloads. Each file is made when its button is pressed."""
    shown = kept.get(_SECTION_OF.get(section, section)) or kept.get("CAVs" if section == "concepts" else section)
    if shown is None or not shown.rows:
        return
    st.markdown("**Download**")
    facts = about(photo, openings, settings)
    stem = "comparison-" + "-".join(o.name.replace("/", "-").replace(":", "-") for o in openings)
    files = [
        ("Figures", f"{stem}-{section}.csv", "text/csv", lambda: as_csv(shown.rows)),
        ("Everything", f"{stem}.json", "application/json", lambda: as_json(facts, kept)),
        ("Report", f"{stem}.html", "text/html", lambda: as_html(facts, kept)),
    ]
    with st.container(horizontal=True, gap="xsmall"):
        for (label, name, mime, make), meaning in zip(files, _HELP, strict=True):
            st.download_button(label, make, name, mime, key=f"take {label}", on_click="ignore", help=meaning)


def about(photo: Photo, openings: Sequence[Opening], settings: Any) -> dict[str, Any]:
    """Where the figures come from."""
    return {
        "photo": {"name": photo.name, "sha256": photo.sha256},
        "encoders": [encoder_record(o.info) for o in openings if o.info],
        "settings": asdict(settings) if settings is not None else {},
        "versions": versions(),
    }


def as_json(facts: Mapping[str, Any], kept: Mapping[str, Kept]) -> bytes:
    """Every table under the name of its section, and where it comes from."""
    tables = {section: jsonable(one.rows) for section, one in kept.items()}
    return written_as_json({**facts, "figures": tables})


def as_html(facts: Mapping[str, Any], kept: Mapping[str, Kept]) -> bytes:
    """One page: pictures, charts and tables by section, then provenance."""
    names = ", ".join(escape(encoder["name"]) for encoder in facts["encoders"])
    parts = [f"<p class='quiet'>{names} on {escape(facts['photo']['name'])}</p>"]
    for section, one in kept.items():
        parts.append(f"<h2>{escape(section.capitalize())}</h2>")
        if one.pictures:
            parts.append(f"<div class='tiles'>{''.join(report.picture(*picture) for picture in one.pictures)}</div>")
        parts += [report.plot(figure) for figure in one.figures]
        parts.append(f"<details><summary>Figures</summary>{report.table(one.rows)}</details>" if one.rows else "")
    parts += ["<h2>Encoders</h2>", report.table(facts["encoders"]), "<h2>Settings</h2>", report.facts(facts["settings"])]
    parts += [report.facts({"photo": facts["photo"]["name"], "photo SHA-256": facts["photo"]["sha256"]})]
    return report.page("Comparison of encoders", [*parts, "<h2>Versions</h2>", report.facts(facts["versions"])])
