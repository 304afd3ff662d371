"""A second opinion: the saliency maps that people know beside Visual-TCAV's evidence, and how the answer follows each of them."""

from functools import partial

import pandas as pd
import streamlit as st

from explainers.results.explanations import LocalExplanation
from explainers.results.files import as_csv, as_json
from explainers.results.records import saliency_record
from explainers.results.saliency import SaliencyAtDepth, SaliencyMap, SecondOpinion
from explainers.results.tables import NOT_TO_BE_RELIED_ON, saliency_rows
from explainers.saliency.settings import MapName, SaliencySettings
from explainers.service.photo_questions import AskSecondOpinion
from models.photo import Photo
from pages.common import jobs, link, plots
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.heat_appearance import HeatAppearance
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.explain import opinion_charts, views

VIEW = "second opinion"
_TILE_SIDE = 420
_HELP = (
    "Maps of the class that ask for no concept, at the same depth. They say where something speaks for the class, never what it "
    "is. That maps agree does not make them right: all of them follow the same gradients."
)
_SWITCH_HELP = (
    "The network sees the photo about 960 times with parts of it removed: half a minute with a small encoder, minutes with "
    "a large one."
)
_MAP_HELP: dict[MapName, str] = {
    "visual_tcav": "The evidence that Visual-TCAV shares out among concepts, summed over all channels: integrated gradients on a "
    "path refined until they add up, positive part.",
    "grad_cam": "Grad-CAM (Selvaraju et al. 2017): every channel of the feature map weighted by its mean gradient, summed, "
    "positive part. It takes the gradient at the photo alone. Computed by Captum.",
    "integrated_gradients": "Integrated gradients (Sundararajan et al. 2017): gradients along the way from zero activations, "
    "times the activations, summed over channels, positive part; evenly sampled, not refined. Computed by Captum.",
}
_CURVES_HELP = (
    "Deletion and insertion (Petsiuk et al. 2018, RISE): the photo is filled with its mean colour, or restored from it, 10 % "
    "at a time, the highest of a map first. Steep is good: a map that finds what the network uses makes the class fall at once, "
    "and brings it back at once. The network never learnt such photos, so the curve also says how it takes to grey patches."
)
_MIDDLE = (
    "**Middle first** knows nothing of the network, only that photographers put things in the middle: a map that does no better "
    "has shown little, even where it beats random orders."
)


def settle(explanation: LocalExplanation) -> None:
    """Gives the controls of the section their values before its fragment."""
    depths = [facts.depth for facts in explanation.depths]
    link.settle("opinion", default=False, word="second opinion")
    link.settle("opinion_depth", explanation.telling_depth, depths.__contains__, word="depth of the second opinion")
    link.settle("opinion_of", explanation.class_idx[0], explanation.class_idx.__contains__, word="class of the second opinion")


@st.fragment(key="second opinion")
def draw(photo: Photo, explanation: LocalExplanation) -> None:
    """The section: a switch that starts it, the maps side by side, their curves, and what these are worth."""
    st.header("A second opinion", anchor=False, help=_HELP)
    st.toggle("Ask Grad-CAM and integrated gradients", key="opinion", persist_state="session", help=_SWITCH_HELP)
    if st.session_state["opinion"]:
        class_idx, depth = _controls(explanation)
        link.write()
        effort = explanation.settings
        settings = SaliencySettings((depth,), class_idx, effort.n_steps, input_size=effort.input_size, seed=effort.seed)
        opinion = jobs.answer_or_stop(VIEW, AskSecondOpinion(explanation.encoder.name, photo, settings))
        _maps(photo, opinion.at(depth))
        _curves(opinion, opinion.at(depth))
    link.write()


def _controls(explanation: LocalExplanation) -> tuple[int, int]:
    """Draws the choice of class and depth."""
    names = dict(zip(explanation.class_idx, explanation.class_names, strict=True))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        class_idx = st.selectbox(
            "Class asked about",
            list(names),
            format_func=names.__getitem__,
            key="opinion_of",
            width=220,
            persist_state="session",
            help="One class at a time: every one has maps of its own.",
        )
        depth = st.segmented_control(
            "Depth of the maps",
            [facts.depth for facts in explanation.depths],
            key="opinion_depth",
            required=True,
            persist_state="session",
            help="From which feature map the evidence is followed: the depths of the explanation above.",
        )
    return class_idx, st.session_state["opinion_depth"] if depth is None else depth


def _maps(photo: Photo, of_depth: SaliencyAtDepth) -> None:
    """The photo, then every map over it, in the colours of concept maps."""
    pixels = on_screen(photo, _TILE_SIDE)
    state = st.session_state
    heat = HeatAppearance(state["heat_opacity"] / 100, state["heat_threshold"] / 100)
    with st.grid(4, min_column_width=130):
        with st.container():
            st.image(pixels, width="stretch", alt=f"The photo {photo.name}")
            st.caption("Photo")
        for m in of_depth.maps:
            with st.container():
                name = opinion_charts.NAMES[m.name]
                st.image(heat.draw(pixels, m.shown), width="stretch", alt=f"{name} at depth {of_depth.depth}")
                seen = "" if m.shown.any() else " · nothing speaks for the class"
                st.caption(f"**{name}**{seen}", help=_MAP_HELP[m.name])
    if of_depth.gap_share > NOT_TO_BE_RELIED_ON:
        st.caption(
            f":material/steppers: Plain integrated gradients miss {of_depth.gap_share:.0%} of the change of the logit here "
            "(completeness gap). Visual-TCAV's evidence is taken on a refined path."
        )


def _curves(opinion: SecondOpinion, of_depth: SaliencyAtDepth) -> None:
    st.subheader("Does the answer follow the map?", anchor=False, help=_CURVES_HELP)
    about = f"probability of {opinion.class_name} at depth {of_depth.depth}"
    with st.grid(2, min_column_width=280, gap="medium"):
        with st.container():
            st.markdown(f"**Deletion** :gray[of {escaped(opinion.class_name)}: low is good]")
            plots.draw(opinion_charts.deletion(opinion, of_depth), key="deletion", alt=f"Deletion curves, {about}")
        with st.container():
            st.markdown(f"**Insertion** :gray[of {escaped(opinion.class_name)}: high is good]")
            plots.draw(opinion_charts.insertion(opinion, of_depth), key="insertion", alt=f"Insertion curves, {about}")
    left = of_depth.middle_first.deletion.probabilities[-1]
    if left > opinion.probability / 2:
        st.caption(
            f":material/warning: With the whole photo removed, {escaped(opinion.class_name)} still has {left:.0%}, so these "
            "curves say little about any map."
        )
    _table(of_depth)
    low, high = of_depth.deletion_chance.area_interval
    st.caption(f"95 of 100 **random orders** have areas between {low:.2f} and {high:.2f}, either way. {_MIDDLE}")
    _downloads(opinion)


def _table(of_depth: SaliencyAtDepth) -> None:
    """Areas under the curves with their tests, and what random orders give on average."""
    rows = [_row(of_depth, m) for m in (*of_depth.maps, of_depth.middle_first)]
    chance = of_depth.deletion_chance
    rows.append({"Map": "Random orders", "Deletion": chance.mean_area, "Insertion": of_depth.insertion_chance.mean_area})
    three, corrected = (
        views.three_digits,
        "After Holm's correction over the three maps; a star in the chart: at most 0.05.",
    )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="–",
        height="content",
        alt="Areas under the curves and their tests",
        column_config={
            "Map": st.column_config.TextColumn(width=150),
            "Deletion": three("Area under the deletion curve. Low is good."),
            "Raw p (del.)": three("How often a random order does as well."),
            "Corrected p (del.)": three(corrected),
            "Insertion": three("Area under the insertion curve. High is good."),
            "Raw p (ins.)": three("How often a random order does as well."),
            "Corrected p (ins.)": three(corrected),
            "Agreement": st.column_config.NumberColumn(
                format="%.2f", help="Spearman's rank correlation with Visual-TCAV's map, position by position."
            ),
        },
    )


def _row(of_depth: SaliencyAtDepth, m: SaliencyMap) -> dict:
    compared = m.name == "middle_first"  # stands beside the maps that are tested, and is not corrected with them
    return {
        "Map": opinion_charts.NAMES[m.name],
        "Deletion": m.deletion.area,
        "Raw p (del.)": m.deletion.p_value,
        "Corrected p (del.)": None if compared else m.deletion.corrected_p_value,
        "Insertion": m.insertion.area,
        "Raw p (ins.)": m.insertion.p_value,
        "Corrected p (ins.)": None if compared else m.insertion.corrected_p_value,
        "Agreement": None if compared else of_depth.agreement(m.name),
    }


def _downloads(opinion: SecondOpinion) -> None:
    stem = file_stem(opinion.photo_name.rsplit(".", 1)[0], opinion.encoder.name, "second-opinion")
    record, rows = partial(saliency_record, [(opinion.photo_name, opinion)]), partial(saliency_rows, opinion)
    draw_downloads(
        "download opinion",
        [
            Download("Curves", f"{stem}.csv", "text/csv", lambda: as_csv(rows()), "Every map and share as a CSV file."),
            Download(
                "Maps", f"{stem}.json", "application/json", lambda: as_json(record()), "Maps, curves and tests as a JSON file."
            ),
        ],
    )
