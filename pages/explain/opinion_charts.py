"""Deletion and insertion curves as Plotly figures. Pure functions: what they draw is their argument."""

import plotly.graph_objects as go

from explainers.results.saliency import SaliencyAtDepth, SaliencyMap, SecondOpinion
from explainers.saliency.curves import Chance, Curve
from explainers.saliency.settings import MapName
from pages.common import theme
from pages.common.charts import band_of_chance
from pages.common.theme import STAR

NAMES: dict[MapName, str] = {
    "visual_tcav": "Visual-TCAV, all evidence",
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "middle_first": "Middle first",
}
_LINES = {
    "visual_tcav": {"color": theme.BLUE, "width": 3},
    "grad_cam": {"color": theme.GREEN, "width": 2},
    "integrated_gradients": {"color": theme.VIOLET, "width": 2, "dash": "dash"},
    "middle_first": {"color": theme.GREY, "width": 2, "dash": "dot"},
}


def deletion(opinion: SecondOpinion, of_depth: SaliencyAtDepth) -> go.Figure:
    """The class's probability as the photo is removed, for every map, beside random orders."""
    curves = [(m, m.deletion) for m in (*of_depth.maps, of_depth.middle_first)]
    return _curves(opinion, curves, of_depth.deletion_chance, "removed")


def insertion(opinion: SecondOpinion, of_depth: SaliencyAtDepth) -> go.Figure:
    """The class's probability as the photo is restored, for every map, beside random orders."""
    curves = [(m, m.insertion) for m in (*of_depth.maps, of_depth.middle_first)]
    return _curves(opinion, curves, of_depth.insertion_chance, "restored")


def _curves(opinion: SecondOpinion, curves: list[tuple[SaliencyMap, Curve]], chance: Chance, done: str) -> go.Figure:
    shares = list(opinion.shares)
    band = band_of_chance(shares, chance.low, chance.high, "95 % of random orders")
    lines = [
        go.Scatter(
            x=shares,
            y=curve.probabilities,
            mode="lines",
            line=_LINES[m.name],
            name=NAMES[m.name] + (STAR if m.name != "middle_first" and curve.significant else ""),
            hovertemplate=f"<b>{NAMES[m.name]}</b><br>%{{x:.0%}} {done}: %{{y:.1%}}<extra></extra>",
        )
        for m, curve in curves
    ]
    layout = {
        "height": 330,
        "margin": theme.MARGIN | {"t": 72},
        "legend": theme.LEGEND_ABOVE,
        "xaxis": {"title": {"text": f"share of the photo {done}"}, "tickformat": ".0%", "range": [0, 1], "fixedrange": True},
        "yaxis": {"title": {"text": "probability"}, "tickformat": ".0%", "rangemode": "tozero", "fixedrange": True},
    }
    return go.Figure([band, *lines], layout)
