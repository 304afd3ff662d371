"""A picture on which a region is drawn: a box, or a free-hand line that closes itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

import streamlit as st

_HERE = Path(__file__).parent
Tool = Literal["box", "line"]
Box = tuple[float, float, float, float]  # left, top, right, bottom, in shares of the picture's sides
_HTML = """<div class="drawing" tabindex="0" role="application"><img alt="">
<svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
<path class="outside"/><path class="edge dark"/><path class="edge"/></svg></div>"""

_component = st.components.v2.component(
    "region_drawing",
    html=_HTML,
    css=(_HERE / "region_drawing.css").read_text(),
    js=(_HERE / "region_drawing.js").read_text(),
)


class Drawn(TypedDict, total=False):
    """What was drawn, in shares of the image's sides: a box, or points of a closed line."""

    box: Box
    line: Sequence[tuple[float, float]]


def draw(
    url: str,
    alt: str,
    key: str,
    tool: Tool = "box",
    box: Box | None = None,
    on_drawn: Callable[[Drawn | None], None] = lambda drawn: None,
) -> Drawn | None:
    """Draws the picture at an address; what is drawn on it by now. ``box`` is on it at first; ``on_drawn`` hears of every region,
    and of None where one was taken away."""
    data = {"url": url, "alt": alt, "tool": tool, "box": box}
    drawing = _component(
        key=key, data=data, default={"drawn": None}, on_drawn_change=lambda: on_drawn(st.session_state[key]["drawn"])
    )
    return drawing.drawn
