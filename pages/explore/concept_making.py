"""What is selected on the picture becomes a concept of the library: its regions are the examples, with what they are compared to.

The encoder sees the whole photos; only the averages are over the regions (explainers/visual_tcav/regions.py).
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from explainers.library.library import ConceptLibrary
from explainers.library.sets import MAX_NAME, Example, ImageSet
from explainers.results.comparisons import MAX_PHOTOS
from explainers.results.files import write_png
from explainers.visual_tcav.nulls import MIN_RANDOM
from models.catalog import EncoderInfo
from models.errors import BadConcept
from models.photo import Photo
from pages.common import jobs, made_concepts, photos, thread
from pages.common.downloads import file_stem
from pages.common.ledger import Ledger
from pages.common.made_concepts import Change, free_name
from pages.common.text import escaped
from pages.explore.parts import BOXES, Part, boxes, parts_of

BOTH, REST, OTHERS = "rest and others", "rest", "others"
_OWN_WORDS = {
    BOTH: "Rest of these photos, and other photos",
    REST: "Rest of the same photos",
    OTHERS: "Other photos at hand",
}
_N_SCENES, _FIRST_SCENE = 12, 90_000  # scenes to compare scenes with
LEDGER = Ledger("explore", "library")
NOTHING_SELECTED = (
    "Nothing is selected. Click a cluster on the picture, or press its number under “Show only”; then it can become a concept."
)
NOTHING_PINNED = "No place is pinned. Click a place on the picture; then all that is similar to it can become a concept."
_COUNTERPART_HELP = (
    "What the concept is compared with. A CAV stands for whatever sets the two apart, so both should be of the same kind: the "
    "rest of the same photos differs from the selection in the selection alone; other photos add variety."
)


@dataclass(frozen=True, eq=False)
class Selection:
    """Photos, the parts of them that are selected, and the parts that are not."""

    photos: Sequence[Photo]
    parts: Sequence[Part]
    rest: Sequence[Part]
    word: str  # what is suggested as a name

    @staticmethod
    def of_clusters(of_photos: Sequence[Photo], maps: Sequence[np.ndarray], clusters: Sequence[int]) -> "Selection | None":
        """The parts of some clusters, from one map (H, W) per photo; None where no cluster is selected."""
        if not clusters:
            return None
        indices = " ".join(map(str, clusters))
        word = f"{of_photos[0].name.rsplit('.', 1)[0]} {indices}" if len(of_photos) == 1 else f"cluster {indices}"
        return Selection(of_photos, *parts_of(maps, clusters), word[-MAX_NAME:].strip())

    @staticmethod
    def of_masks(of_photos: Sequence[Photo], inside: Sequence[np.ndarray], word: str) -> "Selection | None":
        """The parts inside of a boolean mask (H, W) per photo; None where nothing is."""
        if not any(of_photo.any() for of_photo in inside):
            return None
        return Selection(of_photos, *parts_of([of_photo.astype(np.uint8) for of_photo in inside], [1]), word)


# --- the form -------------------------------------------------------------------------------------------------------------


def offer(selected: Callable[[], Selection | None], nothing: str = NOTHING_SELECTED) -> None:
    """Draws the button and its form; where ``selected`` gives None, ``nothing`` says what to do."""
    meaning = "Keeps what is selected as a concept: its regions become the examples. Then Explain says what it contributes."
    with st.popover(
        "Make this a concept", icon=":material/category:", help=meaning, key=LEDGER.fresh("make concept"), width="content"
    ):
        selection = selected()
        if selection is None:
            st.info(nothing, icon=":material/arrow_back:")
        else:
            _form(jobs.service().library, selection)


def _form(library: ConceptLibrary, selection: Selection) -> None:
    name = st.text_input(
        "Name",
        free_name(library, selection.word),
        key=LEDGER.fresh(f"concept name {selection.word}"),
        max_chars=MAX_NAME,
        help="What the regions have in common, in a word or two.",
    )
    existing = {s.name: s for s in library.sets("random")}
    counterpart = st.selectbox(
        "Random counterpart",
        [*_OWN_WORDS, *existing],
        format_func=lambda key: _OWN_WORDS.get(key) or f"{escaped(key)} · {existing[key].counted}",
        key=LEDGER.fresh("concept counterpart"),
        help=_COUNTERPART_HELP,
    )
    others = _others(selection.photos) if counterpart in (BOTH, OTHERS) else []
    n_random = (len(selection.rest) if counterpart in (BOTH, REST) else 0) + BOXES**2 * len(others)
    n_random = len(existing[counterpart].images) if counterpart in existing else n_random
    st.caption(_what_happens(selection, n_random))
    if st.button("Create concept", type="primary", key=LEDGER.fresh("make it"), help="Can be undone."):
        LEDGER.attempt(partial(_make, library, selection, name, counterpart, others))


def _what_happens(selection: Selection, n_random: int) -> str:
    """How many examples there will be, and what they are worth, in a few sentences."""
    n, n_photos = len(selection.parts), len({part.photo_idx for part in selection.parts})
    of_photos = "1 photo" if n_photos == 1 else f"{n_photos} photos"
    sentence = f"{n} {'example' if n == 1 else 'examples'} from {of_photos}, beside {n_random} random ones. "
    if n_random < MIN_RANDOM:
        return sentence + f"A test against chance needs {MIN_RANDOM} random ones: choose a larger random counterpart."
    if n_photos == 1:
        return sentence + "All of one photo: enough to try, but no verdict can go beyond it. Several photos together are better."
    return sentence + "10 or more photos are needed for a verdict, 30 are better." if n < 10 else sentence


def _make(library: ConceptLibrary, selection: Selection, name: str, counterpart: str, others: Sequence[Photo]) -> Change:
    made_concepts.require_new(library, name)
    rest = selection.rest if counterpart in (BOTH, REST) else ()
    if counterpart in _OWN_WORDS and not rest and not others:
        raise BadConcept(
            "There is nothing to compare it with: everything is selected. Choose other photos, or a set that is there."
        )
    concept = library.add_examples(name, "concept", _examples(selection.photos, selection.parts)).image_set
    made: tuple[ImageSet, ...] = (concept,)
    random_name = counterpart
    if counterpart in _OWN_WORDS:
        random_name = free_name(library, f"not {concept.name}"[:MAX_NAME], "random")
        divided = (Example(*_file_of(photo), region, photos.is_scene(photo)) for photo in others for region in boxes())
        parts = [*_examples(selection.photos, rest), *divided]
        made = (concept, library.add_examples(random_name, "random", parts).image_set)
    counted = f"'{concept.name}' is a concept now: {concept.counted}"
    against = f", against the random counterpart '{random_name}'" + (f" ({made[1].counted})" if len(made) > 1 else "")
    return Change(f"{counted}{against}.", f"'{concept.name}' was removed again.", made, random_name)


# --- files ----------------------------------------------------------------------------------------------------------------


def _examples(of_photos: Sequence[Photo], parts: Sequence[Part]) -> Iterator[Example]:
    """The parts with the files of their photos, photo by photo."""
    for n, photo in enumerate(of_photos):
        of_photo = [part for part in parts if part.photo_idx == n]
        if of_photo:
            (name, data), rendered = _file_of(photo), photos.is_scene(photo)
            yield from (Example(name, data, part.region, rendered) for part in of_photo)


def _file_of(photo: Photo) -> tuple[str, bytes]:
    """Name and bytes of the photo's file: as it was uploaded, else as PNG."""
    for item in thread.shelf().items.values():
        seen = (thread.photo(item), thread.photo(item, thread.COLLECTED_PX))
        if not item.bands and any(isinstance(p, Photo) and p.sha256 == photo.sha256 for p in seen):
            return item.name, item.data
    buffer = io.BytesIO()
    write_png(buffer, photo.pixels)
    return f"{file_stem(photo.name)}.png", buffer.getvalue()


def _others(of_photos: Sequence[Photo]) -> list[Photo]:
    """Other photos of the same kind: scenes beside scenes, else the samples and one's own."""
    if photos.is_scene(of_photos[0]):
        return [photos.scene(_FIRST_SCENE + n) for n in range(_N_SCENES)]
    known = {photo.sha256 for photo in of_photos}
    at_hand = [*map(photos.sample, photos.SAMPLES), *photos.uploaded(MAX_PHOTOS)]
    return [photo for photo in at_hand if photo.sha256 not in known]


def bar(info: EncoderInfo, photo: Photo | None) -> None:
    """Draws the concept that was made last; Explain opens with the photo that is looked at."""
    keys = () if photo is None else ("photo", *(["scene"] if "scene" in st.session_state else []))
    made_concepts.bar(LEDGER, info.name, {key: str(st.session_state[key]) for key in keys})
