"""Comparisons as Plotly figures. Pure functions: what they draw is their argument; every encoder keeps its colour.

Names come from others, and Plotly reads tags in them, so they are escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from explainers.maps.agreement import Spread
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from pages.common import theme
from pages.common.theme import STAR


@dataclass(frozen=True)
class Curve:
    """A measure over k, with its spread over photos."""

    name: str
    colour: str
    ks: Sequence[int]
    spreads: Sequence[Spread]
    dashed: bool = False


@dataclass(frozen=True)
class Health:
    """Held-out AUC of a concept's CAV at every depth of one encoder."""

    encoder: str
    colour: str
    depths: Sequence[int]
    aucs: Sequence[float]


@dataclass(frozen=True)
class Contribution:
    """What a concept contributes to the class in one encoder."""

    encoder: str
    colour: str
    mean: float
    interval: tuple[float, float]
    corrected_p_value: float

    @property
    def significant(self) -> bool:
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def agreement(curves: Sequence[Curve], metric: str, k: int | None = None) -> go.Figure:
    """Agreement over granularity: a line per pair of encoders with a band of one standard deviation over photos."""
    traces = [trace for curve in curves for trace in _band_and_line(curve, metric)]
    layout = {
        "height": 340,
        "margin": theme.MARGIN,
        "hovermode": "x unified",
        "legend": theme.LEGEND_ABOVE,
        "xaxis": {"title": {"text": "granularity"}, "dtick": 2, "tick0": 2, "fixedrange": True},
        "yaxis": {"title": {"text": metric}, "range": [-0.05, 1.05], "fixedrange": True},
        "shapes": [] if k is None else [theme.upright_line(k)],
    }
    return go.Figure(traces, layout)


def _band_and_line(curve: Curve, metric: str) -> list[go.Scatter]:
    means = np.array([spread.mean for spread in curve.spreads])
    stds = np.array([spread.std for spread in curve.spreads])
    ks = list(curve.ks)
    line = go.Scatter(
        x=ks,
        y=means,
        name=escape(curve.name),
        mode="lines",
        line={"color": curve.colour, "width": 2, "dash": "dot" if curve.dashed else "solid"},
        customdata=stds,
        hovertemplate=f"{metric} %{{y:.2f}} ± %{{customdata:.2f}}",
    )
    if not stds.any() or curve.dashed:
        return [line]
    band = go.Scatter(
        x=ks + ks[::-1],
        y=np.concatenate([means + stds, (means - stds)[::-1]]),
        fill="toself",
        fillcolor=theme.faint(curve.colour, 0.15),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    return [band, line]


def depth_similarity(cka: np.ndarray, rows: tuple[str, Sequence[int]], columns: tuple[str, Sequence[int]]) -> go.Figure:
    """Linear CKA (n_rows, n_columns) of every depth of one encoder with every depth of another.

    ``rows`` and ``columns`` are each an encoder's name and its depths. A ring marks the most similar depth of every row.
    """
    (row_name, row_depths), (column_name, column_depths) = rows, columns
    cells = go.Heatmap(
        z=cka,
        x=[str(d) for d in column_depths],
        y=[str(d) for d in row_depths],
        zmin=0,
        zmax=1,
        colorscale=theme.SCALE,
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate=f"depth %{{y}} of {escape(row_name)}<br>depth %{{x}} of {escape(column_name)}"
        "<br>linear CKA %{z:.2f}<extra></extra>",
    )
    best = go.Scatter(
        x=[str(column_depths[i]) for i in cka.argmax(1)],
        y=[str(d) for d in row_depths],
        mode="markers+text",
        marker={"symbol": "circle-open", "size": 30, "color": theme.ORANGE, "line": {"width": 2}},
        text=[f"{value:.2f}" for value in cka.max(1)],
        textfont={"size": 11},
        hoverinfo="skip",
    )
    categories = {"type": "category", "fixedrange": True}
    layout = {
        "height": 110 + 34 * len(row_depths),
        "margin": theme.MARGIN,
        "showlegend": False,
        "xaxis": {"title": {"text": f"depth of {escape(column_name)}"}, **categories},
        "yaxis": {"title": {"text": f"depth of {escape(row_name)}"}, "autorange": "reversed", **categories},
    }
    return go.Figure([cells, best], layout)


def health(curves: Sequence[Health]) -> go.Figure:
    """Held-out AUC of a concept over relative depth, a curve per encoder with all its depths."""
    traces = [
        go.Scatter(
            x=[d / max(1, curve.depths[-1]) for d in curve.depths],
            y=list(curve.aucs),
            name=escape(curve.encoder),
            mode="lines+markers",
            line={"color": curve.colour, "width": 2},
            customdata=list(curve.depths),
            hovertemplate=f"{escape(curve.encoder)}, depth %{{customdata}}: AUC %{{y:.2f}}<extra></extra>",
        )
        for curve in curves
    ]
    layout = {
        "height": 300,
        "margin": theme.MARGIN,
        "legend": theme.LEGEND_ABOVE,
        "xaxis": {"title": {"text": "relative depth, shallow to deep"}, "range": [-0.03, 1.03], "fixedrange": True},
        "yaxis": {"title": {"text": "held-out AUC"}, "range": [0.4, 1.03], "fixedrange": True},
        "shapes": [theme.level_line(0.5)],
    }
    return go.Figure(traces, layout)


def contributions(by_concept: Mapping[str, Sequence[Contribution]]) -> go.Figure:
    """Bars of every concept and encoder, with intervals; pale where chance could have made as much, a star where not."""
    concepts = list(by_concept)
    encoders = list(dict.fromkeys((c.encoder, c.colour) for of_concept in by_concept.values() for c in of_concept))
    traces = [_bars(name, colour, by_concept) for name, colour in encoders]
    layout = {
        "height": 90 + (14 + 20 * len(encoders)) * len(concepts),
        "margin": theme.MARGIN,
        "barmode": "group",
        "bargap": 0.25,
        "legend": {**theme.LEGEND_ABOVE, "traceorder": "normal"},
        "xaxis": {"title": {"text": "attribution"}, "rangemode": "tozero", "fixedrange": True},
        "yaxis": {"autorange": "reversed", "fixedrange": True, "automargin": True},
    }
    return go.Figure(traces, layout)


def _bars(encoder: str, colour: str, by_concept: Mapping[str, Sequence[Contribution]]) -> go.Bar:
    """One encoder's bars."""
    own = [(concept, c) for concept, of_concept in by_concept.items() for c in of_concept if c.encoder == encoder]
    colours = [colour if c.significant else theme.faint(colour, 0.15) for _, c in own]
    return go.Bar(
        x=[c.mean for _, c in own],
        y=[escape(concept) for concept, _ in own],
        orientation="h",
        name=escape(encoder),
        marker={"color": colours, "line": {"color": colour, "width": 1}},
        text=[STAR if c.significant else "" for _, c in own],
        textposition="inside",
        error_x=theme.error_bars([c.mean for _, c in own], [c.interval for _, c in own], thickness=1.2, width=3),
        customdata=[(f"{c.interval[0]:.3g}", f"{c.interval[1]:.3g}", f"{c.corrected_p_value:.3g}") for _, c in own],
        hovertemplate=f"<b>%{{y}}</b> in {escape(encoder)}, over all depths<br>attribution %{{x:.3g}}, 95 % interval "
        "%{customdata[0]} to %{customdata[1]}<br>corrected p %{customdata[2]}<extra></extra>",
    )
