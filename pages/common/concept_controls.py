"""Which concepts are asked about, against which random counterpart, and with how much effort."""

from collections.abc import Container, Sequence

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet, OpenSet
from explainers.visual_tcav.settings import ExplainSettings
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.catalog import EncoderInfo
from pages.common import link
from pages.common.nave_controls import INPUT_SIZES, MAX_SEED

STARTING_CONCEPTS = ("striped", "dotted", "chequered", "zigzag", "red")  # of encoders that have learnt from scenes
STARTING_ON_PHOTOGRAPHS = ("orange", "green", "striped", "dotted", "chequered")  # two colours and three textures, for any photo
STEPS = (10, 20, 50, 100, 200, 500, 1000)
DRAWS = (5, 20, 50, 100, 200, 400, 1000, 2000, 5000, 10_000)


def opened(library: ConceptLibrary, image_set: ImageSet) -> OpenSet:
    """A set with its photos."""
    return OpenSet(image_set, library.photos(image_set))


def concepts(sets: Sequence[ImageSet], wanted: Sequence[str]) -> list[ImageSet]:
    """Draws the choice of concepts; at first those that are wanted, as far as the library has them."""
    by_name = {image_set.name: image_set for image_set in sets}
    default = [image_set.name for image_set in first_concepts(sets, wanted)]
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


def first_concepts(sets: Sequence[ImageSet], wanted: Sequence[str]) -> list[ImageSet]:
    """What is chosen at first: those that are wanted, as far as they are there; else the first three."""
    by_name = {image_set.name: image_set for image_set in sets}
    return [by_name[name] for name in wanted if name in by_name] or list(sets)[:3]


def names_in(text: str, known: Container[str]) -> list[str]:
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
        "and chance is what subsets of these would give.",
    )
    return by_name[name]


def effort(info: EncoderInfo, settings: ExplainSettings, n_estimates: int) -> ExplainSettings:
    """Draws the choice of steps, draws, input size and seed."""
    link.settle("steps", ExplainSettings.n_steps, STEPS.__contains__)
    link.settle("null", needed_draws(n_estimates), DRAWS.__contains__, word="pseudo-concepts")
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
            f"them, no estimate can be significant among many; {needed_draws(n_estimates)} are enough "
            f"for the {n_estimates} estimates shown here.",
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
            help="Of pseudo-concepts and replicates. The same seed gives the same estimates.",
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


def needed_draws(n_estimates: int) -> int:
    """The fewest pseudo-concepts to choose with which one of so many estimates can be significant after Holm's correction."""
    return next((n for n in DRAWS if n >= ExplainSettings.n_null and n_estimates / (n + 1) <= SIGNIFICANCE_LEVEL), DRAWS[-1])
