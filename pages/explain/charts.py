"""Explanations as Plotly figures. Pure functions: what they draw is their argument.

Full colour is for what is significant, grey for what chance could have made as well; a star says the same in text.
Names come from others, and Plotly reads tags in them, so they are escaped.
"""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, LocalExplanation, ShownDepth
from explainers.visual_tcav.estimates import ClassEstimate, Estimate

STAR = " ★"
_BLUE, _ORANGE = "#2E8BB0", "#D9822B"  # readable on light and on dark
_GREY = "#9AA5AC"
_MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
_SCALE = [[0.0, "rgba(46, 139, 176, 0.04)"], [1.0, "#2E8BB0"]]
_HOVER_FIGURE = (
    "<b>%{customdata[0]}</b><br>attribution %{customdata[1]}<br>95 % interval %{customdata[2]} to %{customdata[3]}"
    "<br>p %{customdata[4]}, corrected %{customdata[5]}<br>evidence against the class %{customdata[6]}"
    "<br>chance alone gives %{customdata[7]}<br>%{customdata[8]}<extra></extra>"
)


def attributions(explanation: LocalExplanation, row: int, depth: ShownDepth) -> go.Figure:
    """Bars of every concept for one class (by its place in the explanation), with intervals and chance."""
    shown = [(name, explanation.estimates_at(name, depth)[row]) for name in explanation.concept_names]
    positions = list(range(len(shown)))
    bars = go.Bar(
        x=[f.value for _, f in shown],
        y=positions,
        orientation="h",
        marker={"color": [_BLUE if f.significant else _GREY for _, f in shown]},
        error_x=_error_bars([f.value for _, f in shown], [f.interval for _, f in shown]),
        customdata=[_hover_of(name, f) for name, f in shown],
        hovertemplate=_HOVER_FIGURE,
        name="attribution",
    )
    chance = _chance([f.null_mean for _, f in shown], positions)
    layout = {
        "height": 56 + 34 * len(shown),
        "margin": _MARGIN,
        "bargap": 0.4,
        "showlegend": False,
        "xaxis": {"range": [0, reach(explanation, depth)], "fixedrange": True, "nticks": 4, "zeroline": True},
        "yaxis": _names_axis(positions, [_starred(name, f) for name, f in shown]),
    }
    return go.Figure([bars, chance], layout)


def _chance(null_means: Sequence[float], positions: Sequence[float]) -> go.Scatter:
    """The mark of what pseudo-concepts give."""
    return go.Scatter(
        x=list(null_means),
        y=list(positions),
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 16, "color": _ORANGE, "line": {"width": 2}},
        hovertemplate="chance alone gives %{x:.3f}<extra></extra>",
        name="chance",
    )


def reach(explanation: LocalExplanation, depth: ShownDepth) -> float:
    """The same end of the axis for every class, so that bars can be compared."""
    figures = [f for name in explanation.concept_names for f in explanation.estimates_at(name, depth)]
    return 1.08 * max(1e-6, *(max(f.value, f.interval[1], f.null_mean) for f in figures))


def _names_axis(positions: list[int], names: list[str]) -> dict:
    ticks = {"tickmode": "array", "tickvals": positions, "ticktext": names, "ticks": "", "automargin": True}
    return {**ticks, "range": [len(positions) - 0.4, -0.6], "fixedrange": True, "showgrid": False, "zeroline": False}


def _starred(name: str, figure: Estimate | ClassEstimate) -> str:
    return escape(name) + (STAR if figure.significant else "")


def _error_bars(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> dict:
    above = [max(0.0, high - value) for value, (_, high) in zip(values, intervals, strict=True)]
    below = [max(0.0, value - low) for value, (low, _) in zip(values, intervals, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": above,
        "arrayminus": below,
        "color": "#5C6970",
        "thickness": 1.5,
        "width": 4,
    }


def _hover_of(name: str, f: Estimate) -> list[str]:
    numbers = (f.value, *f.interval, f.p_value, f.corrected_p_value, f.negative, f.null_mean)
    return [escape(name), *(f"{number:.3g}" for number in numbers), _in_words(f.significant)]


def _in_words(significant: bool) -> str:
    return "more than chance would give" if significant else "chance could give as much"


def over_depths(explanation: LocalExplanation, row: int) -> go.Figure:
    """Concept by depth for one class, and over all depths; the darker, the more; a star where it is significant."""
    names = explanation.concept_names
    depths: list[ShownDepth] = [facts.depth for facts in explanation.depths]
    titles = [f"depth {depth}" for depth in depths]
    if len(depths) > 1:
        depths, titles = [*depths, ALL_DEPTHS], [*titles, "all"]
    figures = [[explanation.estimates_at(name, depth)[row] for depth in depths] for name in names]
    layout = {
        "height": 60 + 38 * len(names),
        "margin": _MARGIN,
        "showlegend": False,
        "xaxis": {
            "range": [-0.5, len(depths) - 0.5],
            "tickmode": "array",
            "tickvals": list(range(len(depths))),
            "ticktext": titles,
            "side": "top",
            "ticks": "",
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": _names_axis(list(range(len(names))), [escape(name) for name in names]) | {"range": [len(names) - 0.5, -0.5]},
    }
    return go.Figure([_cells(names, figures), _numbers(figures)], layout)


def _cells(names: Sequence[str], figures: Sequence[Sequence[Estimate]]) -> go.Heatmap:
    return go.Heatmap(
        z=[[f.value for f in of_concept] for of_concept in figures],
        x=list(range(len(figures[0]))),
        y=list(range(len(names))),
        customdata=[[_hover_of(n, f) for f in of_concept] for n, of_concept in zip(names, figures, strict=True)],
        hovertemplate=_HOVER_FIGURE,
        colorscale=_SCALE,
        zmin=0,
        zmax=2.5 * max(f.value for of_concept in figures for f in of_concept) or 1,  # no darker than its number can be read on
        showscale=False,
        xgap=3,
        ygap=3,
    )


def _numbers(figures: Sequence[Sequence[Estimate]]) -> go.Scatter:
    """Beside the cells, not their own text, whose colour takes no notice of a dark page."""
    at = [(x, y, f) for y, of_concept in enumerate(figures) for x, f in enumerate(of_concept)]
    return go.Scatter(
        x=[x for x, _, _ in at],
        y=[y for _, y, _ in at],
        text=[f"{f.value:.2f}{STAR if f.significant else ''}" for _, _, f in at],
        mode="text",
        hoverinfo="skip",
    )


def distribution(explanation: ClassExplanation, depth: ShownDepth, opened: int | None = None) -> go.Figure:
    """Every image as a dot, a box per concept, and the mean with its interval; dots carry the image's index."""
    shown = [(name, explanation.estimate_at(name, depth)) for name in explanation.concept_names]
    traces = [
        part for place, (name, figure) in enumerate(shown) for part in _of_concept(explanation, place, name, figure, opened)
    ]
    ends = [max(*f.values, f.interval[1], f.null_mean) for _, f in shown]
    layout = {
        "height": 70 + 62 * len(shown),
        "margin": _MARGIN,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "clickmode": "event+select",
        "xaxis": {"title": {"text": "attribution"}, "range": [-0.02 * max(ends), 1.08 * max(1e-6, *ends)], "fixedrange": True},
        "yaxis": _names_axis(list(range(len(shown))), [_starred(name, f) for name, f in shown]),
    }
    return go.Figure(traces, layout)


def _of_concept(
    explanation: ClassExplanation, place: int, name: str, figure: ClassEstimate, opened: int | None
) -> list[go.Trace]:
    colour = _BLUE if figure.significant else _GREY
    n = len(figure.values)
    box = go.Box(
        x=figure.values,
        y=[place] * n,
        orientation="h",
        boxpoints=False,
        width=0.62,
        line={"color": colour, "width": 1},
        fillcolor="rgba(128, 140, 148, 0.12)",
        hoverinfo="skip",
    )
    photos = [escape(photo) for photo in explanation.photo_names]
    dots = go.Scatter(
        x=figure.values,
        y=[place + _spread(i) for i in range(n)],
        mode="markers",
        marker={
            "color": [_ORANGE if i == opened else colour for i in range(n)],
            "size": 9,
            "line": {"width": 1, "color": "white"},
        },
        customdata=[[i, photos[i], f"{figure.values[i]:.3g}", f"{figure.negatives[i]:.3g}", escape(name)] for i in range(n)],
        hovertemplate="<b>%{customdata[4]}</b> in %{customdata[1]}<br>attribution %{customdata[2]}"
        "<br>evidence against the class %{customdata[3]}<br>click to open this image<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    numbers = (figure.mean, *figure.interval, figure.corrected_p_value, figure.tcav_score, figure.tcav_p_value)
    mean = go.Scatter(
        x=[figure.mean],
        y=[place],
        mode="markers",
        marker={"symbol": "diamond", "size": 11, "color": colour, "line": {"width": 1.5, "color": "white"}},
        error_x=_error_bars([figure.mean], [figure.interval]),
        customdata=[[escape(name), *(f"{number:.3g}" for number in numbers), _in_words(figure.significant)]],
        hovertemplate="<b>%{customdata[0]}</b>, mean %{customdata[1]}<br>95 % interval %{customdata[2]} to %{customdata[3]}"
        "<br>corrected p %{customdata[4]}: %{customdata[7]}"
        "<br>TCAV score %{customdata[5]}, p %{customdata[6]}<extra></extra>",
    )
    return [box, dots, mean, _chance([figure.null_mean], [place])]


def _spread(i: int) -> float:
    """Where in its row a dot lies: always the same for the same image, so that it can be followed from row to row."""
    return ((i * 0.618) % 1 - 0.5) * 0.44
