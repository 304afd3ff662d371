"""An HTML file that opens without a network: Plotly's script is in it once, pictures are inline. Pure functions.

Whatever came from others (names of photos, concepts, classes) is escaped.
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

from pages.common import theme

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


def page(title: str, parts: Sequence[str]) -> bytes:
    """The whole file; the parts are HTML already."""
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
    script = f"<script>{get_plotlyjs()}</script>"
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
    config = theme.CONFIG | {"responsive": True}
    return f"<div class='half'>{figure.to_html(full_html=False, include_plotlyjs=False, config=config)}</div>"


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
