"""Figures of studies as Plotly figures. Pure functions. Names come from others and may hold tags, so they are escaped."""

from html import escape
from typing import Any

import plotly.graph_objects as go

from explainers.studies.findings import Figure, Series
from pages.common import theme

COLOURS = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.VIOLET, "#C2577F", "#8C7B3A", "#4F6FC4", "#5C6970")
_HEIGHT = 380


def chart(figure: Figure) -> go.Figure:
    """Lines with bands of one spread, bars and points with intervals of one, or a map."""
    if figure.kind == "map":
        return _map(figure)
    traces = [trace for n, series in enumerate(figure.series) for trace in _traces(figure, series, COLOURS[n % len(COLOURS)])]
    layout = {
        "height": _HEIGHT,
        "margin": theme.MARGIN,
        "legend": theme.LEGEND_ABOVE if figure.kind == "bars" else {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        "xaxis": {"title": {"text": escape(figure.x_title)}, "fixedrange": True, "automargin": True},
        "yaxis": {"title": {"text": escape(figure.y_title)}, "fixedrange": True},
        "barmode": "group",
        "shapes": [] if figure.guide is None else [_guide(figure.guide)],
    }
    return go.Figure(traces, layout)


def _guide(y: float) -> dict[str, Any]:
    """A dashed line at ``y`` that is seen on a line of the grid, too."""
    return theme.level_line(y) | {"line": {"color": theme.INTERVALS, "width": 1.2, "dash": "dash"}, "layer": "above"}


def _map(figure: Figure) -> go.Figure:
    """Squares, the first row at the top; the darker, the larger the value."""
    cells = go.Heatmap(
        z=[series.ys for series in figure.series],
        zmin=0,
        colorscale=theme.SCALE,
        xgap=1,
        ygap=1,
        colorbar={"thickness": 10, "outlinewidth": 0},
        hovertemplate=f"{escape(figure.y_title)} %{{y}}, {escape(figure.x_title)} %{{x}}: %{{z:.2f}}<extra></extra>",
    )
    hidden = {"visible": False, "fixedrange": True}
    rows = {**hidden, "autorange": "reversed", "scaleanchor": "x", "constrain": "domain"}
    columns = {**hidden, "constrain": "domain"}
    return go.Figure([cells], {"height": _HEIGHT, "margin": theme.MARGIN, "xaxis": columns, "yaxis": rows})


def _traces(figure: Figure, series: Series, colour: str) -> list[go.Scatter | go.Bar]:
    if figure.kind == "bars":
        return [_bars(series, colour)]
    if figure.kind == "points":
        return [_points(series, colour)]
    return [*_band(series, colour), _line(series, colour)]


def _line(series: Series, colour: str) -> go.Scatter:
    return go.Scatter(
        x=series.xs,
        y=series.ys,
        name=escape(series.name),
        mode="lines+markers",
        marker={"size": 5},
        line={"color": colour, "width": 2, "dash": "dot" if series.oracle else "solid"},
        hovertemplate=f"{escape(series.name)}<br>%{{x}}: %{{y:.3f}}<extra></extra>",
    )


def _band(series: Series, colour: str) -> list[go.Scatter]:
    known = [
        (x, y, spread)
        for x, y, spread in zip(series.xs, series.ys, series.spreads or [None] * len(series.xs), strict=True)
        if y is not None and spread is not None
    ]
    if not known:
        return []
    xs = [x for x, _, _ in known]
    above, below = ([y + sign * spread for _, y, spread in known] for sign in (1, -1))
    return [
        go.Scatter(
            x=[*xs, *reversed(xs)],
            y=[*above, *reversed(below)],
            fill="toself",
            fillcolor=theme.faint(colour, 0.18),
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
    ]


def _intervals(series: Series) -> dict[str, Any] | None:
    """One spread up and down, where it is known."""
    if not any(series.spreads):
        return None
    array = [spread or 0 for spread in series.spreads]
    return {"type": "data", "array": array, "color": theme.INTERVALS, "thickness": 1.2, "width": 3}


def _bars(series: Series, colour: str) -> go.Bar:
    return go.Bar(
        x=[escape(str(x)).replace(", ", ",<br>") for x in series.xs],  # long names do not run into each other
        y=series.ys,
        name=escape(series.name),
        marker={"color": theme.faint(colour, 0.35) if series.oracle else colour, "line": {"color": colour, "width": 1}},
        error_y=_intervals(series),
        hovertemplate=f"{escape(series.name)}<br>%{{x}}: %{{y:.3f}}<extra></extra>",
    )


def _points(series: Series, colour: str) -> go.Scatter:
    return go.Scatter(
        x=series.xs,
        y=series.ys,
        name=escape(series.name),
        mode="markers",
        error_y=_intervals(series),
        marker={"size": 8, "color": colour, "symbol": "circle-open" if series.oracle else "circle"},
        text=[escape(label) for label in series.labels] or None,
        hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>" if series.labels else "%{x:.3f}, %{y:.3f}<extra></extra>",
    )
