"""A random counterpart of photographs, for concepts that were made of photographs: from what is at hand.

None that may be passed on is known to us, so none comes along. What is at hand: parts of the sample photos, the images of the
library's other sets, and any files or archives of files. The more various, the better.
"""

import io
from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explainers.library.library import ConceptLibrary
from explainers.library.sets import MAX_NAME, ImageSet
from explainers.visual_tcav.domain import DomainCheck
from models.errors import BadConcept
from models.photo.samples import SAMPLES, crops_of, read_sample
from pages.common import uploads
from pages.common.text import escaped
from pages.concepts import choice
from pages.concepts.changes import Change, attempt, fresh, within_limit
from pages.concepts.editing import popover

CROPS = "sample photos"
N_CROPS = 10  # of each sample photo
_SOURCES_HELP = (
    "Where its images come from. Parts of the six sample photos are a beginning; photographs of your own, of the same kind as "
    "the concept's, are better. Images that show the concept do not belong into it."
)


def offer(library: ConceptLibrary, concept: ImageSet, domain: DomainCheck | None) -> None:
    """Draws what the domain check found, and the way to a counterpart of photographs where the one in use does not match."""
    if domain is None:
        return
    st.markdown(in_words(domain))
    if domain.doubt != "none":
        _form(library, concept)


def in_words(domain: DomainCheck) -> str:
    """What the check found, in Markdown."""
    errors = ", ".join(f"{100 * error:.1f}" for error in domain.errors)
    expected = ", ".join(f"{100 * error:.1f}" for error in domain.expected)
    facts = (
        f"A plain classifier that tells the two sets apart makes {domain.ratio:.2f} of the mistakes that a matched counterpart "
        f"would leave (by depth: {errors} % instead of {expected} %)."
    )
    if domain.doubt == "apart":
        return f"**Domain check** :orange-badge[Mismatched] The two sets are of different kinds. {facts}"
    if domain.doubt == "unproven":
        return f"**Domain check** :blue-badge[Unproven] One of the two sets is rendered and the other is not. {facts}"
    return f"**Domain check** :green-badge[Matched] {facts}"


def _form(library: ConceptLibrary, concept: ImageSet) -> None:
    """Draws the form for a random counterpart of photographs."""
    others = [s for s in library.sets() if not library.is_rendered(s) and not s.n_regions and s.key != concept.key]
    names = {CROPS: f"Parts of the {len(SAMPLES)} sample photos"} | {_id(s): f"{s.name} · {len(s.images)} images" for s in others}
    meaning = "Makes a random counterpart from photographs at hand."
    with popover("Counterpart of photographs", ":material/photo_library:", meaning):
        with st.form(fresh("counterpart form"), border=False, enter_to_submit=False):
            name = st.text_input("Name", "photographs", key=fresh("counterpart name"), max_chars=MAX_NAME)
            chosen = st.multiselect(
                "Images from",
                list(names),
                default=[CROPS],
                format_func=lambda key: escaped(names[key]),
                key=fresh("counterpart sources"),
                help=_SOURCES_HELP,
            )
            files = st.file_uploader(
                "More photographs",
                uploads.WITH_ARCHIVES,
                accept_multiple_files=True,
                key=fresh("counterpart files"),
                max_upload_size=uploads.MAX_ARCHIVE_MB,
                help="Photographs, or a .zip of a folder of them.",
            )
            wanted = st.form_submit_button("Create", type="primary", key=fresh("make counterpart"))
        if wanted:
            attempt(partial(_make, library, name, [s for s in others if _id(s) in chosen], files, with_crops=CROPS in chosen))


def _make(
    library: ConceptLibrary, name: str, others: Sequence[ImageSet], files: Sequence[UploadedFile], *, with_crops: bool
) -> Change:
    taken, too_large = within_limit(files)
    gathered = [*(crops() if with_crops else ()), *(file for s in others for file in library.files(s)), *taken]
    if not gathered:
        raise BadConcept("There are no images yet. Choose where they come from, or add some.")
    if any(s.name.casefold() == name.strip().casefold() for s in library.sets("random")):
        raise BadConcept(f"There is a random counterpart '{name}' already. Choose another name.")
    added = library.add(name, "random", gathered)
    choice.choose_next(added.image_set)
    made = f"'{added.image_set.name}' was created with {added.n_added} images, and is the random counterpart now."
    return Change(made, f"'{name}' was removed again.", made=(added.image_set,), refused=(*too_large, *added.refused))


def crops() -> Iterator[tuple[str, bytes]]:
    """Parts of the sample photos as files, always the same ones."""
    for name in SAMPLES:
        for n, pixels in enumerate(crops_of(read_sample(name), N_CROPS)):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
            yield f"{name}-{n}.jpg", buffer.getvalue()


def _id(image_set: ImageSet) -> str:
    return f"{image_set.kind} {image_set.name}"
