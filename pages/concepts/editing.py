"""Changes to the concept library, each told with the files it refused, and with its undo (ledger.py)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import MAX_NAME, Added, ImageSet, Kind, Refusal
from models.errors import BadConcept, EncoderscopeError, UnknownConcept
from pages.common import link, photos
from pages.common.ledger import Ledger
from pages.common.text import plain
from pages.concepts import choice as concept_choice

MAX_UPLOAD_MB, MB = 200, 2**20
KIND_NAMES = {"concept": "Concept", "random": "Random counterpart"}
_FILE_TYPES = [*photos.UPLOAD_TYPES, "zip"]
_LEDGER = Ledger("concepts")
fresh = _LEDGER.fresh
_N_IN_VIEW = 4  # refused files, beyond which their list scrolls
_FILES_HELP = (
    "JPEG, PNG, WebP, TIFF, BMP or GIF files, several at a time, or a .zip of them. "
    "What cannot be used is named, the rest is taken."
)


@dataclass(frozen=True)
class Change:
    """What was done to the library, and what undoes it."""

    sentence: str
    before: tuple[ImageSet, ...] = ()  # restored when undone
    made: tuple[ImageSet, ...] = ()  # deleted when undone
    refused: tuple[Refusal, ...] = ()


# --- told, and undone -----------------------------------------------------------------------------------------------------


def bar(library: ConceptLibrary) -> None:
    """The last change, the files it refused, and its undo."""
    change = _LEDGER.last()
    if change is None:
        return
    undo = partial(_undo, library, change) if change.before or change.made else None
    with st.container(border=True, key="change"):
        _LEDGER.draw(change, undo, "Makes the library what it was before.")
        _refusals(change.refused)


def _refusals(refused: Sequence[Refusal]) -> None:
    """Every file that was not taken, with the reason."""
    if not refused:
        return
    files = "1 file was not taken" if len(refused) == 1 else f"{len(refused)} files were not taken"
    with st.container(height=170 if len(refused) > _N_IN_VIEW else "content", border=False):
        st.warning(
            f"{files}:\n\n" + "\n".join(f"- {plain(_reason(refusal))}" for refusal in refused), icon=":material/broken_image:"
        )


def _reason(refusal: Refusal) -> str:
    return refusal.reason if refusal.name in refusal.reason else f"'{refusal.name}': {refusal.reason}"


def _undo(library: ConceptLibrary, change: Change) -> None:
    for image_set in change.made:
        library.delete(image_set.name, image_set.kind)
    for image_set in change.before:
        concept_choice.choose_next(library.restore(image_set))


def _attempt(change: Callable[[], Change]) -> None:
    """Makes the change and draws the page anew; a refusal is told where the form is."""
    try:
        with st.spinner("Working on the library …"):
            done = change()
    except EncoderscopeError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _LEDGER.tell(done)
    link.rerun()


# --- the forms ------------------------------------------------------------------------------------------------------------


def new_set(library: ConceptLibrary) -> None:
    """A name, a kind and files make a new set."""
    with _popover("New set", ":material/add:", "Makes a concept, or a random counterpart, from your own images.", primary=True):
        with st.form(fresh("new set form"), border=False, enter_to_submit=False):
            name = st.text_input(
                "Name",
                key=fresh("new name"),
                max_chars=MAX_NAME,
                placeholder="striped, furry, watermark …",
                help="What the images have in common, in a word or two.",
            )
            kind = st.segmented_control(
                "What it is",
                list(KIND_NAMES),
                default="concept",
                required=True,
                key=fresh("new kind"),
                format_func=KIND_NAMES.get,
                help=_KIND_HELP,
            )
            files = _files("new files")
            wanted = st.form_submit_button("Make it", type="primary", key=fresh("make"))
        if wanted:
            _attempt(lambda: _made(library, name, kind, files))


_KIND_HELP = (
    "A concept: images that all show it. A random counterpart: many different images that do not, to tell the concept from. "
    "30 or more of either are recommended."
)


def _made(library: ConceptLibrary, name: str, kind: Kind, files: Sequence) -> Change:
    _require_new(library, name, kind)
    taken, too_large = _read(files)
    added = library.add(name, kind, taken) if taken else _nothing(too_large)
    concept_choice.choose_next(added.image_set)
    sentence = f"'{added.image_set.name}' was made with {_images(added.n_added)}.{_also(added)}"
    return Change(sentence, made=(added.image_set,), refused=(*too_large, *added.refused))


def _require_new(library: ConceptLibrary, name: str, kind: Kind) -> None:
    try:
        there = library.get(name, kind)
    except UnknownConcept:
        return
    what = KIND_NAMES[kind].lower()
    raise BadConcept(f"There is a {what} '{there.name}' already. Choose another name, or add the images to that one.")


def _nothing(refused: Sequence[Refusal]) -> Added:
    reasons = " ".join(refusal.reason for refusal in refused)
    raise BadConcept(reasons or "There are no files yet. Choose some images, or a .zip of them.")


def add_images(library: ConceptLibrary, image_set: ImageSet) -> None:
    """More images for the set."""
    with _popover("Add images", ":material/add_photo_alternate:", f"Adds images to “{plain(image_set.name)}”."):
        with st.form(fresh("add form"), border=False):
            files = _files("more files")
            wanted = st.form_submit_button("Add", type="primary", key=fresh("add"))
        if wanted:
            _attempt(lambda: _added(library, image_set, files))


def _added(library: ConceptLibrary, image_set: ImageSet, files: Sequence) -> Change:
    before = library.get(image_set.name, image_set.kind)
    taken, too_large = _read(files)
    added = library.add(before.name, before.kind, taken) if taken else _nothing(too_large)
    sentence = f"{_images_were(added.n_added)} added to '{before.name}'.{_also(added)}"
    return Change(sentence, before=(before,) if added.n_added else (), refused=(*too_large, *added.refused))


def remove_images(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> None:
    """A button that takes the selected images out of the set."""
    label = f"Remove {len(selected)} selected" if selected else "Remove selected"
    meaning = (
        "Takes the images that you clicked out of the set." if selected else "Click images below first, then remove them here."
    )
    if st.button(label, key="remove", icon=":material/delete:", disabled=not selected, help=meaning):
        _attempt(lambda: _removed(library, image_set, selected))


def _removed(library: ConceptLibrary, image_set: ImageSet, selected: Sequence[str]) -> Change:
    before = library.remove(image_set.name, image_set.kind, selected)
    return Change(f"{_images_were(len(selected))} removed from '{before.name}'.", before=(before,))


def rename(library: ConceptLibrary, image_set: ImageSet) -> None:
    """Another name for the set."""
    with _popover("Rename", ":material/edit:", "Gives this set another name."):
        with st.form(fresh("rename form"), border=False):
            name = st.text_input(
                "New name",
                image_set.name,
                key=fresh(f"rename {image_set.kind} {image_set.key}"),
                max_chars=MAX_NAME,
                help="Sets of one kind have different names.",
            )
            wanted = st.form_submit_button("Rename it", type="primary", key=fresh("rename"))
        if wanted:
            _attempt(lambda: _renamed(library, image_set, name))


def _renamed(library: ConceptLibrary, image_set: ImageSet, name: str) -> Change:
    before = library.rename(image_set.name, image_set.kind, name)
    after = library.get(name, image_set.kind)
    concept_choice.choose_next(after)
    return Change(f"'{before.name}' was renamed to '{after.name}'.", before=(before,))


def delete(library: ConceptLibrary, image_set: ImageSet) -> None:
    """A button that deletes the set."""
    if st.button("Delete", key="delete", icon=":material/delete_forever:", help="Deletes the whole set. It can be undone."):
        _attempt(lambda: _deleted(library, image_set))


def _deleted(library: ConceptLibrary, image_set: ImageSet) -> Change:
    before = library.delete(image_set.name, image_set.kind)
    return Change(f"'{before.name}' was deleted.", before=(before,))


# --- packs and starters ---------------------------------------------------------------------------------------------------


def share(library: ConceptLibrary, shown: ImageSet | None) -> None:
    """Sets as a pack, to take away; a pack of others, to add."""
    with _popover("Packs", ":material/package_2:", "Takes sets from one Encoderscope to another, with their images and CAVs."):
        sets = {_pack_label(s): s for s in library.sets()}
        first = [_pack_label(shown)] if shown else []
        chosen = st.multiselect("Sets", list(sets), first, key=fresh(f"pack of {first}"), help="What the pack will hold.")
        st.download_button(
            "Export pack",
            lambda: _packed(library, [sets[label] for label in chosen]),
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
                max_upload_size=MAX_UPLOAD_MB,
                help="A .zip that Encoderscope exported. Trust a pack as you trust its sender.",
            )
            wanted = st.form_submit_button("Import pack", type="primary", key=fresh("import"))
        if wanted:
            _attempt(lambda: _imported(library, pack))


def _pack_label(image_set: ImageSet) -> str:
    return image_set.name if image_set.kind == "concept" else f"{image_set.name} (random counterpart)"


def _packed(library: ConceptLibrary, sets: Sequence[ImageSet]) -> bytes:
    of_kind = {kind: [s.name for s in sets if s.kind == kind] for kind in KIND_NAMES}
    return library.export_pack(of_kind["concept"], of_kind["random"])


def _imported(library: ConceptLibrary, pack) -> Change:
    taken, too_large = _read([] if pack is None else [pack])
    if not taken:
        _nothing(too_large) if too_large else _no_pack()
    (name, data) = taken[0]
    done = library.import_pack(data, name)
    made = tuple(added.image_set for added in done if added.n_added)
    for image_set in made:
        concept_choice.choose_next(image_set)
    named = ", ".join(f"'{image_set.name}'" for image_set in made)
    sentence = f"{named} came from '{name}'." if made else f"Everything in '{name}' is in the library already."
    return Change(sentence, made=made, refused=tuple(refusal for added in done for refusal in added.refused))


def _no_pack() -> None:
    raise BadConcept("There is no pack yet. Choose a .zip that Encoderscope exported.")


def bring_back(library: ConceptLibrary) -> None:
    """Starters that were deleted or edited, as they came."""
    hidden = {_pack_label(s): s for s in library.hidden_starters()}
    if not hidden:
        return
    with _popover("Starters", ":material/settings_backup_restore:", "Starter sets that were deleted or edited, as they came."):
        with st.form(fresh("starter form"), border=False):
            label = st.selectbox("Starter", list(hidden), key=fresh("starter"), help="It becomes what it was at the beginning.")
            wanted = st.form_submit_button("Bring it back", type="primary", key=fresh("bring back"))
        if wanted:
            _attempt(lambda: _brought_back(library, hidden[label]))


def _brought_back(library: ConceptLibrary, starter: ImageSet) -> Change:
    edited = tuple(s for s in library.sets(starter.kind) if s.key == starter.key)
    concept_choice.choose_next(library.restore(starter))
    return Change(f"'{starter.name}' was brought back as it came.", before=edited, made=() if edited else (starter,))


# --- steps ----------------------------------------------------------------------------------------------------------------


def _popover(label: str, icon: str, meaning: str, primary: bool = False):
    return st.popover(label, icon=icon, help=meaning, type="primary" if primary else "secondary", key=fresh(f"popover {label}"))


def _files(key: str) -> Sequence:
    return st.file_uploader(
        "Images", _FILE_TYPES, accept_multiple_files=True, key=fresh(key), help=_FILES_HELP, max_upload_size=MAX_UPLOAD_MB
    )


def _read(files: Sequence) -> tuple[list[tuple[str, bytes]], tuple[Refusal, ...]]:
    """Name and bytes of every file within the limit; a refusal for the others."""
    large = [file for file in files if file.size > MAX_UPLOAD_MB * MB]
    refused = [Refusal(f.name, f"'{f.name}' has {f.size / MB:.0f} MB; at most {MAX_UPLOAD_MB} MB are taken.") for f in large]
    return [(file.name, file.getvalue()) for file in files if file not in large], tuple(refused)


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _images_were(n: int) -> str:
    return f"{_images(n)} {'was' if n == 1 else 'were'}"


def _also(added: Added) -> str:
    """How many of the files it had already."""
    return f" {_images_were(len(added.repeated))} there already." if added.repeated else ""
