"""The concept library on the screen: its sets, the images of one, and what can be done to them."""

from collections.abc import Sequence

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageRef, ImageSet, Kind
from models.errors import EncoderscopeError
from pages.common.text import escaped
from pages.concepts import editing, marking, packs
from pages.concepts.tiles import draw_tiles, tile

N_PER_PAGE = 60
_SELECTED = "images.selected"


def actions(library: ConceptLibrary, shown: ImageSet | None) -> None:
    """What can be done to the library as a whole."""
    with st.container(horizontal=True, gap="small"):
        editing.new_set(library)
        packs.share(library, shown)
        packs.bring_back(library)


def images(library: ConceptLibrary, concept: ImageSet, random: ImageSet | None) -> None:
    """The images of the concept or of its random counterpart, and what can be done to them."""
    st.header("Images", anchor=False, help="Click an image to select it; click it again to deselect it.")
    shown = _shown_set(concept, random)
    selected = _selected(shown)
    with st.container(horizontal=True, gap="small"):
        editing.add_images(library, shown)
        editing.remove_images(library, shown, selected)
        marking.mark(library, shown, selected)
        editing.rename(library, shown)
        editing.delete(library, shown)
    on_page = _page_of(shown)
    with st.spinner("Drawing thumbnails …", show_time=False):
        tiles = [tile(library, image) for image in on_page]
    draw_tiles("tiles", tiles, f"Images of {shown.name}", selected, lambda ids: _select(shown, {t.id for t in tiles}, ids))


def _shown_set(concept: ImageSet, random: ImageSet | None) -> ImageSet:
    sets: dict[Kind, ImageSet] = {"concept": concept} if random is None else {"concept": concept, "random": random}
    if st.session_state.get("shown_kind") not in sets:
        st.session_state["shown_kind"] = "concept"
    kind = st.segmented_control(
        "Whose images",
        list(sets),
        key="shown_kind",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
        format_func=lambda kind: (
            f"{escaped(sets[kind].name)} · {sets[kind].counted if sets[kind].n_regions else len(sets[kind].images)}"
        ),
        help="The concept's images, or those of the random counterpart.",
    )
    return sets[kind or "concept"]


def _selected(image_set: ImageSet) -> list[str]:
    """The images selected of this set, as far as it still has them; another set starts with none."""
    of, ids = st.session_state.get(_SELECTED, (None, ()))
    return [i.content for i in image_set.images if i.content in ids] if of == _identity(image_set) else []


def _select(image_set: ImageSet, on_page: set[str], ids: Sequence[str]) -> None:
    """Those selected on this page, besides those selected on others."""
    elsewhere = [content for content in _selected(image_set) if content not in on_page]
    st.session_state[_SELECTED] = _identity(image_set), (*elsewhere, *(i for i in ids if i in on_page))


def _identity(image_set: ImageSet) -> tuple[str, str]:
    return image_set.kind, image_set.name


def _page_of(image_set: ImageSet) -> tuple[ImageRef, ...]:
    """The images of the page in view; a set of more than one page gets a choice of pages."""
    n_pages = -(-len(image_set.images) // N_PER_PAGE)
    if n_pages == 1:
        return image_set.images
    page = st.pagination(n_pages, key=f"page of {image_set.kind} {image_set.name} among {n_pages}")
    return image_set.images[(page - 1) * N_PER_PAGE : page * N_PER_PAGE]


def warnings(library: ConceptLibrary, concept: ImageSet, random: ImageSet) -> None:
    """What is wrong with the images, before any encoder has seen them."""
    try:
        with st.spinner("Looking for repeated images …"):
            sentences = library.warnings(concept, random)
    except EncoderscopeError as error:
        sentences = (str(error),)
    for sentence in sentences:
        st.warning(escaped(sentence), icon=":material/photo_library:")
