"""An explanation as one HTML file that opens without a network. Pure functions.

Plotly's script is in the file once, pictures are inline, nothing is fetched. Whatever came from others (names of photos,
concepts, classes) is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, LocalExplanation, SetUsed, ShownDepth
from explainers.results.records import jsonable
from explainers.results.tables import rows_of
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from explainers.visual_tcav.verdicts import Verdict
from models.photo import Photo
from pages.common.heat_appearance import HeatAppearance
from pages.common.html_report import beside, facts, folded, page, picture, plot, table
from pages.common.pictures import on_screen
from pages.common.theme import STAR
from pages.explain import charts
from pages.explain.appearance import choices, in_words

_SIDE = 420
_COLUMNS = {  # of the tables: what is shown of a row, under which name
    "class": "class",
    "concept": "concept",
    "depth": "depth",
    "attribution": "attribution",
    "mean": "mean",
    "interval": "95 % interval",
    "raw_p_value": "raw p",
    "corrected_p_value": "corrected p",
    "chance": "chance",
    "evidence_against": "against",
    "tcav_score": "TCAV",
    "verdict": "CAV",
}
_MEANING = (
    "Attribution is the share of the evidence for a class that lies where the concept is seen, in channels that point along it. "
    f"Full colour and a star: significant at {100 * SIGNIFICANCE_LEVEL:.0f} % after Holm's correction over all concepts and "
    "depths of this report (over the concepts alone where an estimate is over all depths); the orange band is the middle 95 % "
    "of what concepts made of random images give."
)


def of_photo(photo: Photo, explanation: LocalExplanation, depth: ShownDepth, heat: HeatAppearance) -> bytes:
    """The report on one photo: maps at every depth, bars at one or over all, classes over depths, the whole table, settings."""
    shares = zip(explanation.class_names, explanation.probabilities, strict=True)
    classes = ", ".join(f"{escape(name)} {probability:.1%}" for name, probability in shares)
    rows = range(len(explanation.class_idx))
    parts = [
        f"<p class='quiet'>{escape(explanation.photo_name)} as seen by {escape(explanation.encoder.name)}: {classes}</p>",
        f"<p>{_MEANING}</p>",
        "<h2>Where each concept is seen</h2>",
        *(_tiles(photo, explanation, used.depth, heat) for used in explanation.depths),
        f"<h2>What each concept contributes {in_words(depth)}</h2>",
        beside([_of_class(explanation, row, charts.attributions(explanation, row, depth)) for row in rows]),
        "<h2>Every depth</h2>",
        beside([_of_class(explanation, row, charts.over_depths(explanation, row)) for row in rows]),
        _closing(explanation, {"photo": explanation.photo_name, "photo SHA-256": explanation.photo_sha256}),
    ]
    return page(f"Explanation of {explanation.photo_name}", parts)


def of_class(explanation: ClassExplanation, depth: ShownDepth) -> bytes:
    """The report on a class: the distribution at every depth and over all, the one looked at first, the whole table, settings."""
    depths = choices(sorted({c.depth for c in explanation.concepts}))
    depths.sort(key=lambda d: d != depth)
    n = len(explanation.photo_names)
    parts = [
        f"<p class='quiet'>{escape(explanation.class_name)} as seen by {escape(explanation.encoder.name)}: {n} images</p>",
        f"<p>{_MEANING} A dot is one image, a diamond the mean with its 95 % interval.</p>",
        beside([f"<div><h2>Images {in_words(d)}</h2>{plot(charts.distribution(explanation, d))}</div>" for d in depths]),
        _closing(explanation, {"images": str(n)}),
        folded(
            "Images by name and SHA-256",
            table(
                [
                    {"name": name, "SHA-256": digest}
                    for name, digest in zip(explanation.photo_names, explanation.photo_sha256s, strict=True)
                ]
            ),
        ),
    ]
    return page(f"Explanation of the class {explanation.class_name}", parts)


def _tiles(photo: Photo, explanation: LocalExplanation, depth: int, heat: HeatAppearance) -> str:
    pixels = on_screen(photo, _SIDE)
    tiles = [picture(pixels, "photo")]
    for name in explanation.concept_names:
        seen = explanation.at(name, depth).concept_map
        tiles.append(picture(heat.draw(pixels, seen), f"{name}, peak {seen.max():.2f}"))
    return f"<h3>Depth {depth}</h3><div class='tiles'>{''.join(tiles)}</div>"


def _of_class(explanation: LocalExplanation, row: int, figure: go.Figure) -> str:
    return f"<div><h3>{escape(explanation.class_names[row])}</h3>{plot(figure)}</div>"


def _closing(explanation: LocalExplanation | ClassExplanation, about: Mapping[str, str]) -> str:
    """The table, the settings and where everything came from."""
    encoder = explanation.encoder
    named = {"encoder": encoder.name, "architecture": encoder.architecture, "encoder fingerprint": encoder.fingerprint}
    refused = explanation.refused_depths.items()
    sets = [_set_row(used) for used in explanation.sets]
    random = _set_row(explanation.random, " (random counterpart)")
    rows = [row for row in rows_of(explanation) if row["reliable"]]
    together = [row for row in rows if row["depth"] == ALL_DEPTHS] or rows
    return "".join(
        [
            "<h2>Estimates</h2>",
            table(_short_rows(together)),
            *([folded("Estimates at every depth", table(_short_rows(rows)))] if len(rows) > len(together) else []),
            _legend([row["verdict"] for row in rows]),
            *(f"<p><b>{escape(sentence)}</b></p>" for sentence in explanation.all_warnings),
            *(f"<p class='quiet'>Depth {depth} is left out. {escape(reason)}</p>" for depth, reason in refused),
            "<h2>Settings and provenance</h2>",
            beside(
                [
                    facts(jsonable(explanation.settings) | {"versions": _in_a_line(explanation.versions)}),
                    facts({**about, **named}) + table([*sets, random]),
                ]
            ),
        ]
    )


def _short_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table under short names, without what only the file of data needs and without columns that say nothing."""
    shown = [_short(row) for row in rows]
    return [{name: value for name, value in row.items() if any(other[name] for other in shown)} for row in shown]


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    cells = {**row, "interval": f"{row['interval_low']:.2g} – {row['interval_high']:.2g}"}
    if row["depth"] == ALL_DEPTHS:
        cells["verdict"] = None  # a verdict is of one depth
    shown = {name: cells[key] for key, name in _COLUMNS.items() if key in cells}
    return shown | {"": STAR.strip() if row["significant"] else ""}


def _legend(verdicts: Sequence[str]) -> str:
    """What the verdicts in the table mean, each once."""
    used = [verdict for verdict in Verdict if verdict.value in verdicts]
    meanings = " ".join(f"<b>{escape(verdict.value.capitalize())}</b>: {escape(verdict.sentence)}" for verdict in used)
    return f"<p class='quiet'>{meanings}</p>"


def _in_a_line(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _set_row(used: SetUsed, kind: str = "") -> dict[str, Any]:
    return {"set": used.name + kind, "images": used.n_images, "fingerprint": used.fingerprint[:8]}
