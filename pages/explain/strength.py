"""The strength slider: classes follow it in the browser, in the frame of the pointer."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from explainers.interventions.effects import Effect, Response
from explainers.results.interventions import ConceptIntervention, PhotoIntervention
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


def draw(
    key: str, intervention: PhotoIntervention, scaled: ConceptIntervention, strength: float, on_release: Callable[[float], None]
) -> None:
    """Draws the slider at a strength, with a bar per class; ``on_release`` gets the strength at which it is let go."""

    def released() -> None:
        chosen = st.session_state[key].strength
        if chosen is not None:
            on_release(float(chosen))

    _component(
        key=key,
        data={
            "concept": scaled.concept,
            "strengths": list(intervention.strengths),
            "strength": strength,
            "classes": [_described(*pair) for pair in zip(intervention.class_names, scaled.effects, strict=True)],
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
    return f"removed: logit {-response.drop:+.2f}, p {response.p_value:.3f}{star}".replace("-", "−")
