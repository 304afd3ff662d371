"""Segmentations as Plotly figures. Pure functions of their arguments; colours of clusters are those of the overlay."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explainers.drawing.clusters import hex_colour
from explainers.nave.quality import Quality
from explainers.nave.segmentation import Segmentation
from pages.common import theme

_INERTIA = "<br>inertia %{customdata:.4g}"
_DOT_EDGE = {"width": 0.5, "color": "rgba(60, 60, 60, 0.5)"}


def quality_over_k(quality: Sequence[Quality], suggested_k: int, k: int) -> go.Figure:
    """Stability and explained variance for every granularity, with the suggested one and the one on the screen marked."""
    stability = _curve(quality, "stability", "Stability", {"color": theme.BLUE}, "")
    explained = _curve(quality, "explained", "Explained variance", {"color": theme.ORANGE, "dash": "dot"}, _INERTIA)
    place = {"x": suggested_k, "y": 0, "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    layout = {
        "height": 260,
        "margin": theme.BELOW_LEGEND,
        "hovermode": "closest",
        "legend": theme.LEGEND_ABOVE,
        "xaxis": {"title": {"text": "granularity"}, "dtick": 2, "tick0": 2, "fixedrange": True},
        "yaxis": {"range": [min(0, *(q.stability for q in quality)), 1.05], "fixedrange": True},
        "shapes": [theme.band(k, 0.4), theme.upright_line(suggested_k)],
        "annotations": [{"text": "suggested", **place, "showarrow": False}],
    }
    return go.Figure([stability, explained], layout)


def _curve(quality: Sequence[Quality], field: str, name: str, line: dict, more_hover: str) -> go.Scatter:
    return go.Scatter(
        x=[q.k for q in quality],
        y=[getattr(q, field) for q in quality],
        customdata=[q.inertia for q in quality],
        name=name,
        mode="lines+markers",
        line=line,
        hovertemplate=f"%{{x}} clusters: {name.lower()} %{{y:.2f}}{more_hover}<extra></extra>",
    )


def shares(photo_names: Sequence[str], areas: np.ndarray, colours: Sequence[str]) -> go.Figure:
    """Areas (n_photos, k) as one stacked bar per photo, in the colours of the k clusters."""
    n_photos, k = areas.shape
    rows = [f"{n + 1}  {name}" for n, name in enumerate(photo_names)]  # two photos may go by one name
    bars = [
        go.Bar(
            y=rows,
            x=100 * areas[:, idx],
            orientation="h",
            marker={"color": colours[idx]},
            hovertemplate=f"%{{y}}: cluster {idx}, %{{x:.1f}} %<extra></extra>",
        )
        for idx in range(k)
    ]
    layout = {
        "barmode": "stack",
        "height": 60 + 22 * n_photos,
        "margin": theme.BELOW_LEGEND,
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"range": [0, 100], "ticksuffix": " %", "fixedrange": True},
        "yaxis": {"autorange": "reversed", "fixedrange": True},
    }
    return go.Figure(bars, layout)


def positions(segmentation: Segmentation, k: int) -> go.Figure:
    """A sample of positions on the two principal components of their activations, in the colours of their clusters."""
    rows, columns = segmentation.scatter_idx.T
    labels = segmentation.at(k)[rows, columns]
    clouds = [_cloud(segmentation.scatter[labels == idx], idx) for idx in np.unique(labels).tolist()]
    bare = {"showticklabels": False, "zeroline": False, "fixedrange": True}
    layout = {
        "height": 320,
        "margin": theme.BELOW_LEGEND,
        "showlegend": False,
        "hovermode": "closest",
        "xaxis": {"title": {"text": "first component"}, **bare},
        "yaxis": {"title": {"text": "second component"}, **bare},
    }
    return go.Figure(clouds, layout)


def _cloud(points: np.ndarray, cluster_idx: int) -> go.Scatter:
    """The dots (n, 2) of one cluster."""
    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=f"Cluster {cluster_idx}",
        marker={"color": hex_colour(cluster_idx), "size": 6, "line": _DOT_EDGE},
        hovertemplate=f"cluster {cluster_idx}<extra></extra>",
    )
