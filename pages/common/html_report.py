"""An HTML file that opens without a network: Plotly's script is in it once, pictures are inline. Pure functions.

Whatever came from others (names of photos, concepts, classes) is escaped.
"""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.offline import get_plotlyjs

from pages.common import theme

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1D2529; background: #fff; }
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h3 { font-size: 1rem; margin: .6rem 0 .3rem; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 .5rem; }
p { margin: .4rem 0; max-width: 80ch; } .quiet, figcaption { color: #5C6970; } figcaption { font-size: .85rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(150px, 30%), 1fr)); gap: 10px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 4px 24px; }
.beside > div { min-width: 0; overflow: hidden; }
figure { margin: 0; } figure img { width: 100%; border-radius: 6px; display: block; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #DDE3E6; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; } code { font-size: .85em; overflow-wrap: anywhere; } summary { cursor: pointer; padding: .4rem 0; }
"""
_FIT = "addEventListener('load', () => dispatchEvent(new Event('resize')))"  # charts were drawn before their row was whole


def page(title: str, parts: Sequence[str]) -> bytes:
    """The whole file; the parts are HTML already."""
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    script = f"<script>{get_plotlyjs()}</script><script>{_FIT}</script>"
    body = f"<h1>{escape(title)}</h1>" + "\n".join(parts)
    return f"<!doctype html><html lang='en'><head>{head}<style>{_STYLE}</style>{script}</head><body>{body}</body></html>".encode()


def picture(pixels: np.ndarray, caption: str) -> str:
    """A picture (H, W, 3) with its caption, inline."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img src='{source}' alt='{escape(caption)}'><figcaption>{escape(caption)}</figcaption></figure>"


def plot(figure: go.Figure) -> str:
    """The chart, for a page that has Plotly's script already."""
    figure = go.Figure(figure).update_layout(template="plotly_white", font={"family": "system-ui, sans-serif"})
    config = theme.CONFIG | {"responsive": True, "toImageButtonOptions": {"scale": theme.IMAGE_SCALE}}
    return f"<div>{figure.to_html(full_html=False, include_plotlyjs=False, config=config, default_width='100%')}</div>"


def beside(parts: Sequence[str]) -> str:
    """Parts next to each other, as many in a row as the width allows."""
    return f"<div class='beside'>{''.join(parts)}</div>"


def folded(title: str, part: str) -> str:
    """A part that opens when its title is pressed."""
    return f"<details><summary>{escape(title)}</summary>{part}</details>"


def facts(named: Mapping[str, Any]) -> str:
    """A table of names and values."""
    rows = "".join(
        f"<tr><th>{escape(str(name))}</th><td><code>{escape(_text(value))}</code></td></tr>" for name, value in named.items()
    )
    return f"<div class='wide'><table>{rows}</table></div>"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same names, at least one."""
    head = "".join(f"<th{_side(value)}>{escape(name.replace('_', ' '))}</th>" for name, value in rows[0].items())
    body = "".join("<tr>" + "".join(map(_cell, row.values())) + "</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{head}</tr>{body}</table></div>"


def _cell(value: Any) -> str:
    text = escape(_text(value))
    return f"<td{_side(value)}>{f'<code>{text}</code>' if _is_hash(text) else text}</td>"


def _side(value: Any) -> str:
    """Numbers stand on the right of their column."""
    return " class=number" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _is_hash(text: str) -> bool:
    """Long and without a blank: it may be broken anywhere."""
    return len(text) > 30 and " " not in text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "the default"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
