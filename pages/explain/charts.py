"""Explanations as Plotly figures. Pure functions: what they draw is their argument.

Full colour is for what is significant, grey for what chance could have made as well; a star says the same in text.
Names come from others, and Plotly reads tags in them, so they are escaped.
"""

from collections.abc import Sequence
from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, LocalExplanation, ShownDepth
from explainers.results.interventions import ClassIntervention
from explainers.results.tables import withheld
from explainers.visual_tcav.estimates import ClassEstimate, Estimate
from pages.common import theme
from pages.common.theme import STAR
from pages.explain.appearance import choices

_HOVER = (
    "<b>%{customdata[0]}</b><br>attribution %{customdata[1]}<br>95 % interval %{customdata[2]} to %{customdata[3]}"
    "<br>p %{customdata[4]}, corrected %{customdata[5]}<br>evidence against the class %{customdata[6]}"
    "<br>chance alone gives %{customdata[7]}<br>%{customdata[8]}<extra></extra>"
)


def attributions(explanation: LocalExplanation, row: int, depth: ShownDepth) -> go.Figure:
    """Bars of every concept for one class (by its place in the explanation), with intervals and chance; or why there are none."""
    if reason := withheld(explanation, depth, row):
        return _no_chart(reason)
    shown = [(name, explanation.estimates_at(name, depth)[row]) for name in explanation.concept_names]
    positions = list(range(len(shown)))
    bars = go.Bar(
        x=[e.value for _, e in shown],
        y=positions,
        orientation="h",
        marker={"color": [theme.BLUE if e.significant else theme.GREY for _, e in shown]},
        error_x=theme.error_bars([e.value for _, e in shown], [e.interval for _, e in shown]),
        customdata=[_hover_of(name, e) for name, e in shown],
        hovertemplate=_HOVER,
        name="attribution",
    )
    chance = _chance([e for _, e in shown], positions)
    layout = {
        "height": 76 + 34 * len(shown),
        "margin": theme.MARGIN,
        "bargap": 0.4,
        "barmode": "overlay",
        "showlegend": False,
        "xaxis": {"title": {"text": "attribution"}, "range": [0, _reach([e for _, e in shown])], "nticks": 5, "fixedrange": True},
        "yaxis": _names_axis(positions, [_starred(name, e) for name, e in shown]),
    }
    return go.Figure([chance, bars], layout)


def _no_chart(reason: str) -> go.Figure:
    """A sentence in the place of a chart."""
    text = "<br>".join(wrap(escape(reason), 44))
    centred = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    axis = {"visible": False, "fixedrange": True}
    return go.Figure(
        layout={"height": 140, "margin": theme.MARGIN, "annotations": [{"text": text, **centred}], "xaxis": axis, "yaxis": axis}
    )


def _chance(estimates: Sequence[Estimate | ClassEstimate], positions: Sequence[float]) -> go.Bar:
    """Bands behind the estimates: the middle 95 % of what pseudo-concepts give."""
    return go.Bar(
        x=[high - low for low, high in (e.null_interval for e in estimates)],
        base=[e.null_interval[0] for e in estimates],
        y=list(positions),
        orientation="h",
        width=0.86,
        marker={"color": theme.faint(theme.ORANGE, 0.28), "line": {"width": 1, "color": theme.ORANGE}},
        customdata=[[f"{number:.3g}" for number in (*e.null_interval, e.null_mean)] for e in estimates],
        hovertemplate="chance gives %{customdata[0]} to %{customdata[1]} in 95 of 100 cases, %{customdata[2]} on average"
        "<extra></extra>",
        name="chance",
    )


def _reach(estimates: Sequence[Estimate]) -> float:
    """Where the axis of one class ends: beyond the last bar, interval and band of chance."""
    return 1.08 * max(0.01, *(max(e.value, e.interval[1], e.null_interval[1]) for e in estimates))


def _names_axis(positions: list[int], names: list[str]) -> dict:
    ticks = {"tickmode": "array", "tickvals": positions, "ticktext": names, "ticks": "", "automargin": True}
    return {**ticks, "range": [len(positions) - 0.4, -0.6], "fixedrange": True, "showgrid": False, "zeroline": False}


def _starred(name: str, estimate: Estimate | ClassEstimate) -> str:
    return escape(name) + (STAR if estimate.significant else "")


def _hover_of(name: str, e: Estimate) -> list[str]:
    numbers = (e.value, *e.interval, e.p_value, e.corrected_p_value, e.negative, e.null_mean)
    return [escape(name), *(f"{number:.3g}" for number in numbers), _in_words(e)]


def _in_words(e: Estimate | ClassEstimate) -> str:
    return "more than chance would give" if e.significant else "chance could give as much"


def over_depths(explanation: LocalExplanation, row: int) -> go.Figure:
    """Concept by depth for one class, and over all depths; the darker, the more; a star where it is significant. Depths whose
    attributions are withheld are left out."""
    names = explanation.concept_names
    depths = [depth for depth in choices([facts.depth for facts in explanation.depths]) if not withheld(explanation, depth, row)]
    if not depths:
        return _no_chart(withheld(explanation, ALL_DEPTHS, row))
    titles = ["all" if depth == ALL_DEPTHS else f"depth {depth}" for depth in depths]
    estimates = [[explanation.estimates_at(name, depth)[row] for depth in depths] for name in names]
    layout = {
        "height": 60 + 38 * len(names),
        "margin": theme.MARGIN,
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
    return go.Figure([_cells(names, estimates), _numbers(estimates)], layout)


def _cells(names: Sequence[str], estimates: Sequence[Sequence[Estimate]]) -> go.Heatmap:
    return go.Heatmap(
        z=[[e.value for e in of_concept] for of_concept in estimates],
        x=list(range(len(estimates[0]))),
        y=list(range(len(names))),
        customdata=[[_hover_of(n, e) for e in of_concept] for n, of_concept in zip(names, estimates, strict=True)],
        hovertemplate=_HOVER,
        colorscale=theme.SCALE,
        zmin=0,
        zmax=2.5 * max(e.value for of_concept in estimates for e in of_concept) or 1,  # no darker than its number can be read on
        showscale=False,
        xgap=3,
        ygap=3,
    )


def _numbers(estimates: Sequence[Sequence[Estimate]]) -> go.Scatter:
    """Beside the cells, not their own text, whose colour takes no notice of a dark page."""
    at = [(x, y, e) for y, of_concept in enumerate(estimates) for x, e in enumerate(of_concept)]
    return go.Scatter(
        x=[x for x, _, _ in at],
        y=[y for _, y, _ in at],
        text=[f"{e.value:.2f}{STAR if e.significant else ''}" for _, _, e in at],
        mode="text",
        hoverinfo="skip",
    )


def distribution(explanation: ClassExplanation, depth: ShownDepth, opened: int | None = None) -> go.Figure:
    """Every image as a dot, a box per concept, and the mean with its interval; dots carry the image's index. Or why not."""
    if reason := withheld(explanation, depth):
        return _no_chart(reason)
    shown = [(name, explanation.estimate_at(name, depth)) for name in explanation.concept_names]
    traces = [trace for place, (name, e) in enumerate(shown) for trace in _concept_traces(explanation, place, name, e, opened)]
    ends = [max(*e.values, e.interval[1], e.null_interval[1]) for _, e in shown]
    layout = {
        "height": 70 + 62 * len(shown),
        "margin": theme.MARGIN,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "clickmode": "event+select",
        "xaxis": {"title": {"text": "attribution"}, "range": [-0.02 * max(ends), 1.08 * max(1e-6, *ends)], "fixedrange": True},
        "yaxis": _names_axis(list(range(len(shown))), [_starred(name, e) for name, e in shown]),
    }
    return go.Figure(traces, layout)


def _concept_traces(
    explanation: ClassExplanation, place: int, name: str, estimate: ClassEstimate, opened: int | None
) -> list[go.Bar | go.Box | go.Scatter]:
    colour = theme.BLUE if estimate.significant else theme.GREY
    n = len(estimate.values)
    box = go.Box(
        x=estimate.values,
        y=[place] * n,
        orientation="h",
        boxpoints=False,
        width=0.62,
        line={"color": colour, "width": 1},
        fillcolor=theme.faint(theme.GREY, 0.12),
        hoverinfo="skip",
    )
    photos = [escape(photo) for photo in explanation.photo_names]
    dots = go.Scatter(
        x=estimate.values,
        y=[place + _spread(i) for i in range(n)],
        mode="markers",
        marker={
            "color": [theme.ORANGE if i == opened else colour for i in range(n)],
            "size": 9,
            "line": {"width": 1, "color": "white"},
        },
        customdata=[[i, photos[i], f"{estimate.values[i]:.3g}", f"{estimate.negatives[i]:.3g}", escape(name)] for i in range(n)],
        hovertemplate="<b>%{customdata[4]}</b> in %{customdata[1]}<br>attribution %{customdata[2]}"
        "<br>evidence against the class %{customdata[3]}<br>click to open this image<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    numbers = (estimate.mean, *estimate.interval, estimate.corrected_p_value, estimate.tcav_score, estimate.tcav_p_value)
    mean = go.Scatter(
        x=[estimate.mean],
        y=[place],
        mode="markers",
        marker={"symbol": "diamond", "size": 11, "color": colour, "line": {"width": 1.5, "color": "white"}},
        error_x=theme.error_bars([estimate.mean], [estimate.interval]),
        customdata=[[escape(name), *(f"{number:.3g}" for number in numbers), _in_words(estimate)]],
        hovertemplate="<b>%{customdata[0]}</b>, mean %{customdata[1]}<br>95 % interval %{customdata[2]} to %{customdata[3]}"
        "<br>corrected p %{customdata[4]}: %{customdata[7]}"
        "<br>TCAV score %{customdata[5]}, p %{customdata[6]}<extra></extra>",
    )
    return [_chance([estimate], [place]), box, dots, mean]


def _spread(i: int) -> float:
    """Where in its row a dot lies: always the same for the same image, so that it can be followed from row to row."""
    return ((i * 0.618) % 1 - 0.5) * 0.44


def mean_drops(intervention: ClassIntervention) -> go.Figure:
    """Bars of how far the class falls when each concept is removed, with intervals over the images and chance."""
    shown = [(name, intervention.at(name, ALL_DEPTHS).effect) for name in intervention.concept_names]
    places = list(range(len(shown)))
    drops = [e.change.drop for _, e in shown]
    chance = go.Bar(
        x=[e.change.null_interval[1] - e.change.null_interval[0] for _, e in shown],
        base=[e.change.null_interval[0] for _, e in shown],
        y=places,
        orientation="h",
        width=0.86,
        marker={"color": theme.faint(theme.ORANGE, 0.28), "line": {"width": 1, "color": theme.ORANGE}},
        hoverinfo="skip",
    )
    bars = go.Bar(
        x=drops,
        y=places,
        orientation="h",
        marker={"color": [theme.BLUE if e.significant else theme.GREY for _, e in shown]},
        error_x=theme.error_bars(drops, [e.interval for _, e in shown]),
        customdata=[[escape(name), f"{e.change.drop:.3g}", f"{e.change.p_value:.3g}"] for name, e in shown],
        hovertemplate="<b>%{customdata[0]}</b> removed<br>the logit falls by %{customdata[1]} on average<br>p %{customdata[2]}"
        "<extra></extra>",
    )
    layout = {
        "height": 76 + 34 * len(shown),
        "margin": theme.MARGIN,
        "bargap": 0.4,
        "barmode": "overlay",
        "showlegend": False,
        "xaxis": {"title": {"text": "drop of the logit"}, "nticks": 6, "fixedrange": True},
        "yaxis": _names_axis(places, [escape(name) + (STAR if e.significant else "") for name, e in shown]),
    }
    return go.Figure([chance, bars], layout)
