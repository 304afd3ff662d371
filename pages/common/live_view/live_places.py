"""The live view of places: what is similar to the place under the pointer, and activations as colours.

The browser gets the principal components of every photo once, as bytes (explainers/nave/components.py), and works out every
similarity itself (live_places.js), by the rules of explainers/drawing/places.py: nothing is sent while the pointer moves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import streamlit as st

from explainers.drawing.places import SCALE
from explainers.nave.components import Components, Place, n_fine
from models.photo import Photo
from pages.common.live_view.live_view import Waiting, component, hear, heard, photos_stored, stored

PlacesMode = Literal["similar", "colours"]
PlacesRole = Literal["opacity", "threshold", "blink"]


@dataclass(frozen=True)
class Pin:
    """A place that stays chosen when the pointer moves on."""

    pane: str  # by its id
    place: Place
    codes: tuple[int, ...] = ()  # (q,) there, where its pane may not be among those that are drawn


@dataclass(frozen=True, eq=False)
class PlacesPane:
    """One encoder's view of one photo: its positions on principal components."""

    id: str  # unique among the panes
    photo: Photo
    components: Components
    alt: str  # who sees what, for those who do not see it
    title: str = ""  # with one, the pane has a line above it


@dataclass(frozen=True)
class Look:
    """How places are drawn where no widget says otherwise."""

    mode: PlacesMode
    opacity: float
    threshold: float  # a lower similarity is not drawn
    pin: Pin | None = None


@dataclass(frozen=True, eq=False)
class PlacesControls:
    """What acts on the view besides the pointer.

    ``follow`` names the keys of the widgets that are followed while they move. ``on_pin`` is called with the pin, or with None
    when it is taken away. With ``together``, components mean the same in all panes, and all are compared with the one place;
    else every pane is compared with its own activation at that place.
    """

    follow: Mapping[PlacesRole, str] = field(default_factory=dict)
    on_pin: Callable[[Pin | None], None] | None = None
    together: bool = False


def live_places(key: str, panes: Sequence[PlacesPane | Waiting], look: Look, controls: PlacesControls) -> None:
    """Draws the panes side by side, as many in a row as the width allows."""
    photos = photos_stored(key, panes)

    def on_pinned() -> None:
        pinned = st.session_state[key].pinned
        hear(key, pinned)
        if pinned and controls.on_pin is not None:
            place = pinned["place"]
            controls.on_pin(None if place is None else Pin(pinned["pane"], (place[0], place[1])))

    component(
        key=key,
        data={
            "panes": [_described(f"{key} codes {i}", pane, photos) for i, pane in enumerate(panes)],
            "frames": [0],
            "appearance": {"frame": 0, "opacity": look.opacity, "threshold": look.threshold, "blink": False},
            "follow": {role: f"st-key-{widget}" for role, widget in controls.follow.items()},
            "together": controls.together,
            "heard": heard(key),
            "places": {
                "mode": look.mode,
                "pin": None if look.pin is None else asdict(look.pin),
                "scale": SCALE.tolist(),
            },
        },
        on_pinned_change=on_pinned,
    )


def _described(key: str, pane: PlacesPane | Waiting, photos: Mapping[str, str]) -> dict:
    described = {"photo": photos[pane.photo.sha256], "size": list(pane.photo.shape), "id": pane.id, "title": pane.title}
    if isinstance(pane, Waiting):
        return described | {"sentence": pane.sentence}
    height, width, q = pane.components.codes.shape
    described |= {"maps": stored(key, pane.components.packed()), "shape": [height, width, q, n_fine(q)]}
    return described | {"alt": pane.alt}
