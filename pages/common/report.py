"""An explanation as one HTML file that opens without a network. Pure functions.

Plotly's script is in the file once, pictures are inline, nothing is fetched. Whatever came from others (names of photos,
concepts, classes) is escaped.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.offline import get_plotlyjs

from explainers.explanations import ClassExplanation, LocalExplanation, SetUsed, ShownDepth
from models.preprocessing import Photo
from pages.common import explain_charts, explain_look, explain_tables
from pages.common.explain_look import HeatLook
from pages.common.screen import for_screen

_SIDE = 420
_MEANING = (
    "Attribution is the share of the evidence for a class that lies where the concept is seen, in channels that point along it. "
    "Full colour and a star: significant at 5 % after Holm's correction over all concepts and depths of this report (over the "
    "concepts alone where a figure is over all depths); "
    "the orange mark is what concepts made of random images give."
)
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1D2529; background: #fff; }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; }
.quiet { color: #5C6970; } .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
figure { margin: 0; } figure img { width: 100%; border-radius: 6px; display: block; }
figcaption { font-size: .85rem; color: #5C6970; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #DDE3E6; vertical-align: top; }
th { font-weight: 600; } code { font-size: .85em; overflow-wrap: anywhere; } .half { max-width: 640px; }
"""


def of_photo(photo: Photo, explanation: LocalExplanation, depth: ShownDepth, look: HeatLook) -> bytes:
    """Of one photo: maps at every depth, bars at one or over all, classes over depths, the whole table, settings."""
    found = zip(explanation.class_names, explanation.probabilities, strict=True)
    classes = ", ".join(f"{escape(name)} {probability:.1%}" for name, probability in found)
    parts = [
        f"<p class='quiet'>{escape(explanation.photo_name)} in the eyes of {escape(explanation.encoder.name)}: {classes}</p>",
        f"<p>{_MEANING}</p>",
        "<h2>Where each concept is seen</h2>",
        *(_tiles(photo, explanation, facts.depth, look) for facts in explanation.depths),
        f"<h2>What each concept contributes {explain_look.in_words(depth)}</h2>",
        *(_bars(explanation, row, depth) for row in range(len(explanation.class_idx))),
        "<h2>Every depth</h2>",
        *(_depths(explanation, row) for row in range(len(explanation.class_idx))),
        _closing(explanation, {"photo": explanation.photo_name, "photo SHA-256": explanation.photo_sha256}),
    ]
    return page(f"Explanation of {explanation.photo_name}", parts)


def of_class(explanation: ClassExplanation, depth: ShownDepth) -> bytes:
    """Of a class: the distribution at every depth and over all, the one looked at first, the whole table, settings."""
    depths = explain_look.choices(sorted({c.depth for c in explanation.concepts}))
    depths.sort(key=lambda d: d != depth)
    n = len(explanation.photo_names)
    parts = [
        f"<p class='quiet'>{escape(explanation.class_name)} in the eyes of {escape(explanation.encoder.name)}: {n} images</p>",
        f"<p>{_MEANING} A dot is one image, a diamond the mean with its 95 % interval.</p>",
        *(f"<h2>Images {explain_look.in_words(d)}</h2>" + plot(explain_charts.distribution(explanation, d)) for d in depths),
        _closing(explanation, {"images": str(n)}),
        "<h2>Images</h2>",
        table(
            [
                {"name": name, "SHA-256": digest}
                for name, digest in zip(explanation.photo_names, explanation.photo_sha256s, strict=True)
            ]
        ),
    ]
    return page(f"Explanation of the class {explanation.class_name}", parts)


def page(title: str, parts: Sequence[str]) -> bytes:
    """The whole file; the parts are HTML already."""
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    script = f"<script>{get_plotlyjs()}</script>"
    body = f"<h1>{escape(title)}</h1>" + "\n".join(parts)
    return f"<!doctype html><html lang='en'><head>{head}<style>{_STYLE}</style>{script}</head><body>{body}</body></html>".encode()


def _tiles(photo: Photo, explanation: LocalExplanation, depth: int, look: HeatLook) -> str:
    pixels = for_screen(photo.pixels, (_SIDE, _SIDE))
    tiles = [picture(pixels, "photo")]
    for name in explanation.concept_names:
        seen = explanation.at(name, depth).concept_map
        tiles.append(picture(look.draw(pixels, seen), f"{name}, peak {seen.max():.2f}"))
    return f"<h3>Depth {depth}</h3><div class='tiles'>{''.join(tiles)}</div>"


def picture(pixels: np.ndarray, caption: str) -> str:
    """A picture (H, W, 3) with its caption, inline."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img src='{source}' alt='{escape(caption)}'><figcaption>{escape(caption)}</figcaption></figure>"


def _bars(explanation: LocalExplanation, row: int, depth: ShownDepth) -> str:
    name = escape(explanation.class_names[row])
    return f"<h3>{name}</h3>" + plot(explain_charts.attributions(explanation, row, depth))


def _depths(explanation: LocalExplanation, row: int) -> str:
    return f"<h3>{escape(explanation.class_names[row])}</h3>" + plot(explain_charts.over_depths(explanation, row))


def plot(figure: go.Figure) -> str:
    """The chart, for a page that has Plotly's script already."""
    figure = go.Figure(figure).update_layout(template="plotly_white", font={"family": "system-ui, sans-serif"})
    config = explain_charts.CONFIG | {"responsive": True}
    return f"<div class='half'>{figure.to_html(full_html=False, include_plotlyjs=False, config=config)}</div>"


def _closing(explanation: LocalExplanation | ClassExplanation, about: Mapping[str, str]) -> str:
    """The table, the settings and where everything came from."""
    return "".join(
        [
            "<h2>All figures</h2>",
            table(explain_tables.rows_of(explanation)),
            _refused(explanation.refused_depths),
            "<h2>Settings</h2>",
            facts(explain_tables.plain_data(explanation.settings)),
            "<h2>Provenance</h2>",
            facts({**about, **_encoder(explanation)}),
            table(
                [_set_row("concept", used) for used in explanation.sets] + [_set_row("random counterpart", explanation.random)]
            ),
            "<h2>Versions</h2>",
            facts(explanation.versions),
        ]
    )


def _refused(reasons: Mapping[int, str]) -> str:
    return "".join(f"<p class='quiet'>Depth {depth} is left out. {escape(reason)}</p>" for depth, reason in reasons.items())


def _encoder(explanation: LocalExplanation | ClassExplanation) -> dict[str, str]:
    encoder = explanation.encoder
    return {"encoder": encoder.name, "architecture": encoder.architecture, "encoder fingerprint": encoder.fingerprint}


def _set_row(kind: str, used: SetUsed) -> dict[str, Any]:
    return {"set": used.name, "kind": kind, "images": used.n_images, "fingerprint": used.fingerprint}


def facts(named: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = "".join(
        f"<tr><th>{escape(str(name))}</th><td><code>{escape(_text(value))}</code></td></tr>" for name, value in named.items()
    )
    return f"<div class='wide'><table>{rows}</table></div>"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same names, at least one."""
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in row.values()) + "</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{head}</tr>{body}</table></div>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "the default"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
