"""What the Explain page asks: concepts, random counterpart, classes, depths and effort, from widgets to frozen settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from explainers.explanations import N_CLASSES, ExplainSettings
from explainers.library import ConceptLibrary
from explainers.sets import ImageSet, OpenSet
from explainers.significance import LEVEL
from models.encoder import EncoderInfo
from models.preprocessing import Photo
from pages.common import link
from pages.common.controls import INPUT_SIZES, MAX_SEED

ONE_PHOTO, A_CLASS = "photo", "class"
SCOPES = {ONE_PHOTO: "One photo", A_CLASS: "A whole class"}
STARTING_CONCEPTS = ("striped", "dotted", "chequered", "zigzag", "red")
STARTING_SCENE = 172  # a chequered square beside a small zigzag star and a red cross
MAX_CLASSES = 6
STEPS = (10, 20, 50, 100, 200, 500, 1000)
DRAWS = (5, 20, 50, 100, 200, 400, 1000, 2000, 5000, 10_000)


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


def opened(library: ConceptLibrary, image_set: ImageSet) -> OpenSet:
    """A set with its photos."""
    return OpenSet(image_set, library.photos(image_set))


def concepts(sets: Sequence[ImageSet], wanted: Sequence[str] = STARTING_CONCEPTS) -> list[ImageSet]:
    """Draws the choice of concepts; at first those that are wanted, as far as the library has them."""
    by_name = {image_set.name: image_set for image_set in sets}
    default = [name for name in wanted if name in by_name] or list(by_name)[:3]
    link.settle(
        "concepts",
        default,
        lambda names: len(set(names)) == len(names) and set(names) <= set(by_name),
        kind=lambda text: names_in(text, by_name),
    )
    chosen = st.multiselect(
        "Concepts",
        list(by_name),
        key="concepts",
        persist_state="session",
        placeholder="Choose concepts",
        help="What to look for. Each concept is a set of example images in the library; the Concepts page shows them "
        "and takes your own.",
    )
    return [by_name[name] for name in chosen]


def names_in(text: str, known: Sequence[str] | dict[str, ImageSet]) -> list[str]:
    """Names joined by commas, some of which may hold commas themselves; ValueError if one is not known."""
    names: list[str] = []
    parts = text.split(",") if text else []
    while parts:
        length = next((n for n in range(len(parts), 0, -1) if ",".join(parts[:n]) in known), None)
        if length is None:
            raise ValueError(f"{parts[0]!r} is not known")
        names.append(",".join(parts[:length]))
        parts = parts[length:]
    return names


def random_counterpart(sets: Sequence[ImageSet]) -> ImageSet | None:
    """Draws the choice of the random counterpart; None if the library has none."""
    by_name = {image_set.name: image_set for image_set in sets}
    if not by_name:
        return None
    link.settle("random", next(iter(by_name)), by_name.__contains__, word="random counterpart")
    name = st.selectbox(
        "Random counterpart",
        list(by_name),
        key="random",
        persist_state="session",
        help="Images that show nothing in particular. A concept is what sets its examples apart from these, "
        "and chance is what subsets of these would score.",
    )
    return by_name[name]


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


def effort(info: EncoderInfo, settings: ExplainSettings, n_figures: int) -> ExplainSettings:
    """Draws the choice of steps, draws, input size and seed."""
    link.settle("steps", ExplainSettings.n_steps, STEPS.__contains__)
    link.settle("null", needed_draws(n_figures), DRAWS.__contains__, word="pseudo-concepts")
    link.settle("replicates", ExplainSettings.n_bootstrap, DRAWS.__contains__)
    sizes = [0, *INPUT_SIZES]
    link.settle("input", 0, (sizes if not info.fixed_input else [0]).__contains__, word="input size")
    link.settle("seed", 0, range(MAX_SEED + 1).__contains__)
    with st.expander("More settings", key="more"):
        n_steps = st.select_slider(
            "Steps",
            STEPS,
            key="steps",
            persist_state="session",
            help="Into how many steps the path from nothing to the photo is divided. More steps, smaller completeness gap.",
        )
        n_null = st.select_slider(
            "Pseudo-concepts",
            DRAWS,
            key="null",
            persist_state="session",
            help="How often chance is tried: each is a concept made of random images, shown as clearly as yours. With few of "
            f"them, no figure can be significant among many; {needed_draws(n_figures)} are enough "
            f"for the {n_figures} figures shown here.",
        )
        n_bootstrap = st.select_slider(
            "Replicates",
            DRAWS,
            key="replicates",
            persist_state="session",
            help="How often example images are drawn anew for the intervals.",
        )
        input_size = _input_size(info, sizes)
        seed = st.number_input(
            "Seed",
            0,
            MAX_SEED,
            key="seed",
            persist_state="session",
            help="Of pseudo-concepts and replicates. The same seed, the same figures.",
        )
    return ExplainSettings(settings.depths, settings.class_idx, n_steps, n_null, n_bootstrap, input_size, seed)


def _input_size(info: EncoderInfo, sizes: list[int]) -> int:
    own = info.preprocessing.input_size
    if info.fixed_input:
        st.caption(f"This encoder takes {own} × {own} px squares only.")
        return 0
    return st.select_slider(
        "Input size",
        sizes,
        key="input",
        persist_state="session",
        format_func=lambda size: f"{size} px" if size else f"as trained ({own} px)",
        help="Larger finds smaller things, and takes longer. Concept images are shown at this size, too.",
    )


def needed_draws(n_figures: int) -> int:
    """The fewest pseudo-concepts to choose with which one of so many figures can be significant after Holm's correction."""
    return next((n for n in DRAWS if n >= ExplainSettings.n_null and n_figures / (n + 1) <= LEVEL), DRAWS[-1])
