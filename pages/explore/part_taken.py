"""Take it away: what becomes of the classes of a photo without the part that is selected on its picture.

The part is replaced in the activations at one depth, by what surrounds it, by the mean of the photo, or by the same place of
another photo, and the rest of the network finishes.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from explainers.interventions.settings import STRENGTHS, Filling, RegionSettings
from explainers.library.regions import Region, region_of
from explainers.results.files import as_csv, as_json
from explainers.results.interventions import RegionIntervention
from explainers.results.records import replaced_region_record
from explainers.results.tables import region_rows
from explainers.service.photo_questions import ReplaceRegion
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import choices, jobs, link, photos, plots, strength
from pages.common.downloads import Download, draw_downloads, file_stem

VIEW = "take a part away"
N_PLACES = 99
_SWITCH_HELP = (
    "What becomes of the classes without the selected part: it is replaced in the activations at one depth, and the rest of the "
    "network finishes. The photo itself is not painted over."
)
_NO_CLASSES = "This encoder was trained without classes, so nothing becomes of them."
_FILLINGS: dict[Filling, str] = {"surroundings": "Its surroundings", "photo": "The whole photo", "other": "Another photo"}
_FILLING_HELP = (
    "By what mean activation the part is replaced: of the positions that touch it, of the whole photo, or of the same place of "
    "another photo."
)
_DEPTH_HELP = (
    "Where in the network the part is replaced. At deep depths, positions around it know of it, too; shallow ones take longer, "
    "because more of the network has to be run again."
)


def settle(photo: Photo, info: EncoderInfo) -> None:
    """Gives the switch and the controls of the section their values before its fragment."""
    depths = _depths(info)
    link.settle("part", default=False, word="part taken away")
    link.settle("part_depth", depths[-1], depths.__contains__, word="depth of the part")
    link.settle("part_filling", "surroundings", _FILLINGS.__contains__, word="filling of the part")
    others = _others(photo)
    link.settle("part_other", others[0], others.__contains__, word="other photo")
    link.settle("part_strength", STRENGTHS[0], STRENGTHS.__contains__)


def _depths(info: EncoderInfo) -> tuple[int, ...]:
    return info.attributed_depths or info.default_depths


def _others(photo: Photo) -> list[str]:
    """The sample photos but this one, by their names."""
    return [name for name in photos.SAMPLES if name != photo.name]


def switch(info: EncoderInfo) -> None:
    """Draws the switch."""
    st.toggle(
        "Take it away",
        key="part",
        persist_state="session",
        disabled=not info.has_classifier,
        help=_SWITCH_HELP if info.has_classifier else _NO_CLASSES,
    )


def draw(photo: Photo, info: EncoderInfo, selected: Callable[[], np.ndarray], nothing: str) -> None:
    """The section, while it is switched on; ``selected`` gives the boolean mask of the part, (H, W), and where it has none,
    ``nothing`` says what to do."""
    if not st.session_state["part"] or not info.has_classifier:
        return
    st.header("Without the selected part", anchor=False, help=_SWITCH_HELP)
    inside = selected()
    if not inside.any():
        st.info(nothing, icon=":material/arrow_upward:")
        return
    region = region_of(inside)
    if region is None:
        st.info("Everything is selected, so nothing would be left. Select less of the picture.", icon=":material/arrow_upward:")
        return
    question = _controls(photo, info, region)
    link.write()
    _shown(jobs.answer_or_stop(VIEW, question))


def _controls(photo: Photo, info: EncoderInfo, region: Region) -> ReplaceRegion:
    """Draws the choice of depth and filling; what is asked."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        depth = choices.among("Depth changed", "part_depth", {depth: str(depth) for depth in _depths(info)}, _DEPTH_HELP)
        filling: Filling = choices.among("Replaced by", "part_filling", _FILLINGS, _FILLING_HELP)
        other = None
        if filling == "other":
            name = st.selectbox(
                "Other photo",
                _others(photo),
                format_func=photos.SAMPLES.__getitem__,
                key="part_other",
                width=220,
                persist_state="session",
                help="Its activations at the same place take the place of the part.",
            )
            other = photos.sample(name)
    return ReplaceRegion(info.name, photo, region, RegionSettings((depth,), filling=filling, n_null=N_PLACES), other)


def _shown(intervention: RegionIntervention) -> None:
    (region,) = intervention.regions
    scale = strength.Scale(
        "the selected part", intervention.strengths, intervention.class_names, region.effects, chance="other places"
    )
    left, right = st.columns(2, gap="large")
    with left:
        strength.draw("part slider", scale, st.session_state["part_strength"], _let_go)
        st.caption(
            f"The part covers {region.share:.0%} of the positions. Orange: 95 % of what the same shape does at {region.n_places} "
            "other places of this photo. Upright mark: unchanged. ★: other places rarely take as much."
        )
    with right:
        figure = strength.dose_response(scale, st.session_state["part_strength"])
        plots.draw(figure, key="part response", alt="Logits of the classes over the strength of the selected part")
        _downloads(intervention)


def _let_go(chosen: float) -> None:
    st.session_state["part_strength"] = chosen


def _downloads(intervention: RegionIntervention) -> None:
    stem = file_stem(intervention.photo_name.rsplit(".", 1)[0], intervention.encoder.name, "part-taken-away")
    named = [(intervention.photo_name, intervention)]
    files = [
        Download(
            "Curve",
            f"{stem}.csv",
            "text/csv",
            lambda: as_csv(region_rows(intervention)),
            "Every class and strength as a CSV file.",
        ),
        Download(
            "Effects",
            f"{stem}.json",
            "application/json",
            lambda: as_json(replaced_region_record(named)),
            "The whole result as a JSON file.",
        ),
    ]
    draw_downloads("download part", files)
