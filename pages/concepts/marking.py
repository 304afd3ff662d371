"""A region of an image of the library: drawn as a box, or all of it again."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.regions import Region, box_region
from explainers.library.sets import ImageRef, ImageSet
from models.errors import BadConcept, EncoderscopeError
from pages.common.text import escaped
from pages.concepts.changes import Change, attempt, fresh
from pages.concepts.editing import popover
from pages.concepts.tiles import picture

_SIDE_PX = 640
_GRID_SIDE = 512  # of the longer side of the grid on which a box is kept
_HERE = Path(__file__).parent
_HELP = "Says which part of an image shows the concept. Its activations are averaged over that part alone; nothing is cut out."

_component = st.components.v2.component(
    "region_box",
    html='<div class="drawing" tabindex="0" role="application"><img alt=""><div class="box" hidden></div></div>',
    css=(_HERE / "region_box.css").read_text(),
    js=(_HERE / "region_box.js").read_text(),
)


def mark(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> None:
    """Draws the form that gives the first of the selected images a region."""
    with popover("Mark a region", ":material/crop_free:", _HELP):
        image = next((i for i in image_set.images if i.content in selected), None)
        if image is None:
            st.info("No image is selected. Select one below, then draw a box around what shows the concept.")
            return
        try:
            url = picture(library, replace(image, region=None), _SIDE_PX)
        except EncoderscopeError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        st.caption(f"{escaped(image.name)}: draw a box with the pointer, or use the arrow keys.")
        key = fresh(f"box {image.content}")
        drawn = _component(
            key=key, data={"url": url, "alt": image.name, "box": None}, default={"box": None}, on_box_change=_noted
        )
        with st.container(horizontal=True):
            if st.button("Keep this box", type="primary", key=fresh("keep box"), help="Only this part counts from now on."):
                attempt(partial(_keep_box, library, image_set, image, drawn.box))
            if image.region is not None and st.button(
                "Whole image", key=fresh("whole image"), help="All of the image counts again."
            ):
                attempt(partial(_mark, library, image_set, image, None))


def _noted() -> None:
    """A box was drawn: the page runs again and knows it."""


def _keep_box(library: ConceptLibrary, image_set: ImageSet, image: ImageRef, box: Sequence[float] | None) -> Change:
    if not box:
        raise BadConcept("There is no box yet. Draw one on the image.")
    left, top, right, bottom = box
    return _mark(library, image_set, image, box_region((left, top, right, bottom), _grid_of(library, image)))


def _grid_of(library: ConceptLibrary, image: ImageRef) -> tuple[int, int]:
    """Rows and columns of the grid of a box, in the proportions of the image."""
    height, width = library.photo(image).shape
    scale = min(1.0, _GRID_SIDE / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width))


def _mark(library: ConceptLibrary, image_set: ImageSet, image: ImageRef, region: Region | None) -> Change:
    before = library.mark(image_set.name, image_set.kind, image.content, region)
    what = "all of it counts" if region is None else f"a region counts, {region.area:.0%} of it"
    return Change(f"Of '{image.name}', {what} from now on.", f"'{image.name}' is as it was before.", before=(before,))
