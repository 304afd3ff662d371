"""An explanation of a class over many images on the screen."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, ShownDepth
from explainers.results.tables import class_rows
from pages.common import link, plots
from pages.common.text import escaped
from pages.explain import appearance, charts, report, views

_SPREAD_HELP = (
    "A dot is one image, a box the middle half of them, a diamond their mean with its 95 % interval, the orange band what chance "
    "gives. Click a dot to open that image's own explanation. The same image lies at the same height in every row."
)
_CLASS_HELP = (
    "At one depth, p-values are corrected over all concepts and depths; over all depths, over the concepts alone, because every "
    "concept is tested once."
)


def draw(explanation: ClassExplanation) -> int | None:
    """Distribution, table and downloads of a class; the index of the image that is opened, if any."""
    depths = sorted({c.depth for c in explanation.concepts})
    choices, n_images = appearance.choices(depths), len(explanation.photo_names)
    appearance.settle_depth(choices, choices[-1])
    opened = link.settle("image", None, range(n_images).__contains__, kind=int)
    st.markdown(f"**{escaped(explanation.class_name)}** :gray[over {n_images} images]")
    depth = appearance.depth(depths)
    left, right = st.columns([5, 4], gap="medium")
    with left:
        st.header("What each concept contributes", anchor=False, help=_SPREAD_HELP)
        _distribution(explanation, depth, opened)
        st.caption("A dot is one image: click it to open its own explanation.")
    with right:
        st.header("Means and tests", anchor=False, help=_CLASS_HELP)
        _table(explanation, depth)
        st.markdown(f"{views.ATTRIBUTION} ★: its mean is more than chance would give.")
        views.domain_doubts(explanation)
        views.set_warnings(explanation.all_warnings)
        views.refused_depths(explanation.refused_depths)
        views.downloads(explanation, partial(report.of_class, explanation, depth))
    return opened


def _distribution(explanation: ClassExplanation, depth: ShownDepth, opened: int | None) -> None:
    figure = charts.distribution(explanation, depth, opened)
    key = f"distribution {st.session_state.get('clicks', 0)}"  # a fresh chart after a click: the same dot may be clicked again
    plots.draw_selectable(
        figure,
        key=key,
        alt=f"Attribution of every image to {explanation.class_name}",
        on_select=lambda: _open_image(st.session_state[key]["selection"]["points"]),
    )


def _open_image(points: Sequence[dict]) -> None:
    for point in points:
        if "customdata" in point and len(point["customdata"]) == 5:  # a dot, not a mean
            st.session_state["image"] = int(point["customdata"][0])
            st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1


def _table(explanation: ClassExplanation, depth: ShownDepth) -> None:
    rows = [r for r in class_rows(explanation) if r["depth"] == depth and r["reliable"]]
    if not rows:
        return
    table = pd.DataFrame(
        {
            "Concept": [r["concept"] for r in rows],
            "★": ["★" if r["significant"] else "" for r in rows],
            "Mean": [r["mean"] for r in rows],
            "Interval": [f"{r['interval_low']:.3f} – {r['interval_high']:.3f}" for r in rows],
            "Raw p": [r["raw_p_value"] for r in rows],
            "Corrected p": [r["corrected_p_value"] for r in rows],
            "TCAV": [r["tcav_score"] for r in rows],
            "TCAV p": [r["tcav_p_value"] for r in rows],
            "Against": [r["evidence_against"] for r in rows],
            "Chance": [r["chance"] for r in rows],
            "CAV": ["" if r["depth"] == ALL_DEPTHS else r["verdict"].capitalize() for r in rows],
        }
    )
    text, three = st.column_config.TextColumn, views.three_digits
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        height="content",
        alt="Means and tests",
        column_config={
            "Concept": text(width=90),
            "★": text(width=30, help="Significant after Holm's correction."),
            "Mean": three("Mean attribution over the images.", 60),
            "Interval": text(width=105, help="The 95 % interval of the mean, over images and over examples of the concept."),
            "Raw p": three("How often chance gives as large a mean.", 60),
            "Corrected p": three("Raw p after Holm's correction over what is shown together; ★ where it is at most 0.05.", 85),
            "TCAV": st.column_config.NumberColumn(
                format="%.2f",
                width=60,
                help="TCAV score (Kim et al. 2018): share of images in which a little more of the concept raises the logit.",
            ),
            "TCAV p": three("How often chance gives a TCAV score as far from its own average; two-sided, not corrected.", 65),
            "Against": three("What the concept contributes to the evidence against the class, on average.", 70),
            "Chance": three("Average of what concepts made of random images give; the orange band holds 95 %.", 65),
            "CAV": text(help="What the concept's CAV is worth at this depth; the words are explained below the table."),
        },
    )
    views.verdicts_explained([r["verdict"] for r in rows])
