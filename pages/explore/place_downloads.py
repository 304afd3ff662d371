"""What can be taken away of similar places and of activations as colours: the picture, the maps, and the settings."""

from collections.abc import Sequence

import numpy as np

from explainers.drawing.places import colours_overlay, similarity_overlay
from explainers.drawing.sheets import captioned, contact_sheet
from explainers.results.components import ComponentsResult
from explainers.results.files import as_json, png, similarities_zip, similarity_npz
from explainers.results.records import photo_record, provenance_record
from models.photo import Photo
from pages.common import places
from pages.common.pictures import on_screen
from pages.explore import similar
from pages.explore.similar import Pinned

_SHEET_SIDE = 480  # px of the longer side of a photo on a sheet


def picture_png(photos: Sequence[Photo], result: ComponentsResult, pinned: Pinned | None, opacity: float) -> bytes:
    """One photo at its full size, or several on one sheet, with a line that says what is shown.

    That is the similarity to the pinned place; without one, activations as colours.
    """
    what = (
        "activations as colours: principal components 1, 2, 3"
        if pinned is None
        else f"similar to {places.in_words(pinned.place)}, from {pinned.threshold:.2f}"
    )
    if len(photos) == 1:
        picture = _drawn(photos[0].pixels, result, 0, pinned, opacity)
        text = f"{photos[0].name} · seen by {result.encoder.name} · {what}"
        return png(captioned(picture, text))
    pictures = [_drawn(on_screen(photo, _SHEET_SIDE), result, n, pinned, opacity) for n, photo in enumerate(photos)]
    whose = "" if pinned is None else f" of {photos[pinned.photo_idx].name}"
    title = f"{len(photos)} photos · seen by {result.encoder.name} · {what}{whose}"
    return png(contact_sheet(pictures, [photo.name for photo in photos], title))


def _drawn(pixels: np.ndarray, result: ComponentsResult, n: int, pinned: Pinned | None, opacity: float) -> np.ndarray:
    if pinned is None:
        return colours_overlay(pixels, result.components.images[n].colours, opacity)
    similarity = similar.similarity_to(result.components, pinned, n)
    place = pinned.place if n == pinned.photo_idx else None
    return similarity_overlay(pixels, similarity, pinned.threshold, opacity, place)


def maps_file(result: ComponentsResult, pinned: Pinned) -> bytes:
    """The similarity of every pixel to the pinned place: an NPZ file, or a ZIP of one per photo."""
    where = pinned.photo_idx, pinned.place
    return similarity_npz(result, 0, *where) if len(result.photo_names) == 1 else similarities_zip(result, *where)


def settings_json(result: ComponentsResult, pinned: Pinned | None) -> bytes:
    """Everything that is needed to get the same picture again, and to check that it is the same."""
    about = {"photos": [photo_record(photo) for photo in result.provenance.photos], "pinned": pinned}
    worth = {
        "kept": result.components.kept,
        "explained": result.components.explained,
        "rank_correlation": result.components.rank_correlation,
    }
    return as_json(about | provenance_record(result.provenance) | worth | {"seconds": dict(result.seconds)})
