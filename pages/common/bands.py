"""What of an uploaded file is seen: its notes, and the choice of bands where it has more of them than a screen has colours."""

from collections.abc import Sequence

import streamlit as st

from models.photo import Photo
from pages.common import uploads
from pages.common.text import escaped

_MAX_NOTES = 3  # in the narrow column of the sidebar
_COLOURS = ("Red", "Green", "Blue")


def choose(photo: Photo, data: bytes, file_id: str) -> Photo | str:
    """Draws which bands are shown as red, green and blue; the photo with them, or the sentence that refuses its file.

    ``data`` is the file that the photo was read from, ``file_id`` the uploader's name for it.
    """
    offered = range(1, photo.n_bands + 1)
    chosen = tuple(
        column.selectbox(
            colour,
            offered,
            index=shown - 1,
            key=f"bands.{colour}.{file_id}",
            help=f"The band of the file that is seen in {colour.lower()}; there are {photo.n_bands}.",
        )
        for column, colour, shown in zip(st.columns(3), _COLOURS, photo.bands, strict=True)
    )
    return photo if chosen == photo.bands else uploads.read_upload(data, photo.name, chosen)


def draw_notes(photos: Sequence[Photo]) -> None:
    """What must be said about photos that were read: which page or bands are seen, and the like; the first few one by one."""
    notes = [(photo.name, note) for photo in photos for note in photo.notes]
    for name, note in notes[:_MAX_NOTES]:
        st.caption(escaped(note if len(photos) == 1 else f"{name}: {note}"))
    if len(notes) > _MAX_NOTES:
        st.caption(f"And {len(notes) - _MAX_NOTES} more remarks on other photos.")
