"""Which concept and which random counterpart are looked at, by name; names are part of the link."""

from collections.abc import Sequence

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet, Kind
from models.scenes.starters import TEXTURE_CONCEPTS
from pages.common import link
from pages.common.text import escaped

KIND_WORDS = {"concept": "concept", "random": "random counterpart"}
_NEXT = "concepts.next"  # kind -> name: what a change wants to be looked at in the next run
_LABELS = {
    "concept": ("Concepts", "Each is shown by example images. :material/person: marks your own, and starters that were edited."),
    "random": ("Random counterpart", "Images without the concept, to compare it with. The more various, the better."),
}


def choose(library: ConceptLibrary) -> tuple[ImageSet | None, ImageSet | None]:
    """Draws the lists; the concept and the random counterpart chosen, None where the library has none."""
    return _choose(library.sets("concept"), "concept"), _choose(library.sets("random"), "random")


def _choose(sets: Sequence[ImageSet], kind: Kind) -> ImageSet | None:
    """Draws the list of one kind, with the first texture of the starters as default, else whatever comes first."""
    label, meaning = _LABELS[kind]
    by_name = {image_set.name: image_set for image_set in sets}
    wanted = st.session_state.get(_NEXT, {}).pop(kind, None)
    if wanted in by_name:
        st.session_state[kind] = wanted
    default = next((name for name in TEXTURE_CONCEPTS if name in by_name), next(iter(by_name), None))
    name = link.settle(kind, default, by_name.__contains__, word=KIND_WORDS[kind], kind=str)
    if name is None:
        return None
    st.pills(
        label,
        list(by_name),
        format_func=lambda name: ("" if by_name[name].starter else ":material/person: ") + escaped(name),
        key=kind,
        required=True,
        persist_state="session",
        help=meaning,
    )
    return by_name[name]


def choose_next(image_set: ImageSet) -> None:
    """The next run of the page looks at this set."""
    st.session_state.setdefault(_NEXT, {})[image_set.kind] = image_set.name


def compared(library: ConceptLibrary, concept: ImageSet) -> list[ImageSet]:
    """Draws the choice of concepts to compare; by default the textures of the starters and the concept in view."""
    by_name = {image_set.name: image_set for image_set in library.sets("concept")}
    default = [name for name in by_name if name in {*TEXTURE_CONCEPTS, concept.name}]
    state = st.session_state
    if state.get("compared", state.get("compared.default")) == state.get("compared.default"):
        state["compared"] = default
    state["compared"], state["compared.default"] = [name for name in state["compared"] if name in by_name], default
    chosen = st.multiselect(
        "Concepts to compare",
        list(by_name),
        key="compared",
        persist_state="session",
        help="The CAVs of these concepts are compared pair by pair. Every further concept takes a while.",
    )
    return [by_name[name] for name in by_name if name in chosen]
