"""A change to the concept library: made, shown with the files it refused, and undone (ledger.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet, Refusal
from pages.common import uploads
from pages.common.ledger import Ledger
from pages.common.text import escaped
from pages.concepts import choice

_LEDGER = Ledger("concepts", "library")
fresh, attempt = _LEDGER.fresh, _LEDGER.attempt
_N_IN_VIEW = 4  # refused files, beyond which their list scrolls


@dataclass(frozen=True)
class Change:
    """What was done to the library, and what undoes it."""

    sentence: str
    undone: str = ""  # the sentence once it is undone
    before: tuple[ImageSet, ...] = ()  # restored when undone
    made: tuple[ImageSet, ...] = ()  # deleted when undone
    refused: tuple[Refusal, ...] = ()


def within_limit(files: Sequence[UploadedFile]) -> tuple[list[tuple[str, bytes]], tuple[Refusal, ...]]:
    """Name and bytes of every file that is not too large; a refusal for the others."""
    reasons = [uploads.refusal_of_size(file.name, file.size, uploads.MAX_ARCHIVE_MB) for file in files]
    taken = [(file.name, file.getvalue()) for file, reason in zip(files, reasons, strict=True) if not reason]
    return taken, tuple(Refusal(file.name, reason) for file, reason in zip(files, reasons, strict=True) if reason)


def bar(library: ConceptLibrary) -> None:
    """Draws the last change, the files it refused, and its undo."""
    change = _LEDGER.last()
    if change is None:
        return
    undo = partial(_undo, library, change) if change.before or change.made else None
    with st.container(border=True, key="change"):
        _LEDGER.draw(change, undo, "Reverts this change.")
        _draw_refusals(change.refused)


def _undo(library: ConceptLibrary, change: Change) -> None:
    for image_set in change.made:
        library.delete(image_set.name, image_set.kind)
    for image_set in change.before:
        choice.choose_next(library.restore(image_set))


def _draw_refusals(refused: Sequence[Refusal]) -> None:
    """Every file that was not taken, with the reason."""
    if not refused:
        return
    files = "1 file was not taken" if len(refused) == 1 else f"{len(refused)} files were not taken"
    reasons = [r.reason if r.name in r.reason else f"'{r.name}': {r.reason}" for r in refused]
    with st.container(height=170 if len(refused) > _N_IN_VIEW else "content", border=False):
        st.warning(f"{files}:\n\n" + "\n".join(f"- {escaped(reason)}" for reason in reasons), icon=":material/broken_image:")
