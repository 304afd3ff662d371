"""An explanation of one photo on the screen. What only changes its appearance sits in a fragment, and computes nothing."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explainers.results import tables
from explainers.results.explanations import ALL_DEPTHS, LocalExplanation, ShownDepth
from models.photo import Photo
from pages.common import link, plots
from pages.common.concept_controls import STEPS
from pages.common.heat_appearance import HeatAppearance
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.explain import appearance, charts, report, views

_TILE_SIDE = 420
_MAPS_HELP = (
    "Bright where the encoder sees the concept at this depth, as compared with the concept's own examples. "
    "An empty map: not seen here. A map says nothing yet about any class."
)
_BARS_HELP = (
    "Per class, what each concept contributes in this photo at the depth shown, or on average over all. Lines: the 95 % "
    "interval, had other examples of the concept been taken. Hover over a bar for its p-value and the evidence against the class."
)
_DEPTHS_HELP = (
    "The same attribution at every depth. A star: significant after Holm's correction over all concepts and depths shown; in the "
    "column of all depths together, over the concepts alone."
)


@st.fragment(key="local")
def draw(photo: Photo, explanation: LocalExplanation, *, is_opened: bool) -> None:
    """Concept maps, attributions, depths, table and downloads of one photo; of one opened from a class, at the class's depth."""
    depths = [facts.depth for facts in explanation.depths]
    left, right = st.columns([2, 3], gap="large", vertical_alignment="bottom")
    with left, st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        depth = st.session_state["depth"] if is_opened else appearance.depth(depths)
    with right:
        heat = appearance.heat()
    _maps(photo, explanation, depths if depth == ALL_DEPTHS else [depth], heat)
    st.header("What each concept contributes", anchor=False, help=_BARS_HELP)
    st.markdown(f"{views.ATTRIBUTION} Full colour, ★: more than chance would give. Orange bands: 95 % of what chance gives.")
    _bars(explanation, depth, "bars")
    _advise_steps(explanation)
    views.domain_doubts(explanation)
    views.set_warnings(explanation.all_warnings)
    views.refused_depths(explanation.refused_depths)
    _one_class(explanation)
    views.downloads(explanation, partial(report.of_photo, photo, explanation, depth, heat))
    link.write()


def draw_so_far(photo: Photo, explanation: LocalExplanation) -> None:
    """What is known while shallower depths are still followed: the maps and bars of the first depth that is done, without
    controls."""
    depth = explanation.depths[-1].depth
    headline(explanation, "", is_opened=False)
    _maps(photo, explanation, [depth], HeatAppearance())
    st.header("What each concept contributes", anchor=False)
    st.markdown(
        f"**Depth {depth}**; the others follow. Full colour, ★: more than chance would give, whatever they show. Orange bands: "
        "95 % of what chance gives."
    )
    _bars(explanation, depth, f"so far {len(explanation.depths)}")


def headline(explanation: LocalExplanation, remark: str, *, is_opened: bool) -> None:
    """What the photo is seen as; of one opened from a class, its name as well, and the way back.

    ``remark`` is on what the encoder's answer is worth, if there is something to say.
    """
    shares = zip(explanation.class_names, explanation.probabilities, strict=True)
    classes = " · ".join(f"{escaped(name)} {probability:.1%}" for name, probability in shares)
    if is_opened:
        st.divider()
        st.button("Close this image", icon=":material/close:", on_click=_close_image, help="Returns to the whole class.")
        st.markdown(f"**{escaped(explanation.photo_name)}**")
    st.markdown(f":gray[Seen as] {classes}")
    if remark:
        st.caption(f":material/info: {escaped(remark)}")


def _close_image() -> None:
    st.session_state["image"] = None


def _maps(photo: Photo, explanation: LocalExplanation, depths: Sequence[int], heat: HeatAppearance) -> None:
    """One row per depth: the photo, then every concept over it."""
    pixels = on_screen(photo, _TILE_SIDE)
    st.header("Where each concept is seen", anchor=False, help=_MAPS_HELP)
    for depth in depths:
        if len(depths) > 1:
            st.caption(f"Depth {depth}")
        with st.grid(min(len(explanation.concept_names) + 1, 6), min_column_width=130):
            st.image(pixels, caption="Photo", width="stretch", alt=f"The photo {photo.name}")
            for name in explanation.concept_names:
                seen = explanation.at(name, depth)
                peak = float(seen.concept_map.max())
                caption = f"**{escaped(name)}** · " + (f"peak {peak:.2f}" if peak > 0 else "not seen")
                drawn = heat.draw(pixels, seen.concept_map)
                st.image(drawn, caption=caption, width="stretch", alt=f"{name} at depth {depth}")


def _bars(explanation: LocalExplanation, depth: ShownDepth, place: str) -> None:
    """Draws the bars of every class; ``place`` tells these charts from those of another place of the page."""
    with st.grid(min(len(explanation.class_idx), 3), min_column_width=280, gap="medium"):
        for row, name in enumerate(explanation.class_names):
            with st.container():
                st.markdown(f"**{escaped(name)}** :gray[{explanation.probabilities[row]:.1%}]")
                figure = charts.attributions(explanation, row, depth)
                key = f"{place} {explanation.class_idx[row]}"
                plots.draw(figure, key=key, alt=f"What each concept contributes to {name}")


def _advise_steps(explanation: LocalExplanation) -> None:
    """Says where the path was too coarse or no evidence lies on the map, and what to do."""
    for depth in tables.depths_off_map(explanation):
        st.caption(
            f":material/location_off: Depth {depth}: all of the evidence lies on class and register tokens, on no map, so every "
            "attribution there is 0. Choose a depth before it."
        )
    gaps = tables.depths_with_gap(explanation)
    if not gaps:
        return
    where = ", ".join(f"{share:.1%} at depth {depth}" for depth, share in gaps.items())
    more = next((n for n in STEPS if n > explanation.settings.n_steps), None)
    advice = f"Try {more} steps under More settings." if more else "Rely on the other depths."
    st.caption(
        ":material/steppers: For one class or more, attributions do not quite add up to the change of the logit: "
        f"the completeness gap is up to {where}. {advice}"
    )


def _one_class(explanation: LocalExplanation) -> None:
    """One class over all depths, as a chart and as a table."""
    st.header("One class at every depth", anchor=False, help=_DEPTHS_HELP)
    place, _ = st.columns([1, 2])
    with place:
        row = appearance.class_shown(explanation)
    left, right = st.columns(2, gap="medium")
    with left:
        figure = charts.over_depths(explanation, row)
        plots.draw(figure, key="over depths", alt="Attribution by concept and depth")
    with right:
        _depth_facts(explanation, row)
    _table(explanation, row)


def _depth_facts(explanation: LocalExplanation, row: int) -> None:
    """What holds at a depth whatever the concept."""
    table = pd.DataFrame(
        {
            "Depth": [f.depth for f in explanation.depths],
            "Off the map": [100 * f.off_map_shares[row] for f in explanation.depths],
            "Logit change": [f.logit_changes[row] for f in explanation.depths],
            "Gap": [100 * f.gap_share(row) for f in explanation.depths],
        }
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
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


def _table(explanation: LocalExplanation, row: int) -> None:
    rows = [r for r in tables.local_rows(explanation) if r["class_idx"] == explanation.class_idx[row] and r["reliable"]]
    table = pd.DataFrame(
        {
            "Concept": [r["concept"] for r in rows],
            "Depth": [str(r["depth"]) for r in rows],
            "★": ["★" if r["significant"] else "" for r in rows],
            "Attribution": [r["attribution"] for r in rows],
            "Interval": [f"{r['interval_low']:.3f} – {r['interval_high']:.3f}" for r in rows],
            "Raw p": [r["raw_p_value"] for r in rows],
            "Corrected p": [r["corrected_p_value"] for r in rows],
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
        height=min(38 * (len(rows) + 1), 460),
        alt="Estimates of every concept and depth",
        column_config={
            "Concept": text(width=90),
            "Depth": text(width=55, help="All: the mean over the depths, corrected for the concepts alone."),
            "★": text(width=30, help="Significant after Holm's correction."),
            "Attribution": three("Share of the evidence for the class that this concept accounts for.", 80),
            "Interval": text(width=105, help="The 95 % interval, had other examples of the concept been taken."),
            "Raw p": three("How often chance gives as much.", 60),
            "Corrected p": three("Raw p after Holm's correction over what is shown together; ★ where it is at most 0.05.", 85),
            "Against": three("What the concept contributes to the evidence against the class.", 65),
            "Chance": three("What concepts made of random images give on average.", 65),
            "CAV": text(width=75, help="What the concept's CAV is worth at this depth; the words are explained below the table."),
        },
    )
    views.verdicts_explained([r["verdict"] for r in rows])
