"""What can be done to the sets of the library: made, filled, emptied, renamed, deleted."""

from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.library.library import ConceptLibrary
from explainers.library.sets import MAX_NAME, Added, ImageSet, Kind, Refusal
from models.errors import BadConcept, UnknownConcept
from models.photo import PICTURE_KINDS
from pages.common import access, uploads
from pages.common.text import escaped
from pages.concepts import choice
from pages.concepts.changes import Change, attempt, fresh, within_limit

KIND_NAMES: dict[Kind, str] = {"concept": "Concept", "random": "Random counterpart"}
_KIND_HELP = (
    "A concept: images that all show it. A random counterpart: many different images that do not show it, to compare with. "
    "30 or more of either are recommended."
)
_FILES_HELP = (
    f"{PICTURE_KINDS} files, several at a time, or a .zip of them. Files that cannot be used are listed; the rest are added."
)


def new_set(library: ConceptLibrary) -> None:
    """Draws the form for a new set: a name, a kind and files."""
    with popover("New set", ":material/add:", "Creates a concept or a random counterpart from your own images.", primary=True):
        with st.form(fresh("new set form"), border=False, enter_to_submit=False):
            name = st.text_input(
                "Name",
                key=fresh("new name"),
                max_chars=MAX_NAME,
                placeholder="striped, furry, watermark …",
                help="What the images have in common, in a word or two.",
            )
            kind: Kind = st.segmented_control(
                "Type",
                list(KIND_NAMES),
                default="concept",
                required=True,
                key=fresh("new kind"),
                format_func=KIND_NAMES.__getitem__,
                help=_KIND_HELP,
            )
            files = _uploader("new files")
            wanted = st.form_submit_button("Create", type="primary", key=fresh("make"))
        if wanted:
            attempt(partial(_make, library, name, kind, files))


def _make(library: ConceptLibrary, name: str, kind: Kind, files: Sequence[UploadedFile]) -> Change:
    _require_new(library, name, kind)
    taken, too_large = within_limit(files)
    if not taken:
        refuse_nothing(too_large, "There are no files yet. Choose some images, or a .zip of them.")
    added = library.add(name, kind, taken)
    choice.choose_next(added.image_set)
    name = added.image_set.name
    sentence = f"'{name}' was created with {_images(added.n_added)}.{_repeats(added)}"
    return Change(sentence, f"'{name}' was removed again.", made=(added.image_set,), refused=(*too_large, *added.refused))


def _require_new(library: ConceptLibrary, name: str, kind: Kind) -> None:
    try:
        there = library.get(name, kind)
    except UnknownConcept:
        return
    what = KIND_NAMES[kind].lower()
    raise BadConcept(f"There is a {what} '{there.name}' already. Choose another name, or add the images to that one.")


def add_images(library: ConceptLibrary, image_set: ImageSet) -> None:
    """Draws the form for more images of the set."""
    with popover("Add images", ":material/add_photo_alternate:", f"Adds images to “{escaped(image_set.name)}”."):
        with st.form(fresh("add form"), border=False):
            files = _uploader("more files")
            wanted = st.form_submit_button("Add", type="primary", key=fresh("add"))
        if wanted:
            attempt(partial(_add, library, image_set, files))


def _add(library: ConceptLibrary, image_set: ImageSet, files: Sequence[UploadedFile]) -> Change:
    before = library.get(image_set.name, image_set.kind)
    taken, too_large = within_limit(files)
    if not taken:
        refuse_nothing(too_large, "There are no files yet. Choose some images, or a .zip of them.")
    added = library.add(before.name, before.kind, taken)
    sentence = f"{_images_were(added.n_added)} added to '{before.name}'.{_repeats(added)}"
    return Change(
        sentence,
        f"'{before.name}' is as it was before.",
        before=(before,) if added.n_added else (),
        refused=(*too_large, *added.refused),
    )


def remove_images(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> None:
    """Draws a button that takes the selected images out of the set."""
    label = f"Remove {len(selected)} selected" if selected else "Remove selected"
    meaning = "Removes the selected images from the set." if selected else "Select images below first, then remove them here."
    if st.button(label, key="remove", icon=":material/delete:", disabled=not selected, help=meaning):
        attempt(partial(_remove, library, image_set, selected))


def _remove(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> Change:
    before = library.remove(image_set.name, image_set.kind, selected)
    return Change(
        f"{_images_were(len(selected))} removed from '{before.name}'.",
        f"{_images_were(len(selected))} put back into '{before.name}'.",
        before=(before,),
    )


def rename(library: ConceptLibrary, image_set: ImageSet) -> None:
    """Draws the form for another name of the set."""
    with popover("Rename", ":material/edit:", "Gives this set another name."):
        with st.form(fresh("rename form"), border=False):
            name = st.text_input(
                "New name",
                image_set.name,
                key=fresh(f"rename {image_set.kind} {image_set.key}"),
                max_chars=MAX_NAME,
                help="Sets of one kind have different names.",
            )
            wanted = st.form_submit_button("Rename", type="primary", key=fresh("rename"))
        if wanted:
            attempt(partial(_rename, library, image_set, name))


def _rename(library: ConceptLibrary, image_set: ImageSet, name: str) -> Change:
    _require_right_to_starters(library, image_set)
    before = library.rename(image_set.name, image_set.kind, name)
    after = library.get(name, image_set.kind)
    choice.choose_next(after)
    return Change(f"'{before.name}' was renamed to '{after.name}'.", f"'{before.name}' has its old name again.", before=(before,))


def delete(library: ConceptLibrary, image_set: ImageSet) -> None:
    """Draws a button that deletes the set."""
    if st.button("Delete", key="delete", icon=":material/delete_forever:", help="Deletes the whole set. It can be undone."):
        attempt(partial(_delete, library, image_set))


def _delete(library: ConceptLibrary, image_set: ImageSet) -> Change:
    _require_right_to_starters(library, image_set)
    before = library.delete(image_set.name, image_set.kind)
    return Change(f"'{before.name}' was deleted.", f"'{before.name}' was restored.", before=(before,))


def _require_right_to_starters(library: ConceptLibrary, image_set: ImageSet) -> None:
    if library.is_starter(image_set):
        access.require("starters")


# --- parts of the forms ---------------------------------------------------------------------------------------------------


def popover(label: str, icon: str, meaning: str, *, primary: bool = False) -> DeltaGenerator:
    """A button that opens a form; it is closed by every change."""
    return st.popover(label, icon=icon, help=meaning, type="primary" if primary else "secondary", key=fresh(f"popover {label}"))


def refuse_nothing(too_large: Sequence[Refusal], sentence: str) -> NoReturn:
    """Refuses a form without a file that can be taken: with why each is too large, or the sentence if there is none."""
    raise BadConcept(" ".join(refusal.reason for refusal in too_large) or sentence)


def _uploader(key: str) -> Sequence[UploadedFile]:
    return st.file_uploader(
        "Images",
        uploads.WITH_ARCHIVES,
        accept_multiple_files=True,
        key=fresh(key),
        help=_FILES_HELP,
        max_upload_size=uploads.MAX_ARCHIVE_MB,
    )


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _images_were(n: int) -> str:
    return f"{_images(n)} {'was' if n == 1 else 'were'}"


def _repeats(added: Added) -> str:
    """How many of the files the set had already."""
    return f" {_images_were(len(added.repeated))} there already." if added.repeated else ""
