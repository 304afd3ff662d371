"""What the Compare page compares: encoders, their depths, a set of photos; from widgets to frozen settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from explainers.nave.settings import NaveSettings
from models.catalog import EncoderInfo
from models.catalog.catalog import Catalog
from pages.common import controls, link
from pages.common.concept_controls import STARTING_CONCEPTS

N_ENCODERS = (2, 4)
MAPS, AGREEMENT, DEPTHS, CONCEPTS, COST = "maps", "agreement", "depths", "concepts", "cost"
SECTIONS = {
    MAPS: "Segmentations",
    AGREEMENT: "Agreement",
    DEPTHS: "Depths",
    CONCEPTS: "Concepts",
    COST: "Cost",
}
VIEWS = {
    MAPS: ("maps", "classes"),
    AGREEMENT: ("photo maps", "photo seed", "set maps", "set seed"),
    DEPTHS: ("depths",),
    CONCEPTS: ("health", "concept maps", "contributions"),
    COST: ("cost", "maps"),
}
"""What each section asks the encoders for."""
_SECTIONS_HELP = """
- **Segmentations**: what each encoder groups together in this photo, side by side.
- **Agreement**: how alike the encoders divide this photo, and a set of photos.
- **Depths**: which depth of one encoder represents photos like which depth of another.
- **Concepts**: where each encoder sees the same concepts, and what they contribute to the same class.
- **Cost**: size, time and memory, measured on this machine.
"""


@dataclass(frozen=True)
class Pair:
    """Encoders worth comparing, and what to look for."""

    title: str
    encoders: tuple[str, ...]
    look_for: str
    class_name: str = ""  # whose concepts are compared at first
    caption: bool = False  # whether its images carry one
    concepts: tuple[str, ...] = STARTING_CONCEPTS


PAIRS = {
    "architectures": Pair(
        "CNN beside ViT",
        ("scenes-cnn", "scenes-vit"),
        "Trained alike on the same scenes and collages: look for parts that one keeps whole and the other takes apart.",
    ),
    "watermark": Pair(
        "Honest beside fooled",
        ("scenes-cnn", "scenes-cnn-watermark"),
        "The second one saw a caption on nearly every woven star: under Concepts, compare what “watermark” contributes to the "
        "class “woven star” in each.",
        class_name="woven star",
        caption=True,
        concepts=("watermark", "woven", "striped", "dotted", "red"),
    ),
    "texture": Pair(
        "Objects beside textures",
        ("scenes-cnn", "scenes-cnn-texture"),
        "The second one was told textures only: look under Depths how late the two part, and which shapes it no longer tells.",
    ),
}


def pair(catalog: Catalog) -> str | None:
    """Draws the pairs that are offered; the one that is looked at, if it is one of them."""
    names = {entry.name for entry in catalog.entries()}
    offered = {key: pair for key, pair in PAIRS.items() if set(pair.encoders) <= names}
    default = list(next(iter(offered.values())).encoders) if offered else _openable(catalog)
    chosen = link.settle(
        "encoders",
        default,
        lambda wanted: _possible(catalog, wanted),
        kind=lambda text: text.split(","),
    )
    current = next((key for key, pair in offered.items() if list(pair.encoders) == chosen), None)
    st.session_state["pair"] = current
    if offered:
        st.pills(
            "Pairs to begin with",
            list(offered),
            key="pair",
            format_func=lambda key: offered[key].title,
            on_change=_take_pair,
            label_visibility="collapsed",
            help="Encoders that come with Encoderscope. Any others can be chosen in the sidebar.",
        )
    return current


def _openable(catalog: Catalog) -> list[str]:
    return list(catalog.openable()[: N_ENCODERS[0]])


def _possible(catalog: Catalog, wanted: Sequence[str]) -> bool:
    different = len(set(wanted)) == len(wanted)
    return different and len(wanted) <= N_ENCODERS[1] and all(controls.known(catalog, name) for name in wanted)


def _take_pair() -> None:
    if st.session_state["pair"] is not None:
        st.session_state["encoders"] = list(PAIRS[st.session_state["pair"]].encoders)


def encoders(catalog: Catalog) -> tuple[str, ...]:
    """Draws the choice of encoders: the catalog's, or any timm name that is typed. The first is the reference."""
    state = st.session_state
    titles = {entry.name: f"{entry.title} ↓" if entry.state == "needs download" else entry.title for entry in catalog.entries()}
    chosen = st.multiselect(
        "Encoders",
        list(dict.fromkeys([*titles, *state["encoders"]])),
        format_func=lambda name: titles.get(name, name),
        key="encoders",
        persist_state="session",
        max_selections=N_ENCODERS[1],
        accept_new_options=True,
        select_all=False,
        placeholder="Choose two to four",
        help="Two to four. Colours follow the first. Any timm name can be typed, such as resnet50.a1_in1k; "
        "an arrow ↓ means that its weights are fetched on first use.",
    )
    unknown = [name for name in chosen if not controls.known(catalog, name)]
    if unknown:
        st.caption(f"No timm model goes by “{unknown[0]}”; it is left out.")
    return tuple(name for name in chosen if name not in unknown)


def section() -> str:
    """Draws the choice of what is compared."""
    link.settle("view", MAPS, SECTIONS.__contains__)
    return st.segmented_control(
        "What is compared",
        list(SECTIONS),
        key="view",
        required=True,
        format_func=SECTIONS.get,
        persist_state="session",
        help=_SECTIONS_HELP,
    )


def common_settings() -> NaveSettings:
    """Draws what holds for every encoder: scaling, input size, fit and seed."""
    return NaveSettings(scaling=controls.scaling(), input_size=controls.input_size(), fit=controls.fit(), seed=controls.seed())


def depths(place: int, info: EncoderInfo) -> tuple[int, ...]:
    """Draws the choice of depths of one encoder, by its place in the comparison; its default ones are evenly spaced."""
    available, key = [depth.idx for depth in info.depths], f"depths{place + 1}"
    link.settle(
        key, list(info.default_depths), lambda depths: bool(depths) and set(depths) <= set(available), word="depths", kind=list
    )
    chosen = st.pills(
        f"Depths of {info.name}",
        available,
        selection_mode="multi",
        key=key,
        persist_state="session",
        help="Which layers of this encoder are looked at together. At first: spread evenly over the encoder.\n\n"
        + "\n".join(controls.depth_lines(info)),
    )
    return tuple(sorted(chosen)) or info.default_depths
