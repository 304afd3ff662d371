"""The strength slider: classes follow it in the browser, in the frame of the pointer; and the dose-response curve beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from explainers.interventions.effects import Effect, Response
from pages.common import theme
from pages.common.charts import band_of_chance
from pages.common.theme import STAR

_HERE = Path(__file__).parent
_HTML = """<div class="taken">
<label class="head" for="strength"><span class="title"></span><output></output></label>
<input id="strength" type="range" min="0" step="1">
<div class="scale" aria-hidden="true"><span>removed</span><span>unchanged</span><span>doubled</span></div>
<div class="rows"></div>
</div>"""

_component = st.components.v2.component(
    "strength",
    html=_HTML,
    css=(_HERE / "strength.css").read_text(),
    js=(_HERE / "strength.js").read_text(),
)


@dataclass(frozen=True, eq=False)
class Scale:
    """What is removed or made stronger, and what becomes of the classes."""

    what: str
    strengths: tuple[float, ...]
    class_names: tuple[str, ...]
    effects: tuple[Effect, ...]  # one per class
    chance: str  # what the band shows, in a word or two


def draw(key: str, scale: Scale, strength: float, on_release: Callable[[float], None]) -> None:
    """Draws the slider at a strength, with a bar per class; ``on_release`` gets the strength at which it is let go."""

    def released() -> None:
        chosen = st.session_state[key].strength
        if chosen is not None:
            on_release(float(chosen))

    _component(
        key=key,
        data={
            "title": f"Strength of {scale.what}",
            "strengths": list(scale.strengths),
            "strength": strength,
            "classes": [_described(*pair) for pair in zip(scale.class_names, scale.effects, strict=True)],
        },
        on_strength_change=released,
    )


def _described(name: str, effect: Effect) -> dict:
    share = effect.probability
    return {
        "name": name,
        "logits": effect.logit.curve.tolist(),
        "probabilities": share.curve.tolist(),
        "low": share.low.tolist(),
        "high": share.high.tolist(),
        "verdict": in_short(effect.logit),
        "significant": effect.logit.significant,
    }


def in_short(response: Response) -> str:
    """What removing the concept does to the logit, and whether chance does as much."""
    star = STAR if response.significant else ""
    several = response.corrected_p_value != response.p_value
    correction = f", corrected {response.corrected_p_value:.3f}" if several else ""
    return f"removed: logit {-response.drop:+.2f}, p {response.p_value:.3f}{correction}{star}".replace("-", "−")


def dose_response(scale: Scale, strength: float) -> go.Figure:
    """The logit of every class over strength, the first one with the band of chance; an upright line at ``strength``."""
    strengths = list(scale.strengths)
    first = scale.effects[0].logit
    band = band_of_chance(strengths, first.low, first.high, f"95 % of {scale.chance}")
    colours = (theme.BLUE, theme.GREY, theme.GREEN)
    curves = [
        go.Scatter(
            x=strengths,
            y=effect.logit.curve,
            mode="lines+markers",
            line={"color": colours[row % 3], "width": 3 if row == 0 else 2, "dash": "solid" if row < 3 else "dot"},
            name=escape(name) + (STAR if effect.logit.significant else ""),
            hovertemplate=f"<b>{escape(name)}</b><br>strength %{{x}}: logit %{{y:.2f}}<extra></extra>",
        )
        for row, (name, effect) in enumerate(zip(scale.class_names, scale.effects, strict=True))
    ]
    ticks = {"tickmode": "array", "tickvals": [0, 0.5, 1, 1.5, 2], "ticktext": ["removed", "0.5", "unchanged", "1.5", "doubled"]}
    layout = {
        "height": 320,
        "margin": theme.MARGIN | {"t": 44},
        "legend": theme.LEGEND_ABOVE,
        "shapes": [theme.upright_line(strength)],
        "xaxis": {"title": {"text": f"strength of {escape(scale.what)}"}, "fixedrange": True, **ticks},
        "yaxis": {"title": {"text": "logit"}, "fixedrange": True},
    }
    return go.Figure([band, *curves], layout)
