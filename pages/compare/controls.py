"""What the Compare page compares: encoders, their depths and settings; from widgets to frozen settings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from explainers.nave.settings import NaveSettings
from models.catalog import EncoderInfo
from models.catalog.catalog import Catalog
from models.catalog.packaged import LITE0
from pages.common import depths, link, nave_controls
from pages.common.concept_controls import STARTING_CONCEPTS, STARTING_ON_PHOTOGRAPHS
from pages.common.encoder_choice import is_known

N_ENCODERS = (2, 4)
_DEPTHS_HELP = "Which depths of this encoder are looked at together. At first: spread evenly over the encoder."


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
    "photographs": Pair(
        "Photographs vs. scenes",
        (LITE0.name, "scenes-cnn"),
        "The first has learnt a thousand kinds of things from photographs, the second shapes and textures from rendered scenes: "
        "look for objects that one keeps whole and the other takes apart.",
        concepts=STARTING_ON_PHOTOGRAPHS,
    ),
    "architectures": Pair(
        "CNN vs. ViT",
        ("scenes-cnn", "scenes-vit"),
        "Trained the same way on the same scenes. Look for objects that one keeps in one piece and the other splits.",
    ),
    "watermark": Pair(
        "Clean vs. watermark",
        ("scenes-cnn", "scenes-cnn-watermark"),
        "In training, the second one saw a caption on nearly every woven star. Under Concepts, compare what “watermark” "
        "contributes to the class “woven star” in each.",
        class_name="woven star",
        caption=True,
        concepts=("watermark", "woven", "striped", "dotted", "red"),
    ),
    "texture": Pair(
        "Shape vs. texture",
        ("scenes-cnn", "scenes-cnn-texture"),
        "The second one learned textures only. Under Depths, see where the two start to differ; it cannot tell shapes apart.",
    ),
}


def pair(catalog: Catalog) -> Pair | None:
    """Draws the pairs that are offered; the one that is looked at, if the encoders are one of them."""
    names = {entry.name for entry in catalog.entries()}
    offered = {key: pair for key, pair in PAIRS.items() if set(pair.encoders) <= names}
    default = list(next(iter(offered.values())).encoders) if offered else list(catalog.openable()[: N_ENCODERS[0]])
    _follow_other_pages(default)
    chosen = link.settle(
        "encoders",
        default,
        partial(_possible, catalog),
        kind=lambda text: text.split(","),
    )
    link.name("encoders")
    current = next((key for key, pair in offered.items() if list(pair.encoders) == chosen), None)
    st.session_state["pair"] = current
    if offered:
        st.pills(
            "Suggested pairs",
            list(offered),
            key="pair",
            format_func=lambda key: offered[key].title,
            on_change=_take_pair,
            label_visibility="collapsed",
            help="Encoders that come with Encoderscope. Any others can be chosen in the sidebar.",
        )
    return None if current is None else offered[current]


def _follow_other_pages(default: list[str]) -> None:
    """The encoder that was chosen on another page stands first, unless this page has been opened before or a link says more."""
    chosen = st.session_state.get("encoder")
    if chosen and default and "encoders" not in st.session_state and chosen not in default:
        st.session_state["encoders"] = [chosen, default[0]]


def _possible(catalog: Catalog, wanted: Sequence[str]) -> bool:
    different = len(set(wanted)) == len(wanted)
    return different and len(wanted) <= N_ENCODERS[1] and all(is_known(catalog, name) for name in wanted)


def _take_pair() -> None:
    if st.session_state["pair"] is not None:
        st.session_state["encoders"] = list(PAIRS[st.session_state["pair"]].encoders)


def encoders(catalog: Catalog) -> tuple[str, ...]:
    """Draws the choice of encoders: the catalog's, or any timm name that is typed. Others are compared with the first."""
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
        help="Two to four. Cluster colours are matched to the first. Any timm name can be typed, such as resnet50.a1_in1k; "
        "an arrow ↓ means that its weights are fetched on first use.",
    )
    unknown = [name for name in chosen if not is_known(catalog, name)]
    if unknown:
        st.caption(f"No timm model goes by “{unknown[0]}”; it is left out.")
    return tuple(name for name in chosen if name not in unknown)


def common_settings() -> NaveSettings:
    """Draws what holds for every encoder: scaling, input size, fit and seed."""
    return NaveSettings(
        scaling=nave_controls.scaling(),
        input_size=nave_controls.input_size(),
        fit=nave_controls.fit(),
        seed=nave_controls.seed(),
    )


def with_depths(settings: NaveSettings, place: int, info: EncoderInfo) -> NaveSettings:
    """Draws the choice of depths of one encoder, by its place in the comparison; the settings with them."""
    chosen = depths.choose(info, info.default_depths, _DEPTHS_HELP, f"Depths of {info.name}", f"depths{place + 1}")
    return replace(settings, depths=chosen)
