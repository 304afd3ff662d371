"""What do encoders cost on this machine? Size, time and memory."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explainers.nave.settings import NaveSettings
from explainers.results.comparisons import N_TIMED, Cost
from explainers.results.explanations import ClassExplanation
from explainers.results.segmentations import SegmentationResult
from explainers.service.photo_questions import MeasureCost
from explainers.service.questions import Segment
from pages.compare import panes
from pages.compare.kept import keep
from pages.compare.panes import Answers, Comparison, Opening, Questions

MB = 2**20
_CONCEPTS_FIRST = "Known once the section Concepts was looked at."


def draw(comparison: Comparison) -> NaveSettings:
    """Draws size, time and memory of a forward pass, and how long this photo's maps took; the settings behind it."""

    def questions_of(opening: Opening) -> Questions:
        photo, settings = comparison.photo, comparison.settings_of[opening.place]
        return {
            "cost": MeasureCost(opening.name, photo, settings.input_size),
            "maps": Segment(opening.name, photo, settings),
        }

    panes.watched("cost", comparison.openings, questions_of, partial(_draw, comparison.openings))
    return comparison.settings


def _draw(openings: Sequence[Opening], answers: Answers) -> None:
    rows = [
        cost_row(o, answers[o.place]["cost"], answers[o.place]["maps"], _explanation_in_hand(o))
        for o in openings
        if o.place in answers
    ]
    if not rows:
        return
    keep("cost", rows)
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        alt="Cost of every encoder",
        column_config={
            "encoder": "Encoder",
            "parameters_millions": number("Parameters", format="%.1f M"),
            "input": "Input",
            "forward_ms": number("Forward pass", format="%.0f ms", help=f"One photo, every depth; median of {N_TIMED} passes."),
            "weights_mb": number("Weights", format="%.0f MB"),
            "activations_mb": number(
                "Activations", format="%.0f MB", help="Tensors alive at once during that pass, weights not counted."
            ),
            "encoder_s": number(
                "Maps: encoder", format="%.2f s", help="Looking through the encoder for this photo's segmentation maps."
            ),
            "clustering_s": number("Maps: clustering", format="%.2f s", help="Clustering for every granularity."),
            "fitting_s": number(
                "Concepts: CAVs", format="%.1f s", help="Fitting the CAVs; a moment if they were on disk. " + _CONCEPTS_FIRST
            ),
            "explanation_s": number(
                "Concepts: class", format="%.1f s", help="Attributions over the images of the class. " + _CONCEPTS_FIRST
            ),
            "machine": "Measured on",
        },
    )
    st.caption("Measured on the machine that runs the dashboard, beside whatever else it does at the time.")


def _explanation_in_hand(opening: Opening) -> ClassExplanation | None:
    """What the section of concepts has shown for this encoder, if it was looked at."""
    explanation = panes.answer_in_hand("contributions", opening)
    return explanation if explanation is not None and explanation.encoder.name == opening.name else None


def cost_row(opening: Opening, cost: Cost, maps: SegmentationResult | None, explanation: ClassExplanation | None = None) -> dict:
    """One line of the table."""
    seconds = maps.seconds if maps else {}
    of_concepts = explanation.seconds if explanation else {}
    return {
        "encoder": opening.title,
        "parameters_millions": cost.encoder.n_parameters / 1e6,
        "input": "{} × {} px".format(*cost.input_shape),
        "forward_ms": 1000 * cost.forward_seconds,
        "weights_mb": cost.weight_bytes / MB,
        "activations_mb": cost.activation_bytes / MB,
        "encoder_s": seconds.get("encoder"),
        "clustering_s": seconds.get("clustering"),
        "fitting_s": of_concepts.get("concepts"),
        "explanation_s": of_concepts.get("explanation"),
        "machine": f"{cost.device}, {cost.n_threads} threads",
    }
