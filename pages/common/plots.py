"""Charts on the screen."""

import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.common import theme


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draws the chart; ``alt`` says what it shows to those who do not see it. Text takes its colour from pages.css."""
    st.plotly_chart(figure, config=config_of(alt), key=key, alt=alt)


def config_of(alt: str) -> dict[str, Any]:
    """What a chart can do: be taken as a PNG file, called after what it shows."""
    filename = re.sub(r"[^\w.-]+", "-", alt).strip("-")[:80]
    return theme.CONFIG | {"toImageButtonOptions": {"format": "png", "scale": theme.IMAGE_SCALE, "filename": filename}}


def draw_selectable(figure: go.Figure, key: str, alt: str, on_select: Callable[[], Any] | Literal["rerun"]) -> None:
    """Draws a chart whose dots can be clicked; ``on_select`` is called with nothing when one was."""
    st.plotly_chart(figure, config=config_of(alt), key=key, alt=alt, on_select=on_select, selection_mode="points")


def fetch_ahead() -> None:
    """Has the browser fetch what draws charts and pictures while the first of them is still worked on.

    Fetched when it is needed, it is not drawn while the page runs on: Streamlit's running man changes five times a second, and
    each time React, for which this is less urgent, begins anew. On two cores that took up to five seconds.
    """
    with st.container(key="fetched_ahead"):  # never seen (assets/styles/pages.css)
        st.plotly_chart(go.Figure(), key="chart ahead")
        st.image(np.zeros((1, 1, 3), np.uint8), alt="")
