"""Sets from one library to another, and starters as they came."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.library.library import ConceptLibrary
from explainers.library.sets import ImageSet
from pages.common import uploads
from pages.concepts import choice
from pages.concepts.changes import Change, attempt, fresh, within_limit
from pages.concepts.editing import popover, refuse_nothing


def share(library: ConceptLibrary, shown: ImageSet | None) -> None:
    """Draws the forms that export sets as a pack and import the pack of others."""
    with popover("Packs", ":material/package_2:", "Takes sets from one Encoderscope to another, with their images and CAVs."):
        sets = {_label(s): s for s in library.sets()}
        first = [_label(shown)] if shown else []
        chosen = st.multiselect("Sets", list(sets), first, key=fresh(f"pack of {first}"), help="What the pack will hold.")
        st.download_button(
            "Export pack",
            partial(_export, library, [sets[label] for label in chosen]),
            "concepts.zip",
            "application/zip",
            key="export",
            on_click="ignore",
            disabled=not chosen,
            icon=":material/download:",
            help="One .zip with the images, their names, and the CAVs fitted so far.",
        )
        st.divider()
        with st.form(fresh("import form"), border=False):
            pack = st.file_uploader(
                "Pack",
                ["zip"],
                key=fresh("pack"),
                max_upload_size=uploads.MAX_ARCHIVE_MB,
                help="A .zip that Encoderscope exported. Import packs only from people you trust.",
            )
            wanted = st.form_submit_button("Import pack", type="primary", key=fresh("import"))
        if wanted:
            attempt(partial(_import, library, pack))


def _label(image_set: ImageSet) -> str:
    return image_set.name if image_set.kind == "concept" else f"{image_set.name} (random counterpart)"


def _export(library: ConceptLibrary, sets: Sequence[ImageSet]) -> bytes:
    concepts, random = ([s.name for s in sets if s.kind == kind] for kind in ("concept", "random"))
    return library.export_pack(concepts, random)


def _import(library: ConceptLibrary, pack: UploadedFile | None) -> Change:
    taken, too_large = within_limit([] if pack is None else [pack])
    if not taken:
        refuse_nothing(too_large, "There is no pack yet. Choose a .zip that Encoderscope exported.")
    name, data = taken[0]
    added = library.import_pack(data, name)
    made = tuple(of_set.image_set for of_set in added if of_set.n_added)
    for image_set in made:
        choice.choose_next(image_set)
    names = ", ".join(f"'{image_set.name}'" for image_set in made)
    sentence = f"Imported {names} from '{name}'." if made else f"Everything in '{name}' is in the library already."
    return Change(
        sentence,
        f"The sets of '{name}' were removed again.",
        made=made,
        refused=tuple(refusal for of_set in added for refusal in of_set.refused),
    )


def bring_back(library: ConceptLibrary) -> None:
    """Draws the form that restores a starter that was deleted or edited."""
    hidden = {_label(s): s for s in library.hidden_starters()}
    if not hidden:
        return
    with popover("Starters", ":material/settings_backup_restore:", "Restores starter sets that were deleted or edited."):
        with st.form(fresh("starter form"), border=False):
            label = st.selectbox("Starter", list(hidden), key=fresh("starter"), help="Resets the set to the images it came with.")
            wanted = st.form_submit_button("Restore", type="primary", key=fresh("bring back"))
        if wanted:
            attempt(partial(_bring_back, library, hidden[label]))


def _bring_back(library: ConceptLibrary, starter: ImageSet) -> Change:
    edited = tuple(s for s in library.sets(starter.kind) if s.key == starter.key)
    choice.choose_next(library.restore(starter))
    undone = f"'{starter.name}' was deleted again." if not edited else f"Your version of '{starter.name}' is back."
    return Change(
        f"'{starter.name}' was restored to the images it came with.", undone, before=edited, made=() if edited else (starter,)
    )
