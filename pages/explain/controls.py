"""What the Explain page asks: concepts, random counterpart, classes, depths and effort, from widgets to frozen settings."""

from dataclasses import dataclass

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.service.questions import ExplainClass, ExplainPhoto
from explainers.visual_tcav.settings import N_CLASSES, ExplainSettings
from models.catalog import EncoderInfo
from models.catalog.entries import LearntFrom
from models.photo import Photo
from pages.common import choices, concept_controls, depths, link

ONE_PHOTO, A_CLASS = "photo", "class"
STARTING_SCENE = 172  # a chequered square beside a small zigzag star and a red cross
MAX_CLASSES = 6
_SCOPES = {ONE_PHOTO: "One photo", A_CLASS: "A whole class"}
_SCOPE_HELP = (
    "One photo: where its concepts are, and what they contribute to each class. A whole class: the same over many images, with "
    "the spread and a test."
)
_DEPTHS_HELP = "From which depths evidence is followed, shallow to deep. Every depth costs time; shallow ones cost most."


@dataclass(frozen=True)
class Inquiry:
    """Everything that is asked but the photos."""

    encoder_name: str
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings

    def of_photo(self, photo: Photo) -> ExplainPhoto:
        """What is asked about one photo."""
        return ExplainPhoto(self.encoder_name, photo, self.concepts, self.random, self.settings)

    def of_class(self, images: tuple[Photo, ...]) -> ExplainClass:
        """What is asked about a class and images of it."""
        return ExplainClass(self.encoder_name, images, self.concepts, self.random, self.settings)


def scope() -> str:
    """Draws the choice between one photo and a whole class."""
    return choices.choose("What is explained", "tab", _SCOPES, _SCOPE_HELP, label_visibility="collapsed")


def inquiry(library: ConceptLibrary, info: EncoderInfo, scope: str, learnt_from: LearntFrom) -> Inquiry | None:
    """Draws the controls; None while no concept is chosen, or the library has no random counterpart."""
    wanted = concept_controls.STARTING_CONCEPTS if learnt_from == "scenes" else concept_controls.STARTING_ON_PHOTOGRAPHS
    concepts = concept_controls.concepts(library.sets("concept"), wanted)
    random = concept_controls.random_counterpart(library.sets("random"))
    class_idx = _classes(info) if scope == ONE_PHOTO else _one_class(info)
    chosen_depths = _depths(info)
    n_estimates = len(concepts) * len(chosen_depths or info.attributed_depths)
    settings = concept_controls.effort(info, ExplainSettings(chosen_depths, class_idx), n_estimates)
    if not concepts or random is None:
        return None
    opened = tuple(concept_controls.opened(library, concept) for concept in concepts)
    return Inquiry(info.name, opened, concept_controls.opened(library, random), settings)


def _classes(info: EncoderInfo) -> tuple[int, ...]:
    """Draws the choice of classes for one photo; () for the most probable ones."""
    n_classes = len(info.class_names)
    link.settle("classes", [], lambda idx: len(idx) <= MAX_CLASSES and set(idx) <= set(range(n_classes)))
    chosen = st.multiselect(
        "Classes",
        range(n_classes),
        format_func=info.class_names.__getitem__,
        key="classes",
        persist_state="session",
        max_selections=MAX_CLASSES,
        select_all=False,
        placeholder=f"The {min(N_CLASSES, n_classes)} most probable",
        help="Which classes the evidence is followed to. Type to search. Leave it empty for the most probable ones.",
    )
    return tuple(chosen)


def _one_class(info: EncoderInfo) -> tuple[int]:
    """Draws the choice of the class that many images are explained for."""
    n_classes = len(info.class_names)
    link.settle("class", 0, range(n_classes).__contains__)
    idx = st.selectbox(
        "Class",
        range(n_classes),
        format_func=info.class_names.__getitem__,
        key="class",
        persist_state="session",
        help="The class whose evidence is followed in every image. Type to search.",
    )
    return (idx,)


def _depths(info: EncoderInfo) -> tuple[int, ...]:
    """Draws the choice of depths; () for the encoder's own, of which those that cannot be attributed to are left out."""
    available = [depth.idx for depth in info.depths]
    chosen = depths.choose(info, info.attributed_depths, _DEPTHS_HELP)
    if set(chosen) != set(available):
        st.button(
            "All depths", on_click=_take_all, args=(available,), help="Selects every depth of this encoder.", type="tertiary"
        )
    return () if chosen == info.attributed_depths else chosen


def _take_all(available: list[int]) -> None:
    st.session_state["depths"] = available
