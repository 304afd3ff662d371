"""The health of CAVs as Plotly figures. Pure functions: what they draw is their argument.

Names come from others, and Plotly reads tags in them, so they are escaped.
"""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from explainers.results.explanations import ConceptHealth, HealthReport
from explainers.visual_tcav.health import CavHealth
from pages.common import theme

_LOWEST = -0.5  # a gap may be far below zero; all that matters there is the sign
_DIVERGING = [[0, "#B0602A"], [0.5, "#F1F1EE"], [1, "#22708F"]]
_MOST_WRITTEN = 12  # concepts, above which the numbers would not fit into the squares


def health_over_depth(report: HealthReport, concept: str, depth: int) -> go.Figure:
    """AUC, emblem gap and stability of a concept's CAV over depth, the depth on the screen marked."""
    checks = [report.at(concept, d).health for d in report.depths]
    curves = [
        _curve(report.depths, [h.auc for h in checks], "Held-out AUC", {"color": theme.BLUE}, _auc_in_words),
        _curve(
            report.depths, [h.emblem_gap for h in checks], "Emblem gap", {"color": theme.ORANGE, "dash": "dot"}, _gap_in_words
        ),
        _curve(
            report.depths, [h.stability for h in checks], "Stability", {"color": theme.GREEN, "dash": "dash"}, _stability_in_words
        ),
    ]
    place = {"x": 0, "xref": "paper", "y": 0.5, "xanchor": "left", "yanchor": "bottom"}
    layout = {
        "height": 300,
        "margin": theme.BELOW_LEGEND,
        "hovermode": "closest",
        "legend": theme.LEGEND_ABOVE,
        "xaxis": {"title": {"text": "depth"}, "tickvals": list(report.depths), "fixedrange": True},
        "yaxis": {"range": [_floor(checks), 1.08], "fixedrange": True},
        "shapes": [theme.band(depth, 0.3), theme.level_line(0.5)],
        "annotations": [{"text": "chance (AUC 0.5)", **place, "showarrow": False, "font": {"size": 11}}],
    }
    return go.Figure(curves, layout)


def _curve(depths: Sequence[int], values: Sequence[float], name: str, line: dict, in_words: Callable[[float], str]) -> go.Scatter:
    return go.Scatter(
        x=depths,
        y=np.maximum(values, _LOWEST),
        customdata=[in_words(value) for value in values],
        name=name,
        mode="lines+markers",
        line=line,
        hovertemplate=f"<b>{name} at depth %{{x}}</b><br>%{{customdata}}<extra></extra>",
    )


def _auc_in_words(auc: float) -> str:
    if np.isnan(auc):
        return "too few images to hold any out"
    pair = "of two unseen images, one of the concept and one random"
    return f"{auc:.2f}: {pair},<br>the right one responds more {auc:.0%} of the time"


def _gap_in_words(gap: float) -> str:
    if gap <= 0:
        return f"{gap:.2f}: random images respond as strongly,<br>so the concept map stays empty"
    return f"{gap:.2f}: random images respond {gap:.0%} less<br>than the concept's images typically do"


def _stability_in_words(stability: float) -> str:
    return f"{stability:.2f}: how alike the CAV stays (cosine)<br>when other images of the concept are drawn; 1 is the same"


def _floor(checks: Sequence[CavHealth]) -> float:
    return min(0.0, max(_LOWEST, min(min(h.emblem_gap, h.stability) for h in checks))) - 0.04


def responses(check: ConceptHealth, names: Sequence[str], random_name: str, random_names: Sequence[str]) -> go.Figure:
    """Every image of both sets by its response, concept above, random counterpart below, with their quartiles."""
    boxes = [
        _box(check.random_responses, random_names, random_name, theme.GREY),
        _box(check.responses, names, check.concept, theme.BLUE),
    ]
    layout = {
        "height": 230,
        "margin": theme.MARGIN,
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"title": {"text": "response"}, "fixedrange": True, "zeroline": True},
        "yaxis": {"fixedrange": True, "automargin": True},
    }
    return go.Figure(boxes, layout)


def _box(values: np.ndarray, image_names: Sequence[str], name: str, colour: str) -> go.Box:
    return go.Box(
        x=values,
        y=[escape(_short(name))] * len(values),
        text=[escape(image) for image in image_names],
        name=escape(name),
        orientation="h",
        boxpoints="all",
        jitter=0.6,
        pointpos=0,
        hoveron="points",
        marker={"color": colour, "size": 5},
        line={"width": 1.2},
        hovertemplate="%{text}: %{x:.3g}<extra></extra>",
    )


def similarity(names: Sequence[str], cosines: np.ndarray) -> go.Figure:
    """Cosine between every two CAVs, (n_concepts, n_concepts), in colours."""
    shown = [escape(name) for name in names]
    squares = go.Heatmap(
        z=cosines,
        customdata=[
            [_alike_in_words(a, b, c) for b, c in zip(shown, row, strict=True)] for a, row in zip(shown, cosines, strict=True)
        ],
        zmin=-1,
        zmax=1,
        colorscale=_DIVERGING,
        xgap=2,
        ygap=2,
        texttemplate="%{z:.2f}" if len(names) <= _MOST_WRITTEN else None,
        hovertemplate="%{customdata}<extra></extra>",
        colorbar={"thickness": 10, "outlinewidth": 0, "tickvals": [-1, 0, 1]},
    )
    ticks = {
        "tickvals": list(range(len(names))),
        "ticktext": [escape(_short(name)) for name in names],
        "fixedrange": True,
        "showgrid": False,
    }
    layout = {
        "height": 110 + 40 * max(3, len(names)),
        "margin": theme.BELOW_LEGEND,
        "xaxis": {**ticks, "automargin": True},
        "yaxis": {**ticks, "autorange": "reversed", "automargin": True},
    }
    return go.Figure(squares, layout)


def _alike_in_words(name: str, other: str, cosine: float) -> str:
    if name == other:
        return f"<b>{name}</b> with itself: 1"
    words = next(words for limit, words in _ALIKE if cosine >= limit)
    return f"<b>{name}</b> and <b>{other}</b>: {cosine:.2f}<br>{words}"


_ALIKE = (
    (0.8, "nearly the same CAV: what is found for one holds for the other"),
    (0.4, "related: part of what responds to one responds to the other"),
    (-0.4, "hardly related: the CAVs are nearly at right angles"),
    (-2.0, "opposed: what raises one lowers the other"),
)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
