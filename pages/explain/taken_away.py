"""Take it away: a concept removed from the activations of a photo or made stronger, and what becomes of the classes."""

from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from explainers.interventions.settings import REMOVED, STRENGTHS, UNCHANGED, InterventionSettings, Method, Where
from explainers.results.explanations import ALL_DEPTHS, LocalExplanation, ShownDepth
from explainers.results.files import as_csv, as_json
from explainers.results.interventions import (
    ConceptIntervention,
    InterventionResult,
    PhotoIntervention,
    corrected,
    with_correction_of,
)
from explainers.results.records import intervention_record
from explainers.results.tables import intervention_rows
from explainers.service.questions import InterveneOnPhoto
from models.photo import Photo
from pages.common import choices, jobs, link, plots, strength
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.text import escaped
from pages.explain import appearance, views
from pages.explain.controls import Inquiry

VIEW = "take it away"
N_NULL = 200
_HELP = (
    "The concept's component is taken out of the activations at one depth, where the concept is seen, or made stronger, and the "
    "rest of the network finishes. Orange: the middle 95 % of what concepts made of random images do, shown as clearly."
)
_WHERES: dict[Where, str] = {"everywhere": "Everywhere", "map": "On the map", "prefix": "Prefix tokens", "both": "Map and prefix"}
_WITHOUT_PREFIX: tuple[Where, ...] = ("everywhere", "map")
_WHERE_HELP = (
    "Which activations are changed. Everywhere: at every position, and in class and register tokens, what goes beyond random "
    "images. On the map: as far as the concept is seen at a position. Prefix tokens: the class and register tokens alone, which "
    "stand for no place."
)
_METHODS: dict[Method, str] = {"projection": "Along the CAV", "leace": "LEACE"}
_METHOD_HELP = (
    "Along the CAV: what lies along the concept's CAV. LEACE (Belrose et al. 2023): as much as a linear filter reads off, so "
    "that no linear classifier finds the concept afterwards."
)


def settle(explanation: LocalExplanation) -> None:
    """Gives the controls of the section their values before its fragment."""
    depths, kind = appearance.choices([facts.depth for facts in explanation.depths]), appearance.depth_in_link
    link.settle("take", _most_telling(explanation), explanation.concept_names.__contains__, word="concept to take away")
    link.settle("take_depth", explanation.telling_depth, depths.__contains__, word="depth to take it from", kind=kind)
    link.settle("strength", STRENGTHS[0], STRENGTHS.__contains__)
    link.settle("take_from", InterventionSettings.where, _wheres(explanation).__contains__, word="tokens to take it from")
    link.settle("take_by", InterventionSettings.method, _METHODS.__contains__, word="way to take it away")


def _most_telling(explanation: LocalExplanation) -> str:
    """The concept whose attribution stands out from chance most clearly, for the first class at the telling depth."""
    at_depth = [c for c in explanation.concepts if c.depth == explanation.telling_depth]
    return min(at_depth, key=lambda c: (c.estimates[0].corrected_p_value, -c.estimates[0].value)).concept


@st.fragment(key="taken away")
def draw(photo: Photo, explanation: LocalExplanation, inquiry: Inquiry) -> None:
    """The section: which concept at which depth, the strength slider, and the dose-response curve."""
    st.header("Take it away", anchor=False, help=_HELP)
    concept, settings = _controls(explanation, inquiry)
    opened = tuple(c for c in inquiry.concepts if c.name == concept)
    question = InterveneOnPhoto(inquiry.encoder_name, photo, opened, inquiry.random, settings)
    intervention = jobs.answer_or_stop(VIEW, question)
    ends = replace(settings, strengths=(REMOVED, UNCHANGED))
    testing = jobs.asked(f"{VIEW}: all", replace(question, concepts=inquiry.concepts, settings=ends))
    if testing.done:
        of_all = jobs.result_or_stop(f"{VIEW}: all", testing)
        scaled, tested = (answer.at(concept, ALL_DEPTHS) for answer in (intervention, of_all))  # the last pass, or the only one
        _shown(intervention, with_correction_of(scaled, tested))
        _table(of_all)
    else:  # the one that is looked at comes first; until the others are known they count as if chance took as much
        (scaled,) = corrected(intervention.over_depths, n_to_come=len(inquiry.concepts) - 1)
        _shown(intervention, scaled)
        st.caption(
            ":material/hourglass_top: The other concepts are tested as well; until then the correction is the strictest possible."
        )
        link.write()
        jobs.result_or_stop(f"{VIEW}: all", testing)
        link.rerun()
    link.write()


def _controls(explanation: LocalExplanation, inquiry: Inquiry) -> tuple[str, InterventionSettings]:
    """Draws the choice of concept, depth, tokens and method; the concept's name, and what is asked."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        concept = st.selectbox(
            "Concept taken away", explanation.concept_names, key="take", width=220, persist_state="session", help="One at a time."
        )
        depth = st.segmented_control(
            "Depth changed",
            appearance.choices([facts.depth for facts in explanation.depths]),
            key="take_depth",
            format_func=appearance.choice_in_words,
            required=True,
            persist_state="session",
            help="Where in the network the activations are changed. From there on it computes as always. All: at every depth but "
            "the finest in one pass, so that no later depth restores what it knows by another route. That is slower, and nearest "
            "to the truth on scenes where it is known.",
        )
        where = choices.among("Changed", "take_from", _wheres(explanation), _WHERE_HELP)
        method = choices.among("Taken away", "take_by", _METHODS, _METHOD_HELP)
    effort = inquiry.settings
    changed: ShownDepth = st.session_state["take_depth"] if depth is None else depth
    settings = InterventionSettings(
        () if changed == ALL_DEPTHS else (changed,),
        explanation.class_idx,
        where=where,
        method=method,
        n_null=min(N_NULL, effort.n_null),
        n_fitted=effort.n_null,
        each_depth=False,
    )
    return concept, replace(settings, n_bootstrap=effort.n_bootstrap, input_size=effort.input_size, seed=effort.seed)


def _wheres(explanation: LocalExplanation) -> dict[Where, str]:
    """What can be changed, and its name; prefix tokens only where the encoder has them."""
    has_prefix = explanation.encoder.n_prefix_tokens > 0
    return {where: name for where, name in _WHERES.items() if has_prefix or where in _WITHOUT_PREFIX}


def _shown(intervention: PhotoIntervention, scaled: ConceptIntervention) -> None:
    if scaled.map_peak == 0 and intervention.settings.where in ("map", "both"):
        st.info(
            f"“{escaped(scaled.concept)}” is not seen on the map {changed_in_words(intervention)}, so nothing is changed there. "
            "Choose another depth or concept above, or change activations everywhere.",
            icon=":material/visibility_off:",
        )
    scale = strength.Scale(
        f"“{scaled.concept}”", intervention.strengths, intervention.class_names, scaled.effects, chance="chance"
    )
    left, right = st.columns(2, gap="large")
    with left:
        strength.draw("strength slider", scale, st.session_state["strength"], _let_go)
        st.caption("Orange: 95 % of what chance does at this strength. Upright mark: unchanged. ★: chance rarely takes as much.")
    with right:
        figure = strength.dose_response(scale, st.session_state["strength"])
        plots.draw(figure, key="dose response", alt=f"Logits of the classes over the strength of {scaled.concept}")
        _downloads(intervention)


def _table(of_all: PhotoIntervention) -> None:
    """Every concept removed, for the class that is most probable."""
    name = escaped(of_all.class_names[0])
    drops = [(c.concept, c.effects[0].logit) for c in of_all.over_depths]
    table = pd.DataFrame(
        {
            "Concept removed": [concept for concept, _ in drops],
            "★": ["★" if response.significant else "" for _, response in drops],
            "Drop": [response.drop for _, response in drops],
            "Chance": ["{:.2f} – {:.2f}".format(*response.null_interval) for _, response in drops],
            "Raw p": [response.p_value for _, response in drops],
            "Corrected p": [response.corrected_p_value for _, response in drops],
        }
    )
    three, number, text = views.three_digits, st.column_config.NumberColumn, st.column_config.TextColumn
    st.markdown(f"**{name}** without each concept, one at a time :gray[{changed_in_words(of_all)}]")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        height="content",
        alt=f"Drops of {of_all.class_names[0]} by concept",
        column_config={
            "★": text(width=30, help="Significant after Holm's correction."),
            "Drop": number(format="%.2f", help="How far the class's logit falls when the concept is removed."),
            "Chance": text(help="The middle 95 % of what pseudo-concepts take."),
            "Raw p": three("How often chance takes as much."),
            "Corrected p": three("Raw p after Holm's correction over the concepts; ★ where it is at most 0.05."),
        },
    )


def changed_in_words(intervention: InterventionResult) -> str:
    """Where activations were changed."""
    depths = intervention.settings.depths
    return f"at depth {depths[0]}" if len(depths) == 1 else f"at depths {', '.join(map(str, depths))} in one pass"


def _let_go(chosen: float) -> None:
    st.session_state["strength"] = chosen


def _downloads(intervention: PhotoIntervention) -> None:
    stem = file_stem(intervention.photo_name.rsplit(".", 1)[0], intervention.encoder.name, "taken-away")
    record = partial(intervention_record, [(intervention.photo_name, intervention)])
    table = partial(intervention_rows, intervention)
    draw_downloads(
        "download taken away",
        [
            Download("Curve", f"{stem}.csv", "text/csv", lambda: as_csv(table()), "Every class and strength as a CSV file."),
            Download(
                "Effects", f"{stem}.json", "application/json", lambda: as_json(record()), "The whole result as a JSON file."
            ),
        ],
    )
