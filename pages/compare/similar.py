"""What each encoder finds similar to one place of the photo: the similarity within each, for the same place."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from explainers.drawing.places import similarity_overlay
from explainers.nave.settings import ComponentSettings, NaveSettings
from explainers.results.components import ComponentsResult
from explainers.service.questions import FindComponents, Question
from models.photo import Photo
from pages.common import link, places
from pages.common.live_view.live_places import Look, Pin, PlacesControls, PlacesPane, live_places
from pages.common.live_view.live_view import Waiting
from pages.common.pictures import on_screen
from pages.compare.panes import Answers, Comparison, Opening

_VIEW = "places"  # of the answers
_SIDE = 720  # px of the longer side of a picture that is kept


def questions(opening: Opening, photo: Photo, settings: NaveSettings) -> dict[str, Question]:
    """What an encoder is asked for besides its clusters."""
    components = ComponentSettings(settings.depths, settings.scaling, settings.input_size)
    return {_VIEW: FindComponents(opening.name, (photo,), components)}


def draw(comparison: Comparison, answers: Answers) -> list[tuple[np.ndarray, str]]:
    """Draws the live panes with threshold and scale; pictures (H, W, 3) with captions, if a place is pinned."""
    if any(_VIEW not in of_place for of_place in answers.values()):
        link.rerun()  # similar places were chosen after the encoders were asked
    places.settle()
    places.draw_threshold()
    results = {place: of_place[_VIEW] for place, of_place in answers.items() if of_place[_VIEW] is not None}
    pinned, opacity = places.pinned_place(), st.session_state["opacity"] / 100
    look = Look("similar", opacity, places.threshold(), None if pinned is None else Pin("pane0", pinned))
    drawn = [_pane(comparison, opening, results) for opening in comparison.openings]
    live_places("similar side by side", drawn, look, PlacesControls({"opacity": "opacity", "threshold": "alike"}, _keep))
    places.draw_scale()
    st.caption(
        "Point at a place: every encoder shows what it finds similar to that place. A click or Enter pins it, Escape takes the "
        "pin away, arrow keys move the place."
    )
    if pinned is None:
        return []
    pixels, pictures = on_screen(comparison.photo, _SIDE), []
    for result in results.values():
        image = result.components.images[0]
        picture = similarity_overlay(pixels, image.similarity(image.at(pinned)), places.threshold(), opacity, pinned)
        said = f"{result.encoder.name}: similar to {places.in_words(pinned)}, from {places.threshold():.2f}"
        pictures.append((picture, said))
    return pictures


def _pane(comparison: Comparison, opening: Opening, results: Mapping[int, ComponentsResult]) -> PlacesPane | Waiting:
    id_, photo, result = f"pane{opening.place}", comparison.photo, results.get(opening.place)
    if result is None:
        sentence = "It appears here as soon as it is ready."
        if opening.error is not None:
            sentence = "It cannot be opened; see the message above."
        return Waiting(id_, photo, opening.title, sentence)
    return PlacesPane(id_, photo, result.components.images[0], f"{photo.name}, seen by {opening.name}", opening.title)


def _keep(pin: Pin | None) -> None:
    st.session_state["at"] = "" if pin is None else places.show_place(pin.place)
