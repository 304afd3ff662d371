"""Comparisons as Plotly figures. Pure functions: what they draw is their argument; every encoder keeps its colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from explainers.maps.agreement import Spread
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL

_MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
_GREY = "#8B979E"
_SCALE = [[0.0, "rgba(46, 139, 176, 0.04)"], [1.0, "#2E8BB0"]]
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
STAR = " ★"


@dataclass(frozen=True)
class Curve:
    """A figure over k, with its spread over photos."""

    name: str
    colour: str
    ks: Sequence[int]
    figures: Sequence[Spread]
    dashed: bool = False


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
        "margin": _MARGIN,
        "hovermode": "x unified",
        "legend": _LEGEND,
        "xaxis": {"title": {"text": "granularity"}, "dtick": 2, "tick0": 2, "fixedrange": True},
        "yaxis": {"title": {"text": metric}, "range": [-0.05, 1.05], "fixedrange": True},
        "shapes": [] if k is None else [_marker(k)],
    }
    return go.Figure(traces, layout)


def _band_and_line(curve: Curve, metric: str) -> list[go.Scatter]:
    means = np.array([f.mean for f in curve.figures])
    stds = np.array([f.std for f in curve.figures])
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
        fillcolor=_faint(curve.colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    return [band, line]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"


def _marker(k: int) -> dict:
    return {"type": "line", "x0": k, "x1": k, "y0": 0, "y1": 1, "yref": "paper", "line": {"color": _GREY, "dash": "dash"}}


def depth_similarity(cka: np.ndarray, rows: tuple[str, Sequence[int]], columns: tuple[str, Sequence[int]]) -> go.Figure:
    """Linear CKA of every depth of one encoder (rows) with every depth of another; a dot marks the most alike of each row."""
    (row_name, row_depths), (column_name, column_depths) = rows, columns
    cells = go.Heatmap(
        z=cka,
        x=[str(d) for d in column_depths],
        y=[str(d) for d in row_depths],
        zmin=0,
        zmax=1,
        colorscale=_SCALE,
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
        marker={"symbol": "circle-open", "size": 30, "color": "#D9822B", "line": {"width": 2}},
        text=[f"{value:.2f}" for value in cka.max(1)],
        textfont={"size": 11},
        hoverinfo="skip",
    )
    layout = {
        "height": 110 + 34 * len(row_depths),
        "margin": _MARGIN,
        "showlegend": False,
        "xaxis": {"title": {"text": f"depth of {escape(column_name)}"}, "type": "category", "fixedrange": True},
        "yaxis": {
            "title": {"text": f"depth of {escape(row_name)}"},
            "type": "category",
            "fixedrange": True,
            "autorange": "reversed",
        },
    }
    return go.Figure([cells, best], layout)


def health(curves: Sequence[tuple[str, str, Sequence[int], Sequence[float]]]) -> go.Figure:
    """Held-out AUC of a concept over relative depth; curves of (encoder, colour, depths, AUCs), all depths of the encoder."""
    traces = [
        go.Scatter(
            x=[d / max(1, depths[-1]) for d in depths],
            y=list(aucs),
            name=escape(name),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            customdata=list(depths),
            hovertemplate=f"{escape(name)}, depth %{{customdata}}: AUC %{{y:.2f}}<extra></extra>",
        )
        for name, colour, depths, aucs in curves
    ]
    layout = {
        "height": 300,
        "margin": _MARGIN,
        "legend": _LEGEND,
        "xaxis": {"title": {"text": "relative depth, shallow to deep"}, "range": [-0.03, 1.03], "fixedrange": True},
        "yaxis": {"title": {"text": "held-out AUC"}, "range": [0.4, 1.03], "fixedrange": True},
        "shapes": [
            {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0.5, "y1": 0.5, "line": {"color": _GREY, "dash": "dot"}}
        ],
    }
    return go.Figure(traces, layout)


def contributions(by_concept: dict[str, Sequence[Contribution]]) -> go.Figure:
    """Bars of every concept and encoder, with intervals; pale where chance could have made as much, a star where not."""
    concepts = list(by_concept)
    encoders = list(dict.fromkeys((c.encoder, c.colour) for of_concept in by_concept.values() for c in of_concept))
    traces = [_bars(name, colour, by_concept) for name, colour in encoders]
    layout = {
        "height": 90 + (14 + 20 * len(encoders)) * len(concepts),
        "margin": _MARGIN,
        "barmode": "group",
        "bargap": 0.25,
        "legend": {**_LEGEND, "traceorder": "normal"},
        "xaxis": {"title": {"text": "attribution"}, "rangemode": "tozero", "fixedrange": True},
        "yaxis": {"autorange": "reversed", "fixedrange": True, "automargin": True},
    }
    return go.Figure(traces, layout)


def _bars(encoder: str, colour: str, by_concept: dict[str, Sequence[Contribution]]) -> go.Bar:
    found = [(concept, c) for concept, of_concept in by_concept.items() for c in of_concept if c.encoder == encoder]
    return go.Bar(
        x=[c.mean for _, c in found],
        y=[escape(concept) for concept, _ in found],
        orientation="h",
        name=escape(encoder),
        marker={"color": [colour if c.significant else _faint(colour) for _, c in found], "line": {"color": colour, "width": 1}},
        text=[STAR if c.significant else "" for _, c in found],
        textposition="inside",
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, c.interval[1] - c.mean) for _, c in found],
            "arrayminus": [max(0.0, c.mean - c.interval[0]) for _, c in found],
            "color": "#5C6970",
            "thickness": 1.2,
            "width": 3,
        },
        customdata=[(f"{c.interval[0]:.3g}", f"{c.interval[1]:.3g}", f"{c.corrected_p_value:.3g}") for _, c in found],
        hovertemplate=f"<b>%{{y}}</b> in {escape(encoder)}, over all depths<br>attribution %{{x:.3g}}, 95 % interval "
        "%{customdata[0]} to %{customdata[1]}<br>corrected p %{customdata[2]}<extra></extra>",
    )
