"""Search: a region of any photo, a concept of the library or a word finds the most alike regions of the whole index.

    find        "region", "concept" or "word"
    by          "box" or "cluster": how the region is chosen
    box         its sides as shares of the photo's, such as "0.1,0.2,0.5,0.6"; "" while none is drawn
    n_clusters  into how many clusters the photo is divided
    cluster     the index of one of them

All of it is part of the link, and so are the photo, the concept and the word.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import streamlit as st

from explainers.datasets.findings import Hit, WordQuery
from explainers.datasets.index import Index
from explainers.datasets.originals import originals_of
from explainers.datasets.questions import QueryByConcept, QueryByRegion, QueryByWord, SearchRegions
from explainers.drawing import overlay
from explainers.library.regions import Region, box_region, region_of
from explainers.library.sets import ImageSet
from explainers.nave.settings import NaveSettings
from explainers.service.questions import Segment
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from models.errors import EncoderscopeError
from models.photo import Photo
from pages.audit import wall
from pages.common import choices, door, jobs, link, photos, region_drawing, towers
from pages.common.concept_controls import opened
from pages.common.pictures import address_of, on_screen
from pages.common.region_drawing import Box, Drawn
from pages.common.text import escaped

Find = Literal["region", "concept", "word"]
By = Literal["box", "cluster"]
_FINDS: dict[Find, str] = {"region": "A region of a photo", "concept": "A concept", "word": "A word"}
_BYS: dict[By, str] = {"box": "Draw a box", "cluster": "A cluster"}
_FIND_HELP = "The regions of the whole index that are most alike, all of them compared: at most one of each photo."
_BY_HELP = "A box is drawn with the pointer or the arrow keys. A cluster is one that Explore shows of this photo."
_CLUSTER_HELP = "The clusters of this photo at the granularity above."
_CONCEPT_HELP = "A concept of the library: what its CAV at the depth of this index points to."
_SEARCHED = "find_word searched"
_LONGEST_WORD = 80
_SIDE_PX = 480
_GRID_SIDE = 512  # of the longer side of the grid on which a box is kept


def draw(index: Index, k: int, parts: Sequence[int]) -> bool:
    """The section; ``parts`` are those that the page can show. Whether the photo cannot be part of the link."""
    st.header("Search", anchor=False, help=_FIND_HELP)
    find = choices.choose("Search for", "find", _FINDS, _FIND_HELP)
    if find == "concept":
        query, is_private = _by_concept(index), False
    elif find == "word":
        query, is_private = _by_word(index), False
    else:
        query, is_private = _by_region(index)
    if query:
        question = SearchRegions(index.folder, index.key, k, query, wall.N_SHOWN)
        _draw_hits(index, jobs.answer_or_stop("audit found", question), parts)
    return is_private


# --- a region -------------------------------------------------------------------------------------------------------------


def _by_region(index: Index) -> tuple[tuple[float, ...] | None, bool]:
    """Draws the choice of a region of a photo; what looks for such, if there is one, and whether the photo is private."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        photo, refusals = photos.choose(door.learnt_from(jobs.service().catalog, index.encoder_name))
        door.draw_refusals(st.container(), refusals)
        by = choices.choose("Region", "by", _BYS, _BY_HELP)
    if photo is None:
        st.info("Take a picture with the camera, or choose another photo.", icon=":material/arrow_upward:")
        return None, photos.is_private()
    with right:
        region = _drawn(photo) if by == "box" else _cluster(index, photo)
    if region is None:
        return None, photos.is_private()
    return jobs.answer_or_stop("audit query", QueryByRegion(index.folder, index.key, photo, region)), photos.is_private()


def _drawn(photo: Photo) -> Region | None:
    """The box that is drawn on the photo."""
    link.settle("box", "", lambda text: text == "" or read_box(text) is not None, word="box")
    box = read_box(st.session_state["box"])
    url = address_of(on_screen(photo, _SIDE_PX))
    region_drawing.draw(url, photo.name, f"query on {photo.sha256}", box=box, on_drawn=_keep_box)
    if box is None:
        st.caption("Draw a box with the pointer, or use the arrow keys.")
        return None
    height, width = photo.shape
    scale = min(1.0, _GRID_SIDE / max(height, width))
    return box_region(box, (max(1, round(scale * height)), max(1, round(scale * width))))


def _keep_box(drawn: Drawn | None) -> None:
    st.session_state["box"] = show_box(drawn["box"]) if drawn and "box" in drawn else ""


def _cluster(index: Index, photo: Photo) -> Region | None:
    """The cluster that is chosen of the photo."""
    maps = jobs.answer_or_stop("audit clusters", Segment(index.encoder_name, photo, NaveSettings())).segmentation
    place = st.empty()
    link.settle("n_clusters", maps.suggested_k, maps.ks.__contains__, word="granularity")
    n_clusters = st.select_slider(
        "Granularity", maps.ks, key="n_clusters", persist_state="session", help="Into how many clusters the photo is divided."
    )
    labels = maps.at(n_clusters)
    link.settle("cluster", 0, range(n_clusters).__contains__)
    names = {idx: str(idx) for idx in range(n_clusters)}
    idx = choices.among("Cluster", "cluster", names, _CLUSTER_HELP)
    place.image(
        overlay(on_screen(photo, _SIDE_PX), labels, only=(idx,)), width=400, alt=f"{photo.name}: cluster {idx} of {len(names)}"
    )
    inside: np.ndarray = labels == idx
    return region_of(inside)


def read_box(text: str) -> Box | None:
    """The box that a text such as "0.1,0.2,0.5,0.6" names; None if it names none."""
    try:
        left, top, right, bottom = (float(side) for side in text.split(","))
    except ValueError:
        return None
    return (left, top, right, bottom) if 0 <= left < right <= 1 and 0 <= top < bottom <= 1 else None


def show_box(box: Sequence[float]) -> str:
    """A box as it stands in the link."""
    return ",".join(f"{side:.4g}" for side in box)


# --- a concept ------------------------------------------------------------------------------------------------------------


def _by_concept(index: Index) -> tuple[float, ...] | None:
    """Draws the choice of a concept and its random counterpart; what looks for such, if there are any."""
    library = jobs.service().library
    with st.container(horizontal=True, vertical_alignment="bottom"):
        concept = _choice("Concept", "find_concept", library.sets("concept"), _CONCEPT_HELP)
        random = _choice("Random counterpart", "find_random", library.sets("random"), "What the concept is compared with.")
    if concept is None or random is None:
        st.info("The library lacks a concept or a random counterpart. Make them on the Concepts page.")
        return None
    question = QueryByConcept(index.folder, index.key, opened(library, concept), opened(library, random))
    return jobs.answer_or_stop("audit query", question)


def _choice(label: str, key: str, sets: Sequence[ImageSet], meaning: str) -> ImageSet | None:
    by_name = {image_set.name: image_set for image_set in sets}
    if not by_name:
        return None
    link.settle(key, next(iter(by_name)), by_name.__contains__, word=label.lower(), kind=str)
    return by_name[st.selectbox(label, list(by_name), key=key, persist_state="session", width=280, help=meaning)]


# --- a word ---------------------------------------------------------------------------------------------------------------


def _by_word(index: Index) -> tuple[float, ...] | None:
    """Draws the choice of a word and a text tower; what looks for such, once there is a word and it can be mapped."""
    if not towers.are_possible():
        st.info(towers.MISSING, icon=":material/extension:")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        link.settle("find_word", "", lambda word: len(word) <= _LONGEST_WORD, word="word")
        word = st.text_input(
            "Word",
            key="find_word",
            max_chars=_LONGEST_WORD,
            persist_state="session",
            width=280,
            placeholder="caption",
            help=towers.WORDS_HELP,
        )
        link.settle("tower", next(iter(towers.TOWERS)), towers.TOWERS.__contains__, word="text tower")
        wanted = word.strip(), towers.choose("tower", width=280)
        if st.button("Search", key="find_word now", disabled=not wanted[0], help="A link alone fetches no weights."):
            st.session_state[_SEARCHED] = wanted
    if not wanted[0] or st.session_state.get(_SEARCHED) != wanted:
        return None
    try:
        data = originals_of(index).data
    except EncoderscopeError as refusal:
        st.warning(escaped(str(refusal)), icon=":material/no_photography:")
        return None
    question = QueryByWord(index.folder, index.key, data, *wanted)
    query = jobs.answer_or_stop("audit query", question)
    st.caption(word_worth(query))
    return query.coordinates


def word_worth(query: WordQuery) -> str:
    """What the map is worth that took a word to the encoder, in words."""
    worth = query.worth
    doubt = "" if worth.p_value <= SIGNIFICANCE_LEVEL else " The map is no better than chance, so what is found means nothing."
    return (
        f"Mapped by {query.n_photos} photos of the index: R² {worth.r2:.2f} on photos left out, {worth.chance:.2f} by chance "
        f"(p = {worth.p_value:.2g}).{doubt}"
    )


# --- what was found -------------------------------------------------------------------------------------------------------


def _draw_hits(index: Index, hits: Sequence[Hit], parts: Sequence[int]) -> None:
    (part, n), *_ = Counter(hit.part for hit in hits).most_common()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escaped(f"{n} of the {len(hits)} most alike regions are of part {part}."), width="stretch")
        if part in parts and part != st.session_state.get("part"):
            st.button(
                f"Show part {part}",
                key="show part",
                on_click=st.session_state.__setitem__,
                args=("part", part),
                help="Chooses it above: what it carries for the class, and where it lies.",
            )
    wall.draw_hits(index, hits, [f"{hit.similarity:.2f}" for hit in hits])
    st.caption("Below each: the photo's label, and its similarity to what was searched for.")
