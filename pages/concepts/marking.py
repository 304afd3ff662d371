"""A region of an image of the library: drawn as a box or free-hand, or all of it again."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.regions import Region, box_region, line_region
from explainers.library.sets import ImageRef, ImageSet
from models.errors import BadConcept, EncoderscopeError
from pages.common import region_drawing
from pages.common.region_drawing import Drawn, Tool
from pages.common.text import escaped
from pages.concepts.changes import Change, attempt, fresh
from pages.concepts.editing import popover
from pages.concepts.tiles import picture

_SIDE_PX = 640
_GRID_SIDE = 512  # of the longer side of the grid on which a region is kept
_HELP = "Says which part of an image shows the concept. Its activations are averaged over that part alone; nothing is cut out."

_TOOLS: dict[Tool, str] = {"box": "Box", "line": "Free hand"}
_TOOL_HELP = "A box, or a line around the part that closes itself. The arrow keys make a box with either."
_HINTS: dict[Tool, str] = {
    "box": "draw a box with the pointer, or use the arrow keys.",
    "line": "draw around it with the pointer, or make a box with the arrow keys.",
}


def mark(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> None:
    """Draws the form that gives the first of the selected images a region."""
    with popover("Mark a region", ":material/crop_free:", _HELP):
        image = next((i for i in image_set.images if i.content in selected), None)
        if image is None:
            st.info("No image is selected. Select one below, then draw around what shows the concept.")
            return
        try:
            url = picture(library, replace(image, region=None), _SIDE_PX)
        except EncoderscopeError as error:
            st.error(escaped(str(error)), icon=":material/error:")
            return
        tool: Tool = st.segmented_control(
            "Tool", list(_TOOLS), default="box", required=True, format_func=_TOOLS.__getitem__, key="region tool", help=_TOOL_HELP
        )
        st.caption(f"{escaped(image.name)}: {_HINTS[tool]}")
        drawn = region_drawing.draw(url, image.name, fresh(f"region of {image.content}"), tool)
        with st.container(horizontal=True):
            if st.button("Keep this region", type="primary", key=fresh("keep region"), help="Only this part counts from now on."):
                attempt(partial(_keep, library, image_set, image, drawn))
            if image.region is not None and st.button(
                "Whole image", key=fresh("whole image"), help="All of the image counts again."
            ):
                attempt(partial(_mark, library, image_set, image, None))


def _keep(library: ConceptLibrary, image_set: ImageSet, image: ImageRef, drawn: Drawn | None) -> Change:
    if not drawn:
        raise BadConcept("There is no region yet. Draw one on the image.")
    grid = _grid_of(library, image)
    region = box_region(drawn["box"], grid) if "box" in drawn else line_region(drawn["line"], grid)
    return _mark(library, image_set, image, region)


def _grid_of(library: ConceptLibrary, image: ImageRef) -> tuple[int, int]:
    """Rows and columns of the grid of a region, in the proportions of the image."""
    height, width = library.photo(image).shape
    scale = min(1.0, _GRID_SIDE / max(height, width))
    return max(1, round(scale * height)), max(1, round(scale * width))


def _mark(library: ConceptLibrary, image_set: ImageSet, image: ImageRef, region: Region | None) -> Change:
    before = library.mark(image_set.name, image_set.kind, image.content, region)
    what = "all" if region is None else f"a region ({region.area:.0%})"
    return Change(f"From now on {what} of '{image.name}' counts.", f"'{image.name}' is as it was before.", before=(before,))
