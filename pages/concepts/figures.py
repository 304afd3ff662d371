"""What a health report says, in words and in Plotly figures. Pure functions.

figures    of a CAV at one depth: held-out AUC, emblem gap, stability; each is 1 at best
response   how strongly an image answers to the CAV
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import plotly.graph_objects as go

from explainers.results.explanations import ConceptHealth, HealthReport
from explainers.visual_tcav.health import CavHealth
from explainers.visual_tcav.verdicts import Verdict

_BLUE, _ORANGE, _GREEN = "#2E8BB0", "#D9822B", "#2F9E6E"  # readable on light and on dark
_GREY = "rgba(128, 140, 148, 0.55)"
_MARGIN = {"l": 8, "r": 8, "t": 24, "b": 8}
_ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
_LOWEST = -0.5  # a gap may be far below zero; all that matters there is the sign
_DIVERGING = [[0, "#B0602A"], [0.5, "#F1F1EE"], [1, "#22708F"]]
_MOST_WRITTEN = 12  # concepts, above which the numbers would not fit into the squares


@dataclass(frozen=True)
class Ranked:
    """Images by their response: places in the set, strongest first, and the responses themselves."""

    idx: tuple[int, ...]
    responses: tuple[float, ...]


# --- words ----------------------------------------------------------------------------------------------------------------


def best_depth(report: HealthReport, concept: str) -> int:
    """The depth with the least to doubt; among equals, the one whose weakest figure is strongest."""
    found = [report.at(concept, depth) for depth in report.depths]
    return max(found, key=lambda c: (c.health.verdict.rank, weakest(c.health))).depth


def weakest(health: CavHealth) -> float:
    """The smallest of the three figures, the AUC brought to the same scale: 0 is chance, 1 is best."""
    auc = -1.0 if np.isnan(health.auc) else 2 * health.auc - 1
    return min(auc, health.emblem_gap, health.stability)


def verdicts(report: HealthReport, concept: str) -> list[tuple[str, Verdict]]:
    """For every run of depths with one verdict: which depths, and the verdict."""
    found = [report.at(concept, depth) for depth in report.depths]
    runs = [[*run] for _, run in groupby(found, key=lambda c: c.health.verdict)]
    return [(_depths_named(run), run[0].health.verdict) for run in runs]


def _depths_named(run: Sequence[ConceptHealth]) -> str:
    first, last = run[0].depth, run[-1].depth
    return f"Depth {first}" if first == last else f"Depths {first} to {last}"


def overall(report: HealthReport, concept: str) -> str:
    """One sentence on the concept as a whole: where this encoder sees it best, or that it does not."""
    best, last = best_depth(report, concept), report.depths[-1]
    where = f"depth {best}" if len(report.depths) == 1 else f"depth {best} (of {report.depths[0]} to {last})"
    if report.at(concept, best).health.verdict in (Verdict.NOT_SEEN, Verdict.WEAK):
        return f"{report.encoder.name} does not really see “{concept}” at any depth. The best is {where}."
    return f"{report.encoder.name} sees “{concept}” best at {where}."


def in_numbers(health: CavHealth) -> str:
    """The three figures on one line."""
    auc = "unknown" if np.isnan(health.auc) else f"{health.auc:.2f}"
    return f"AUC {auc} · emblem gap {health.emblem_gap:.2f} · stability {health.stability:.2f}"


# --- responses ------------------------------------------------------------------------------------------------------------


def strongest(responses: np.ndarray, n_images: int) -> Ranked:
    """The images that respond most."""
    return _ranked(responses, np.argsort(-responses, kind="stable")[:n_images])


def faintest(responses: np.ndarray, n_images: int) -> Ranked:
    """The images that respond least, the least of all first."""
    return _ranked(responses, np.argsort(responses, kind="stable")[:n_images])


def _ranked(responses: np.ndarray, idx: np.ndarray) -> Ranked:
    return Ranked(tuple(idx.tolist()), tuple(responses[idx].tolist()))


# --- figures --------------------------------------------------------------------------------------------------------------


def health_over_depth(report: HealthReport, concept: str, depth: int) -> go.Figure:
    """The three figures of a concept's CAV over depth, the depth on the screen marked."""
    found = [report.at(concept, d).health for d in report.depths]
    curves = [
        _curve(report.depths, [h.auc for h in found], "Held-out AUC", {"color": _BLUE}, _auc_in_words),
        _curve(report.depths, [h.emblem_gap for h in found], "Emblem gap", {"color": _ORANGE, "dash": "dot"}, _gap_in_words),
        _curve(report.depths, [h.stability for h in found], "Stability", {"color": _GREEN, "dash": "dash"}, _stability_in_words),
    ]
    layout = {
        "height": 300,
        "margin": _MARGIN,
        "hovermode": "closest",
        "legend": _ABOVE,
        "xaxis": {"title": {"text": "depth"}, "tickvals": list(report.depths), "fixedrange": True},
        "yaxis": {"range": [_floor(found), 1.08], "fixedrange": True},
        "shapes": [_band(depth), _chance()],
        "annotations": [_chance_note()],
    }
    return go.Figure(curves, layout)


def _curve(depths: Sequence[int], values: Sequence[float], name: str, line: dict, in_words) -> go.Scatter:
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


def _floor(found: Sequence[CavHealth]) -> float:
    return min(0.0, max(_LOWEST, min(min(h.emblem_gap, h.stability) for h in found))) - 0.04


def _band(depth: int) -> dict:
    span = {"x0": depth - 0.3, "x1": depth + 0.3, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "rect", **span, "fillcolor": _GREY, "opacity": 0.3, "line": {"width": 0}, "layer": "below"}


def _chance() -> dict:
    span = {"x0": 0, "x1": 1, "xref": "paper", "y0": 0.5, "y1": 0.5}
    return {"type": "line", **span, "line": {"color": _GREY, "width": 1, "dash": "dot"}, "layer": "below"}


def _chance_note() -> dict:
    place = {"x": 0, "xref": "paper", "y": 0.5, "xanchor": "left", "yanchor": "bottom"}
    return {"text": "AUC of chance", **place, "showarrow": False, "font": {"size": 11, "color": "#7A8890"}}


def responses(found: ConceptHealth, names: Sequence[str], random_name: str, random_names: Sequence[str]) -> go.Figure:
    """Every image of both sets by its response, concept above, random counterpart below, with their quartiles."""
    boxes = [
        _box(found.random_responses, random_names, random_name, _GREY),
        _box(found.responses, names, found.concept, _BLUE),
    ]
    layout = {
        "height": 230,
        "margin": _MARGIN | {"t": 8},
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"title": {"text": "response"}, "fixedrange": True, "zeroline": True},
        "yaxis": {"fixedrange": True, "automargin": True},
    }
    return go.Figure(boxes, layout)


def _box(values: np.ndarray, image_names: Sequence[str], name: str, colour: str) -> go.Box:
    return go.Box(
        x=values,
        y=[_as_text(_short(name))] * len(values),
        text=[_as_text(image) for image in image_names],
        name=_as_text(name),
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
    """Cosine between every two CAVs as a heat map."""
    shown = [_as_text(name) for name in names]
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
        "ticktext": [_as_text(_short(name)) for name in names],
        "fixedrange": True,
        "showgrid": False,
    }
    layout = {
        "height": 110 + 40 * max(3, len(names)),
        "margin": _MARGIN,
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
    (0.4, "related: part of what answers to one answers to the other"),
    (-0.4, "hardly related: each CAV has a direction of its own"),
    (-2.0, "opposed: what raises one lowers the other"),
)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def _as_text(name: str) -> str:
    """A name of others where Plotly would read it as HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
