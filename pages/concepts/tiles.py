"""Many small pictures side by side, as one element: a set of 500 images stays quick to draw and to go through.

Thumbnails are made once per image, by the hash of its file, and shared by all sessions.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st
from PIL import Image

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageRef
from models.errors import EncoderscopeError

SIDE_PX = 128
_MOST_KEPT = 8000
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
        return Tile(image.sha256, _thumbnail(image.sha256, library, image), image.name, note)
    except EncoderscopeError as error:
        return Tile(image.sha256, "", str(error), note)


@st.cache_data(show_spinner=False, max_entries=_MOST_KEPT)
def _thumbnail(sha256: str, _library: ConceptLibrary, _image: ImageRef) -> str:
    """The picture within a square of 128 px, as an address that holds the picture itself."""
    small = Image.fromarray(_library.photo(_image).pixels)
    small.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


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
