"""What Explore shows of a photo, and the pinned region: what the session keeps of them, all of it part of the link.

    show      "clusters", "similar" (places that are similar to one), "colours" (activations as colours), or "parts" (named
              parts of other photos, found in these)
    at        the pinned place (pages/common/places.py)
    at_photo  which photo the place lies in, counted from 0: of several together it need not be the first
    alike     from which similarity on places belong to the pinned region (pages/common/places.py)

`pinned` reads them, `pinned_mask` turns them into the pinned region of a photo.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st

from explainers.drawing.places import resized
from explainers.nave.components import Place, PrincipalComponents
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.service.questions import FindComponents
from models.photo import Photo
from pages.common import choices, link, places
from pages.common.live_view.live_places import Pin, PlacesMode

Mode = PlacesMode | Literal["clusters", "parts"]
CLUSTERS: Literal["clusters"] = "clusters"
SIMILAR: Literal["similar"] = "similar"
COLOURS: Literal["colours"] = "colours"
PARTS: Literal["parts"] = "parts"
MODES: dict[Mode, str] = {
    CLUSTERS: "Clusters",
    SIMILAR: "Similar places",
    COLOURS: "Activations as colours",
    PARTS: "Named parts",
}
OPACITY: dict[PlacesMode, int] = {SIMILAR: 85, COLOURS: 100}  # percent
_MODE_HELP = (
    "Clusters: the parts that the encoder treats alike, at the granularity of the slider.\n\n"
    "Similar places: how similar every place is to the one under the pointer.\n\n"
    "Activations as colours: the first three principal components as red, green and blue.\n\n"
    "Named parts: the clusters that you named in other photos, found in these."
)


@dataclass(frozen=True)
class Pinned:
    """A place that was pinned, and the similarity from which on others belong to its region."""

    photo_idx: int  # among the photos that are looked at together; 0 for one alone
    place: Place
    threshold: float


def choose_mode() -> Mode:
    """Draws the choice of what is shown."""
    return choices.choose("Show", "show", MODES, _MODE_HELP)


def settle(mode: PlacesMode, n_photos: int) -> None:
    """Gives opacity, place and threshold their values before they are shown: from the link, the last picture, or the default."""
    link.settle(f"opacity_{mode}", OPACITY[mode], range(101).__contains__, word="opacity")
    if mode == SIMILAR:
        places.settle()
        link.settle("at_photo", 0, range(n_photos).__contains__, word="photo of the place")


def question(encoder_name: str, photos: tuple[Photo, ...], settings: NaveSettings) -> FindComponents:
    """What the service is asked for; clusters and seed do not matter to it."""
    return FindComponents(encoder_name, photos, ComponentSettings(settings.depths, settings.scaling, settings.input_size))


def pinned() -> Pinned | None:
    """The pinned place with its threshold; None while none is pinned, or something else is shown."""
    place = places.pinned_place()
    if place is None or st.session_state.get("show") != SIMILAR:
        return None
    return Pinned(st.session_state["at_photo"], place, places.threshold())


def keep(pin: Pin | None) -> None:
    """Keeps the place that was pinned in the picture; the ids of panes are the numbers of their photos."""
    st.session_state["at"] = "" if pin is None else places.show_place(pin.place)
    st.session_state["at_photo"] = 0 if pin is None else int(pin.pane)


def similarity_to(components: PrincipalComponents, to: Pinned, photo_idx: int) -> np.ndarray:
    """How similar the positions of a photo are to the pinned place, (h, w) in [-1, 1] on the grid of its components."""
    return components.images[photo_idx].similarity(components.images[to.photo_idx].at(to.place))


def pinned_mask(components: PrincipalComponents, region: Pinned, photo_idx: int, shape: tuple[int, int]) -> np.ndarray:
    """The pinned region of a photo as a boolean mask of any shape, (H, W) over the whole photo."""
    return resized(similarity_to(components, region, photo_idx), shape) >= region.threshold
