"""Charts that several pages draw. Pure functions: what they draw is their argument."""

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from explainers.results.segmentations import Predictions
from pages.common import theme

_THIN = {"orientation": "h", "width": 0.22}


def probabilities(predictions: Predictions, n_classes: int = 5) -> go.Figure:
    """The most probable classes, best on top: name and share above each bar, which spans the whole width at 100 %."""
    names = [escape(name) for name in predictions.class_names[:n_classes]]
    shares = predictions.probabilities[: len(names)]
    places = list(range(len(names)))
    whole = go.Bar(x=[1] * len(names), y=places, marker={"color": theme.faint(theme.GREY, 0.18)}, hoverinfo="skip", **_THIN)
    bars = go.Bar(
        x=shares,
        y=places,
        marker={"color": theme.BLUE},
        text=names,
        textposition="none",
        customdata=list(zip(predictions.class_idx, predictions.logits, strict=True))[: len(names)],
        hovertemplate="%{text} %{x:.1%}<br>class %{customdata[0]}, logit %{customdata[1]:.2f}<extra></extra>",
        **_THIN,
    )
    ends = [(0, "left", names), (1, "right", [f"{share:.1%}" for share in shares])]
    layout = {
        "height": 12 + 40 * len(names),
        "margin": theme.MARGIN | {"t": 4, "b": 0},
        "barmode": "overlay",
        "showlegend": False,
        "annotations": [
            {"x": x, "y": place - 0.32, "xanchor": side, "yanchor": "middle", "showarrow": False, "text": texts[place]}
            for x, side, texts in ends
            for place in places
        ],
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {"visible": False, "range": [len(names) - 0.6, -0.65], "fixedrange": True},
    }
    return go.Figure([whole, bars], layout)


def band_of_chance(places: Sequence[float], low: np.ndarray, high: np.ndarray, name: str) -> go.Scatter:
    """The band between two curves (n,) over n places, as what chance gives is drawn everywhere."""
    return go.Scatter(
        x=[*places, *reversed(places)],
        y=[*low, *reversed(high)],
        fill="toself",
        mode="lines",
        line={"width": 1, "color": theme.ORANGE},
        fillcolor=theme.faint(theme.ORANGE, 0.28),
        name=name,
        hoverinfo="skip",
    )
