"""Explanations on the screen. What only changes how they look sits in a fragment, and computes nothing."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from explainers.results import tables as explain_tables
from explainers.results.explanations import ALL_DEPTHS, ClassExplanation, LocalExplanation, ShownDepth
from explainers.results.files import as_csv, as_json
from explainers.results.records import explanation_record
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import link, theme
from pages.common.concept_controls import STEPS
from pages.common.heat_look import HeatLook
from pages.common.pictures import for_screen
from pages.common.text import plain
from pages.explain import charts as explain_charts
from pages.explain import look as explain_look
from pages.explain import report

_TILE_SIDE = 420
_MEANING = (
    "**Attribution** is the share of the evidence for a class that lies where the concept is seen, in channels that point "
    "along it. Full colour and ★: more than chance would give. The orange mark: what chance gives."
)
_MAPS_HELP = (
    "Bright where the encoder sees the concept at this depth, as compared with the concept's own examples. "
    "An empty map: not seen here. A map says nothing yet about any class."
)
_BARS_HELP = (
    "Per class, what each concept contributes in this photo at the depth shown, or on average over all. Lines: the 95 % "
    "interval, had other examples of the concept been taken. Point at a bar for its p-value and the evidence against the class."
)
_DEPTHS_HELP = (
    "The same attribution at every depth. A star: significant after Holm's correction over all concepts and depths shown; in the "
    "column of all depths together, over the concepts alone."
)
_SPREAD_HELP = (
    "A dot is one image, a box the middle half of them, a diamond their mean with its 95 % interval, the orange mark what chance "
    "gives. Click a dot to open that image's own explanation. The same image lies at the same height in every row."
)
_CLASS_HELP = (
    "At one depth, p-values are corrected over all concepts and depths; over all depths, over the concepts alone, because every "
    "concept is tested once."
)
_FILE_HELP = (
    "The table as a CSV file: every class, concept and depth.",
    "Everything that was found as a JSON file, with settings, fingerprints and versions.",
    "A page with pictures, charts, table and settings in one HTML file. It opens without a network.",
)


# --- around a result ----------------------------------------------------------------------------------------------------


def require_classifier(info: EncoderInfo) -> None:
    """Ends the page with a sentence where there is no class to attribute to."""
    if not info.has_classifier:
        st.info(
            f"{plain(info.name)} was trained without classes, so there is no class to attribute to. Choose an encoder with "
            "a classifier in the sidebar; the Explore page works with this one.",
            icon=":material/arrow_back:",
        )
        st.stop()


def refused_depths(reasons: Mapping[int, str]) -> None:
    """One line for every depth that nothing can be attributed to."""
    for depth, reason in reasons.items():
        st.caption(f":material/block: Depth {depth} is left out. {plain(reason)}")


def _advise_steps(explanation: LocalExplanation) -> None:
    """Says where the path was too coarse, and what to do."""
    gaps = explain_tables.depths_with_gap(explanation)
    if not gaps:
        return
    where = ", ".join(f"{share:.1%} at depth {depth}" for depth, share in gaps.items())
    more = next((n for n in STEPS if n > explanation.settings.n_steps), None)
    advice = f"Try {more} steps under More settings." if more else "Rely on the other depths."
    st.caption(
        ":material/steppers: For one class or more, attributions do not quite add up to the change of the logit: "
        f"the completeness gap is up to {where}. {advice}"
    )


# --- one photo ----------------------------------------------------------------------------------------------------------


@st.fragment(key="local")
def local(photo: Photo, explanation: LocalExplanation, is_opened: bool) -> None:
    """Concept maps, attributions, depths, table and downloads of one photo; of one opened from a class, at the class's depth."""
    depths = [facts.depth for facts in explanation.depths]
    _headline(explanation, is_opened)
    left, right = st.columns([2, 3], gap="large", vertical_alignment="bottom")
    with left, st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        depth = st.session_state["depth"] if is_opened else explain_look.depth(depths)
    with right:
        look = explain_look.heat()
    _maps(photo, explanation, depths if depth == ALL_DEPTHS else [depth], look)
    st.subheader("What each concept contributes", anchor=False, help=_BARS_HELP)
    st.markdown(_MEANING)
    _bars(explanation, depth)
    _advise_steps(explanation)
    refused_depths(explanation.refused_depths)
    _one_class(explanation)
    rows = explain_tables.local_rows(explanation)
    stem = f"{photo.name.rsplit('.', 1)[0]}-{explanation.encoder.name.replace('/', '-')}"
    _take_away(explanation, rows, stem, lambda: report.of_photo(photo, explanation, depth, look))
    link.write()


def _headline(explanation: LocalExplanation, is_opened: bool) -> None:
    found = zip(explanation.class_names, explanation.probabilities, strict=True)
    classes = " · ".join(f"{plain(name)} {probability:.1%}" for name, probability in found)
    if is_opened:
        st.divider()
        if st.button("Close this image", icon=":material/close:", on_click=_close_image, help="Back to the class alone."):
            link.rerun()  # the whole page: this fragment disappears
    st.markdown(f"**{plain(explanation.photo_name)}** :gray[is seen as]  {classes}")


def _close_image() -> None:
    st.session_state["image"] = None


def _maps(photo: Photo, explanation: LocalExplanation, depths: Sequence[int], look: HeatLook) -> None:
    """One row per depth: the photo, then every concept over it."""
    pixels = _on_tile(photo.sha256, photo)
    st.subheader("Where each concept is seen", anchor=False, help=_MAPS_HELP)
    for depth in depths:
        if len(depths) > 1:
            st.caption(f"Depth {depth}")
        with st.grid(min(len(explanation.concept_names) + 1, 6), min_column_width=130):
            st.image(pixels, caption="Photo", width="stretch", alt=f"The photo {photo.name}")
            for name in explanation.concept_names:
                seen = explanation.at(name, depth)
                drawn = look.draw(pixels, seen.concept_map)
                st.image(drawn, caption=_map_caption(name, seen.concept_map), width="stretch", alt=f"{name} at depth {depth}")


def _map_caption(name: str, concept_map: np.ndarray) -> str:
    peak = float(concept_map.max())
    return f"**{plain(name)}** · " + (f"peak {peak:.2f}" if peak > 0 else "not seen")


@st.cache_data(show_spinner=False, max_entries=32)
def _on_tile(photo_sha256: str, _photo: Photo) -> np.ndarray:
    return for_screen(_photo.pixels, (_TILE_SIDE, _TILE_SIDE))


def _bars(explanation: LocalExplanation, depth: ShownDepth) -> None:
    with st.grid(min(len(explanation.class_idx), 3), min_column_width=280, gap="medium"):
        for row, name in enumerate(explanation.class_names):
            with st.container():
                st.markdown(f"**{plain(name)}** :gray[{explanation.probabilities[row]:.1%}]")
                figure = explain_charts.attributions(explanation, row, depth)
                key = f"bars {explanation.class_idx[row]}"
                st.plotly_chart(figure, config=theme.CONFIG, key=key, alt=f"What each concept contributes to {name}")


def _one_class(explanation: LocalExplanation) -> None:
    """One class over all depths, as a chart and as a table."""
    st.subheader("One class at every depth", anchor=False, help=_DEPTHS_HELP)
    place, _ = st.columns([1, 2])
    with place:
        row = explain_look.class_shown(explanation)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        figure = explain_charts.over_depths(explanation, row)
        st.plotly_chart(figure, config=theme.CONFIG, key="over depths", alt="Attribution by concept and depth")
        _depth_facts(explanation, row)
    with right:
        _local_table(explanation, row)


def _depth_facts(explanation: LocalExplanation, row: int) -> None:
    """What holds at a depth whatever the concept."""
    table = pd.DataFrame(
        {
            "Depth": [f.depth for f in explanation.depths],
            "Off the map": [100 * f.off_map_shares[row] for f in explanation.depths],
            "Logit change": [f.logit_changes[row] for f in explanation.depths],
            "Gap": [100 * explain_tables.gap_share(f, row) for f in explanation.depths],
        }
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        alt="Facts of every depth",
        column_config={
            "Depth": number(width=60),
            "Off the map": number(
                format="%.1f %%",
                help="Of the evidence for the class: what lies on class and register tokens, where no map can show it.",
            ),
            "Logit change": number(format="%.2f", help="How much higher the class's logit is with the photo than with nothing."),
            "Gap": number(
                format="%.2f %%",
                help="Completeness gap: by how much the attributions miss the logit change. Above 1 %, take more steps.",
            ),
        },
    )


def _local_table(explanation: LocalExplanation, row: int) -> None:
    rows = [r for r in explain_tables.local_rows(explanation) if r["class_idx"] == explanation.class_idx[row]]
    table = pd.DataFrame(
        {
            "Concept": [r["concept"] for r in rows],
            "Depth": [str(r["depth"]) for r in rows],
            "": ["★" if r["significant"] else "" for r in rows],
            "Attribution": [r["attribution"] for r in rows],
            "Interval": [f"{r['interval_low']:.3f} – {r['interval_high']:.3f}" for r in rows],
            "p": [r["corrected_p_value"] for r in rows],
            "Against": [r["evidence_against"] for r in rows],
            "Chance": [r["chance"] for r in rows],
            "CAV": [r["verdict"].capitalize() for r in rows],
            "Why": [r["verdict_in_words"] for r in rows],
        }
    )
    text, three = st.column_config.TextColumn, _three_digits
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 * (len(rows) + 1), 460),
        alt="Figures of every concept and depth",
        column_config={
            "Concept": text(width=90),
            "Depth": text(width=55, help="All: the mean over the depths, corrected for the concepts alone."),
            "": text(width=25, help="Significant after Holm's correction."),
            "Attribution": three("Share of the evidence for the class that this concept accounts for.", 80),
            "Interval": text(width=105, help="The 95 % interval, had other examples of the concept been taken."),
            "p": three("How often chance gives as much, after Holm's correction over what is shown together.", 60),
            "Against": three("The same figure for the evidence against the class.", 65),
            "Chance": three("What concepts made of random images give on average.", 65),
            "CAV": text(width=65, help="What the concept's own direction is worth at this depth, in a word."),
            "Why": text(help="The same in a sentence."),
        },
    )


def _three_digits(meaning: str, width: int | None = None):
    return st.column_config.NumberColumn(format="%.3f", help=meaning, width=width)


# --- a class ------------------------------------------------------------------------------------------------------------


def of_class(photos: Sequence[Photo], explanation: ClassExplanation) -> int | None:
    """Distribution, table and downloads of a class; the index of the image that is opened, if any."""
    depths = sorted({c.depth for c in explanation.concepts})
    explain_look.settle_depth(choices := explain_look.choices(depths), choices[-1])
    opened = link.settle("image", None, range(len(photos)).__contains__, kind=int)
    st.markdown(f"**{plain(explanation.class_name)}** :gray[over {len(photos)} images]")
    depth = explain_look.depth(depths)
    left, right = st.columns([5, 4], gap="medium")
    with left:
        st.subheader("What each concept contributes", anchor=False, help=_SPREAD_HELP)
        _distribution(explanation, depth, opened)
        st.caption("A dot is one image: click it to open its own explanation.")
    with right:
        st.subheader("Means and tests", anchor=False, help=_CLASS_HELP)
        _class_table(explanation, depth)
        st.markdown(_MEANING.partition(" Full colour")[0] + " ★: its mean is more than chance would give.")
        refused_depths(explanation.refused_depths)
        rows = explain_tables.class_rows(explanation)
        stem = f"{explanation.class_name}-{explanation.encoder.name.replace('/', '-')}"
        _take_away(explanation, rows, stem, lambda: report.of_class(explanation, depth))
    return opened


def _distribution(explanation: ClassExplanation, depth: ShownDepth, opened: int | None) -> None:
    figure = explain_charts.distribution(explanation, depth, opened)
    key = f"distribution {st.session_state.get('clicks', 0)}"  # a fresh chart after a click: the same dot may be clicked again
    st.plotly_chart(
        figure,
        config=theme.CONFIG,
        key=key,
        on_select=lambda: _open_image(st.session_state[key]["selection"]["points"]),
        selection_mode="points",
        alt=f"Attribution of every image to {explanation.class_name}",
    )


def _open_image(points: Sequence[dict]) -> None:
    for point in points:
        if "customdata" in point and len(point["customdata"]) == 5:  # a dot, not a mean
            st.session_state["image"] = int(point["customdata"][0])
            st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1


def _class_table(explanation: ClassExplanation, depth: ShownDepth) -> None:
    rows = [r for r in explain_tables.class_rows(explanation) if r["depth"] == depth]
    table = pd.DataFrame(
        {
            "Concept": [r["concept"] for r in rows],
            "": ["★" if r["significant"] else "" for r in rows],
            "Mean": [r["mean"] for r in rows],
            "Interval": [f"{r['interval_low']:.3f} – {r['interval_high']:.3f}" for r in rows],
            "p": [r["corrected_p_value"] for r in rows],
            "TCAV": [r["tcav_score"] for r in rows],
            "TCAV p": [r["tcav_p_value"] for r in rows],
            "Against": [r["evidence_against"] for r in rows],
            "Chance": [r["chance"] for r in rows],
            "CAV": [r["verdict"].capitalize() for r in rows],
            "Why": [r["verdict_in_words"] for r in rows],
        }
    )
    text, three = st.column_config.TextColumn, _three_digits
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        alt="Means and tests",
        column_config={
            "Concept": text(width=90),
            "": text(width=25, help="Significant after Holm's correction."),
            "Mean": three("Mean attribution over the images.", 60),
            "Interval": text(width=105, help="The 95 % interval of the mean, over images and over examples of the concept."),
            "p": three("How often chance gives as large a mean, after Holm's correction over what is shown together.", 60),
            "TCAV": st.column_config.NumberColumn(
                format="%.2f",
                width=60,
                help="TCAV score (Kim et al. 2018): share of images in which a little more of the concept raises the logit.",
            ),
            "TCAV p": three("How often chance gives a TCAV score as far from its own average; two-sided, not corrected.", 65),
            "Against": three("Mean of the same figure for the evidence against the class.", 70),
            "Chance": three("What concepts made of random images give on average; the orange mark in the chart.", 65),
            "CAV": text(help="What the concept's own direction is worth at this depth."),
        },
    )


def _record(explanation: LocalExplanation | ClassExplanation) -> dict:
    """The explanation in the schema of the command line."""
    if isinstance(explanation, LocalExplanation):
        return explanation_record([(explanation.photo_name, explanation)])
    return explanation_record([], explanation)


def _take_away(explanation: LocalExplanation | ClassExplanation, rows: list, stem: str, make_report) -> None:
    """The downloads. Each file is made when its button is pressed."""
    files = [
        ("Table", f"{stem}.csv", "text/csv", lambda: as_csv(rows)),
        ("Data", f"{stem}.json", "application/json", lambda: as_json(_record(explanation))),
        ("Report", f"{stem}.html", "text/html", make_report),
    ]
    kind = "photo" if isinstance(explanation, LocalExplanation) else "class"
    st.markdown("**Download**")
    with st.container(horizontal=True, gap="xsmall"):
        for (label, name, mime, make), meaning in zip(files, _FILE_HELP, strict=True):
            st.download_button(label, make, name, mime, key=f"download {kind} {label}", on_click="ignore", help=meaning)
