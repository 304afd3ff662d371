"""The live view: segmentations over their photo that follow the sliders while they are dragged.

One slider drives any number of panes. The browser gets each photo and the maps of every frame (a value of the slider) once,
and draws them itself (live_view.js), by the rules of explainers/drawing/clusters.py: nothing is sent while a slider moves.
What was sent is kept there; a run that only changes the appearance sends no map again.

The widgets stay Streamlit's own. They are what a keyboard, a screen reader and AppTest use; the view follows them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import streamlit as st

from explainers.drawing.clusters import FADED_SHARE, FADED_TOWARDS, PALETTE, UNKNOWN_COLOUR
from models.photo import Photo
from pages.common.live_view.packing import MARKUP, SCRIPT, STYLE, name_of, packed_maps, photo_jpeg

Role = Literal["frame", "opacity", "outlines", "clusters_only", "blink"]
OnSelect = Callable[[str, tuple[int, ...]], None]

component = st.components.v2.component("live_view", html=MARKUP, css=STYLE, js=SCRIPT)
_store = st.components.v2.component("live_bytes", js=(Path(__file__).parent / "live_bytes.js").read_text())


@dataclass(frozen=True, eq=False)
class Pane:
    """One encoder's view of one photo: a map for every frame."""

    id: str  # unique among the panes; ``on_select`` gets it
    photo: Photo
    maps: np.ndarray  # (n_maps, h, w) uint8: cluster per pixel, over the whole photo at any resolution
    at: tuple[int, ...]  # per frame: which of ``maps`` it shows
    alt: str  # who sees what, for those who do not see it
    title: str = ""  # with one, the pane has a line above it that also counts clusters and regions
    notes: tuple[tuple[str, ...], ...] = ()  # per map and cluster: what is said of it besides its area and regions
    names: tuple[tuple[str, ...], ...] = ()  # per map, or once for all, and cluster: its name; empty where it has none
    colours: tuple[tuple[int, ...], ...] = ()  # per frame and cluster: index into the palette; () means its own index
    selected: tuple[int, ...] = ()  # the clusters that are shown alone; () shows all


@dataclass(frozen=True, eq=False)
class Waiting:
    """The place of a pane that is not there yet, or never will be: its photo, with a sentence that says why."""

    id: str
    photo: Photo
    title: str
    sentence: str


@dataclass(frozen=True)
class Cover:
    """How clusters cover their photo where no widget says otherwise."""

    opacity: float = 0.55
    outlines: bool = True
    clusters_only: bool = False


@dataclass(frozen=True, eq=False)
class Controls:
    """What acts on the view besides the pointer, and what the pointer does.

    ``follow`` names the keys of the widgets that are followed while they move. ``on_select`` is called with the id of a pane
    and the clusters selected there: a click selects one or none, with the shift key it adds or takes away. Hovering names a
    cluster; the other panes then show what overlaps it. With ``together``, panes show several photos in which a cluster means
    one thing, and they show that cluster.
    """

    follow: Mapping[Role, str] = field(default_factory=dict)
    on_select: OnSelect | None = None
    together: bool = False


def live_view(
    key: str,
    panes: Sequence[Pane | Waiting],
    frames: Sequence[float],
    frame: float,
    cover: Cover,
    controls: Controls,
) -> None:
    """Draws the panes side by side, as many in a row as the width allows.

    ``frames`` are all values of the slider (or options of the select slider) in their order; a frame is not always a number
    of clusters. ``frame`` is drawn where no widget says otherwise.
    """
    photos = photos_stored(key, panes)

    def on_picked() -> None:
        picked = st.session_state[key].picked
        hear(key, picked)
        if picked and controls.on_select is not None:
            controls.on_select(picked["pane"], tuple(sorted(picked["clusters"])))

    component(
        key=key,
        data={
            "panes": [_described(f"{key} maps {i}", pane, photos) for i, pane in enumerate(panes)],
            "frames": list(frames),
            "appearance": {"frame": frame, **asdict(cover), "blink": False},
            "follow": {role: f"st-key-{widget}" for role, widget in controls.follow.items()},
            "together": controls.together,
            "heard": heard(key),
            "selectable": controls.on_select is not None,
            "palette": [list(colour) for colour in (*PALETTE, UNKNOWN_COLOUR)],
            "faded": [FADED_TOWARDS, FADED_SHARE],
        },
        on_picked_change=on_picked,
    )


def _described(key: str, pane: Pane | Waiting, photos: Mapping[str, str]) -> dict:
    photo = {"photo": photos[pane.photo.sha256], "size": list(pane.photo.shape), "id": pane.id, "title": pane.title}
    if isinstance(pane, Waiting):
        return photo | {"sentence": pane.sentence}
    return photo | {
        "maps": stored(key, packed(pane.maps)),
        "shape": list(pane.maps.shape),
        "at": list(pane.at),
        "alt": pane.alt,
        "notes": [list(of_map) for of_map in pane.notes],
        "names": [list(of_map) for of_map in pane.names],
        "colours": [list(of_frame) for of_frame in pane.colours],
        "selected": list(pane.selected),
    }


def heard(key: str) -> int:
    """The last gesture in a view that the server knows of: what the browser has shown since then is newer than any answer."""
    return st.session_state.get(f"{key} heard", 0)


def hear(key: str, report: Mapping[str, Any] | None) -> None:
    """Notes that what a view reports has arrived."""
    if report:
        st.session_state[f"{key} heard"] = report["gesture"]


class HasPhoto(Protocol):
    """A pane, whatever it shows of its photo."""

    @property
    def photo(self) -> Photo: ...


def photos_stored(key: str, panes: Sequence[HasPhoto]) -> dict[str, str]:
    """Has the browser keep the photos of some panes, each once; by hash, the names they have there."""
    photos = {pane.photo.sha256: pane.photo for pane in panes}
    return {sha256: stored(f"{key} photo {i}", photo_file(photo)) for i, (sha256, photo) in enumerate(photos.items())}


def stored(key: str, content: bytes) -> str:
    """Has the browser keep some bytes, and returns the name they have there. The same bytes are sent only once."""
    name = name_of(content)
    _store(key=key, data=name.encode() + content)
    return name


packed = st.cache_data(
    show_spinner=False, max_entries=64, hash_funcs={np.ndarray: lambda maps: hashlib.sha256(maps.data).digest()}
)(packed_maps)
photo_file = st.cache_data(show_spinner=False, max_entries=32, hash_funcs={Photo: lambda photo: photo.sha256})(photo_jpeg)
