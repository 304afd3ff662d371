"""Many small pictures side by side, as one element: a set of 500 images stays quick to draw and to go through.

Thumbnails are made once per image, by the hash of its file, and shared by all sessions.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from explainers.library.library import ConceptLibrary
from explainers.library.regions import at_shape
from explainers.library.sets import ImageRef
from models.errors import EncoderscopeError

SIDE_PX = 128
_MOST_KEPT = 8000
_PALE = 0.78  # how far what lies outside of a region fades to white
_HERE = Path(__file__).parent

_component = st.components.v2.component(
    "concept_pictures",
    html='<div class="tiles" role="group"></div>',
    css=(_HERE / "concept_pictures.css").read_text(),
    js=(_HERE / "concept_pictures.js").read_text(),
)


@dataclass(frozen=True)
class Tile:
    """One picture of the grid; ``url`` is empty where the file cannot be read any more."""

    id: str
    url: str
    title: str
    note: str = ""


def tile(library: ConceptLibrary, image: ImageRef, note: str = "") -> Tile:
    """The picture of an image of the library; a damaged file gives an empty one that says so."""
    try:
        return Tile(image.content, _thumbnail(image.content, library, image), image.name, note)
    except EncoderscopeError as error:
        return Tile(image.content, "", str(error), note)


@st.cache_data(show_spinner=False, max_entries=_MOST_KEPT)
def _thumbnail(content: str, _library: ConceptLibrary, _image: ImageRef) -> str:
    return picture(_library, _image, SIDE_PX, around_region=True)


def picture(library: ConceptLibrary, image: ImageRef, side_px: int, *, around_region: bool = False) -> str:
    """The image within a square of some px, as an address that holds the picture itself. What lies outside of its region is pale;
    ``around_region`` takes the square of the image that has the region in its middle."""
    pixels = library.photo(image).pixels
    inside = None if image.region is None else at_shape(image.region, pixels.shape[:2])
    if inside is not None and around_region:
        square = _square_around(inside)
        pixels, inside = pixels[square], inside[square]
    shown = Image.fromarray(pixels)
    shown.thumbnail((side_px, side_px), Image.Resampling.BOX, reducing_gap=2.0)
    if inside is not None:
        mask = Image.fromarray(255 * inside.astype(np.uint8)).resize(shown.size, Image.Resampling.BOX)
        shown = Image.composite(shown, Image.blend(shown, Image.new("RGB", shown.size, "white"), _PALE), mask)
    small, buffer = shown, io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _square_around(inside: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the largest square of a picture, around the middle of a region, bool (H, W), as far as it can."""
    side, spans = min(inside.shape), []
    for axis in (0, 1):
        places = np.flatnonzero(inside.any(1 - axis))
        start = min(max(0, (places[0] + places[-1] + 1 - side) // 2), inside.shape[axis] - side)
        spans.append(slice(start, start + side))
    return spans[0], spans[1]


def draw_tiles(
    key: str,
    tiles: Sequence[Tile],
    alt: str,
    selected: Sequence[str] | None = None,
    on_select: Callable[[list[str]], None] = lambda ids: None,
    columns: int | None = None,
) -> None:
    """The pictures in rows, of ``columns`` or as many as the width allows. Unless ``selected`` is None a click selects, and
    ``on_select`` gets the ids of all that are selected among these."""
    _component(
        key=key,
        data={
            "tiles": [asdict(t) for t in tiles],
            "alt": alt,
            "selectable": selected is not None,
            "selected": list(selected or ()),
            "columns": columns,
        },
        on_picked_change=lambda: on_select((st.session_state[key].picked or {}).get("ids", [])),
    )
