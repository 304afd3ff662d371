"""What the Explain page asks: concepts, random counterpart, classes, depths and effort, from widgets to frozen settings."""

from dataclasses import dataclass

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import OpenSet
from explainers.visual_tcav.settings import N_CLASSES, ExplainSettings
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import link
from pages.common.concept_controls import concepts, effort, opened, random_counterpart

ONE_PHOTO, A_CLASS = "photo", "class"
SCOPES = {ONE_PHOTO: "One photo", A_CLASS: "A whole class"}
STARTING_SCENE = 172  # a chequered square beside a small zigzag star and a red cross
MAX_CLASSES = 6


@dataclass(frozen=True)
class Question:
    """Everything that is asked but the photos."""

    encoder_name: str
    concepts: tuple[OpenSet, ...]
    random: OpenSet
    settings: ExplainSettings

    @property
    def content(self) -> tuple:
        """What tells one question from another: images by content, never by name alone."""
        sets = tuple((s.name, s.image_set.fingerprint) for s in (*self.concepts, self.random))
        return self.encoder_name, sets, self.settings

    def about(self, shown: Photo | tuple[Photo, ...]) -> tuple:
        """The arguments of the service's methods for a photo, or for the images of a class."""
        return self.encoder_name, shown, self.concepts, self.random, self.settings


def scope() -> str:
    """One photo, or a whole class."""
    link.settle("tab", ONE_PHOTO, SCOPES.__contains__)
    return st.segmented_control(
        "What is explained",
        list(SCOPES),
        key="tab",
        required=True,
        format_func=SCOPES.get,
        persist_state="session",
        label_visibility="collapsed",
        help="One photo: where its concepts are, and what they contribute to each class. "
        "A whole class: the same over many images, with the spread and a test.",
    )


def question(library: ConceptLibrary, info: EncoderInfo, scope: str) -> Question | None:
    """Draws the controls; None while no concept is chosen, or the library has no random counterpart."""
    chosen = concepts(library.sets("concept"))
    random = random_counterpart(library.sets("random"))
    class_idx = _classes(info) if scope == ONE_PHOTO else _one_class(info)
    depths = _depths(info)
    n_figures = len(chosen) * len(depths or info.default_depths)
    settings = effort(info, ExplainSettings(depths, class_idx), n_figures)
    if not chosen or random is None:
        return None
    return Question(info.name, tuple(opened(library, c) for c in chosen), opened(library, random), settings)


def _classes(info: EncoderInfo) -> tuple[int, ...]:
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


def _one_class(info: EncoderInfo) -> tuple[int, ...]:
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
    """The chosen depths; () for the encoder's own choice, of which those that cannot be attributed to are left out."""
    available = [depth.idx for depth in info.depths]
    link.settle("depths", list(info.default_depths), lambda depths: bool(depths) and set(depths) <= set(available))
    lines = [f"- **{d.idx}**: {d.n_channels} channels, one position every {d.reduction} px" for d in info.depths]
    chosen = st.pills(
        "Depths",
        available,
        selection_mode="multi",
        key="depths",
        persist_state="session",
        help="From which depths evidence is followed, shallow to deep. Every depth costs time; shallow ones cost most.\n\n"
        + "\n".join(lines),
    )
    if set(chosen) != set(available):
        st.button(
            "All depths", on_click=_take_all, args=(available,), help="Selects every depth of this encoder.", type="tertiary"
        )
    return () if sorted(chosen) == list(info.default_depths) else tuple(sorted(chosen))


def _take_all(depths: list[int]) -> None:
    st.session_state["depths"] = depths
