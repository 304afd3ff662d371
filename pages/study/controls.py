"""What the Study page is asked for: which study, encoders, photos with their truth, seeds. Nothing is computed here."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.studies.settings import MAX_ENCODERS, MAX_PHOTOS, MAX_SEEDS, StudySettings
from explainers.studies.study import Study
from explainers.studies.table import STUDIES
from explainers.studies.truths import TruePhoto, of_truth, without_names
from explainers.truth.objects import Place
from explainers.truth.reading import READERS, name_for, read_truth
from models.catalog.catalog import Catalog
from models.errors import UnreadableTruth
from models.photo import Photo
from pages.common import choices, link
from pages.common import photos as photos_of_page
from pages.common.encoder_choice import is_known
from pages.common.nave_controls import INPUT_SIZES
from pages.common.text import escaped

SCENES, OWN = "scenes", "own"
SIZES = [128, *INPUT_SIZES]
_TRUTH_HELP = (
    "What people drew into your photos: a file per photo with its name (PNG in which every value but 0 is an object, Pascal VOC "
    "XML), or one COCO JSON about all of them. It is not kept and never part of a link."
)
_PRIVATE = "This link was made with private photos, which are not part of it; scenes are taken instead."


@dataclass(frozen=True)
class Chosen:
    """The photos that are given; none where scenes are rendered."""

    photos: tuple[TruePhoto, ...] = ()
    are_private: bool = False
    is_complete: bool = True  # whether a study could start with them


# --- which study ----------------------------------------------------------------------------------------------------------------


def study() -> Study:
    """Draws the choice of a study."""
    titles = {name: study.title for name, study in STUDIES.items()}
    meanings = "\n".join(f"- **{study.title}**: {study.question}" for study in STUDIES.values())
    return STUDIES[choices.choose("Study", "study", titles, f"\n{meanings}\n", label_visibility="collapsed")]


def draw_statement(study: Study) -> None:
    """What the study asks, how it is measured, and what it does not show."""
    with st.container(border=True, key="statement"):
        st.markdown(f"**{escaped(study.question)}**")
        left, right = st.columns(2, gap="medium")
        left.markdown(f":gray[Measured by]  \n{escaped(study.measure)}")
        right.markdown(f":gray[What it does not show]  \n{escaped(study.does_not_show)}")


# --- settings -------------------------------------------------------------------------------------------------------------------


def settings(study: Study, catalog: Catalog) -> StudySettings:
    """Draws what decides the figures; at first that of the example."""
    example = study.example
    encoders = _encoders(example, catalog)
    meaning = "How many are rendered, where photos are not given; more give steadier figures, and take longer."
    n_scenes = _number("Scenes", "scenes", example.n_scenes, MAX_PHOTOS, meaning)
    n_seeds = _number("Seeds", "seeds", example.n_seeds, MAX_SEEDS, "Every figure is a mean over seeds; its spread is theirs.")
    link.settle("px", example.input_size, SIZES.__contains__, word="input size")
    size = st.select_slider(
        "Input size",
        SIZES,
        key="px",
        persist_state="session",
        format_func="{} px".format,
        help="Photos are shown to the encoders with as many pixels as a square of this side.",
    )
    return StudySettings(encoders, n_scenes, n_seeds, size)


def _encoders(example: StudySettings, catalog: Catalog) -> tuple[str, ...]:
    possible = partial(_possible, catalog)
    known = [name for name in example.encoders if is_known(catalog, name)] or list(catalog.openable()[:1])
    chosen = link.settle("of", known, possible, word="encoders", kind=lambda text: text.split(","))
    titles = {entry.name: f"{entry.title} ↓" if entry.state == "needs download" else entry.title for entry in catalog.entries()}
    names = st.multiselect(
        "Encoders",
        list(dict.fromkeys([*titles, *chosen])),
        format_func=lambda name: titles.get(name, name),
        key="of",
        persist_state="session",
        max_selections=MAX_ENCODERS,
        accept_new_options=True,
        select_all=False,
        placeholder="Choose one or several",
        help="One or several. Any timm name can be typed; an arrow ↓ means that its weights are fetched on first use.",
    )
    unknown = [name for name in names if not is_known(catalog, name)]
    if unknown:
        st.caption(escaped(f"No timm model goes by “{unknown[0]}”; it is left out."))
    return tuple(name for name in names if name not in unknown)


def _possible(catalog: Catalog, wanted: Sequence[str]) -> bool:
    return len(wanted) == len(set(wanted)) <= MAX_ENCODERS and all(is_known(catalog, name) for name in wanted)


def _number(label: str, key: str, default: int, most: int, meaning: str) -> int:
    link.settle(key, default, range(1, most + 1).__contains__)
    return st.number_input(label, 1, most, key=key, persist_state="session", help=meaning)


# --- photos ---------------------------------------------------------------------------------------------------------------------


def photos(study: Study) -> tuple[Chosen, list[str]]:
    """Draws the choice of photos, with uploaders for one's own; a sentence for every upload that cannot be used."""
    if study.scenes_only:
        st.caption("This study renders its scenes by itself.")
        return Chosen(), []
    if link.wish("from") == OWN and not photos_of_page.n_own():
        link.decline("from", _PRIVATE)
    names = {SCENES: "Scenes", OWN: "My photos"}
    if choices.choose("Photos", "from", names, "Rendered scenes, whose truth is known, or your own photos.") == SCENES:
        return Chosen(), []
    refusals = photos_of_page.upload()
    own = photos_of_page.uploaded(MAX_PHOTOS)
    kinds = [suffix.removeprefix(".") for suffix in READERS]
    files = st.file_uploader("True masks or boxes", kinds, accept_multiple_files=True, key="truths of study", help=_TRUTH_HELP)
    if not own:
        st.caption("Upload photos, and what was drawn into them.")
        return Chosen(are_private=True, is_complete=False), refusals
    true, problems = _true_photos(own, files)
    complete = bool(true) and all(photo.has(study.needs) for photo in true)
    st.caption(f"{len(true)} photos. What is kept of them are figures and hashes, neither pixels nor names of files.")
    return Chosen(without_names(true), are_private=True, is_complete=complete), refusals + problems


def _true_photos(own: Sequence[Photo], files: Sequence[UploadedFile]) -> tuple[tuple[TruePhoto, ...], list[str]]:
    """Photos with their truths; kept for this session while both stay the same."""
    contents = {file.name: file.getvalue() for file in files}
    key = tuple(photo.sha256 for photo in own), tuple((n, hashlib.sha256(c).hexdigest()) for n, c in contents.items())
    kept = st.session_state.get("study.truths")
    if kept is None or kept[0] != key:
        kept = key, _matched(own, contents)
        st.session_state["study.truths"] = kept
    return kept[1]


def _matched(own: Sequence[Photo], contents: Mapping[str, bytes]) -> tuple[tuple[TruePhoto, ...], list[str]]:
    true, problems = [], []
    for photo in own:
        name = name_for(PurePath(photo.name).stem, list(contents))
        if name is None:
            true.append(TruePhoto(photo))
            continue
        try:
            truth = read_truth(contents[name], name, Place(photo.name, photo.shape, photo.shape))
            true.append(of_truth(photo, truth))
        except UnreadableTruth as refusal:
            problems.append(str(refusal))
            true.append(TruePhoto(photo))
    return tuple(true), problems
