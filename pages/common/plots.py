"""Charts on the screen."""

from collections.abc import Callable
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from pages.common import theme


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draws the chart with text that is readable on the page; ``alt`` says what it shows to those who do not see it."""
    st.plotly_chart(_readable(figure), config=theme.CONFIG, key=key, alt=alt)


def draw_selectable(figure: go.Figure, key: str, alt: str, on_select: Callable[[], Any] | Literal["rerun"]) -> None:
    """Draws a chart whose dots can be clicked; ``on_select`` is called with nothing when one was."""
    st.plotly_chart(_readable(figure), config=theme.CONFIG, key=key, alt=alt, on_select=on_select, selection_mode="points")


def _readable(figure: go.Figure) -> go.Figure:
    """A copy in the text colour of the page's theme: the greys that Streamlit takes have too little contrast."""
    colour = theme.TEXT.get(st.context.theme.type or "light", theme.TEXT["light"])
    font = {"color": colour}
    shown = go.Figure(figure).update_layout(font=font, legend={"font": font})
    axis = {"tickfont": font, "title": {"font": font}}
    return shown.update_xaxes(axis).update_yaxes(axis).update_annotations(font=font)
