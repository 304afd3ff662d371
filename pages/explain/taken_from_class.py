"""Take it away over a class: how far the class falls on average over its images if a concept is removed."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from explainers.interventions.settings import REMOVED, UNCHANGED, InterventionSettings
from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, ShownDepth
from explainers.results.files import as_csv, as_json
from explainers.results.interventions import ClassIntervention
from explainers.results.records import intervention_record
from explainers.results.tables import class_intervention_rows
from explainers.service.questions import InterveneOnClass
from models.photo import Photo
from pages.common import jobs, link, plots
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.explain import charts, views
from pages.explain.controls import Inquiry
from pages.explain.taken_away import N_NULL, changed_in_words

VIEW = "take it away from a class"
_HELP = (
    "Every concept is removed from every image at the depth shown above, or with All at every depth but the finest in one pass, "
    "and the network finishes. Bars: how far the class's logit falls on average. Lines: the 95 % interval over the images. "
    "Orange: the middle 95 % of what concepts made of random images do."
)


def settle() -> None:
    """Gives the switch of the section its value."""
    link.settle("take_all", default=False, word="concepts taken away from the class")


def draw(images: tuple[Photo, ...], explanation: ClassExplanation, inquiry: Inquiry) -> None:
    """The section: a switch that starts it, the mean drops at the depth shown, and their table."""
    st.header("Take it away", anchor=False, help=_HELP)
    wanted = st.toggle(
        "Remove every concept from every image",
        key="take_all",
        persist_state="session",
        help=f"The network finishes {N_NULL + 1} times per image and concept, so this can take minutes.",
    )
    if not wanted:
        return
    effort = inquiry.settings
    depth: ShownDepth = st.session_state["depth"]
    settings = InterventionSettings(() if depth == ALL_DEPTHS else (depth,), effort.class_idx, (REMOVED, UNCHANGED))
    settings = replace(settings, n_null=min(N_NULL, effort.n_null), n_fitted=effort.n_null, n_bootstrap=effort.n_bootstrap)
    settings = replace(settings, each_depth=False, input_size=effort.input_size, seed=effort.seed)
    question = InterveneOnClass(inquiry.encoder_name, images, inquiry.concepts, inquiry.random, settings)
    intervention = jobs.answer_or_stop(VIEW, question)
    left, right = st.columns([5, 4], gap="medium")
    with left:
        figure = charts.mean_drops(intervention)
        plots.draw(figure, key="mean drops", alt=f"Mean drop of {explanation.class_name} {changed_in_words(intervention)}")
    with right:
        _table(intervention)
        _downloads(intervention)


def _table(intervention: ClassIntervention) -> None:
    rows = class_intervention_rows(intervention)
    st.caption(f"Removed {changed_in_words(intervention)}.")
    table = pd.DataFrame(
        {
            "Concept": [r["concept"] for r in rows],
            "★": ["★" if r["significant"] else "" for r in rows],
            "Mean drop": [r["mean_drop"] for r in rows],
            "Interval": [f"{r['interval_low']:.2f} – {r['interval_high']:.2f}" for r in rows],
            "Raw p": [r["raw_p_value"] for r in rows],
            "Corrected p": [r["corrected_p_value"] for r in rows],
            "Probability": [100 * r["mean_probability_drop"] for r in rows],
        }
    )
    three, number = views.three_digits, st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        height="content",
        alt="Mean drops and tests",
        column_config={
            "Mean drop": number(format="%.2f", help="How far the class's logit falls on average when the concept is removed."),
            "Interval": st.column_config.TextColumn(help="The 95 % interval of the mean, over the images."),
            "Raw p": three("How often chance takes as much."),
            "Corrected p": three("Raw p after Holm's correction over what is shown together; ★ where it is at most 0.05."),
            "Probability": number(
                format="%.1f pp", help="How far the class's probability falls on average, in percentage points."
            ),
        },
    )


def _downloads(intervention: ClassIntervention) -> None:
    stem = file_stem(intervention.class_name, intervention.encoder.name, "taken-away")
    draw_downloads(
        "download taken from class",
        [
            Download(
                "Drops",
                f"{stem}.csv",
                "text/csv",
                lambda: as_csv(class_intervention_rows(intervention)),
                "Every concept and depth as a CSV file.",
            ),
            Download(
                "Effects",
                f"{stem}.json",
                "application/json",
                lambda: as_json(intervention_record([], intervention)),
                "The whole result as a JSON file.",
            ),
        ],
    )
