"""Regions of a part as small pictures, with what is outside of each faded."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import streamlit as st

from explainers.datasets.findings import Hit
from explainers.datasets.index import Index
from explainers.datasets.questions import SearchRegions
from explainers.datasets.search import query_of_part, regions_of_part
from explainers.datasets.thumbnails import read_thumbnail, with_region
from pages.common import choices, jobs, link
from pages.common.text import escaped

N_SHOWN = 18
WIDTH_PX = 112
Order = Literal["evidence", "alike"]
_ORDERS: dict[Order, str] = {"evidence": "Most evidence for the class", "alike": "Most alike, in all photos"}
_ORDER_HELP = "The regions of this part in photos of the class, or the regions of the whole index that are nearest to its middle."


def draw(index: Index, k: int, class_idx: int, part: int) -> None:
    """The wall, and the choice of what is on it."""
    link.settle("wall", "evidence", _ORDERS.__contains__, kind=str)
    order = choices.among("Regions", "wall", _ORDERS, _ORDER_HELP, label_visibility="collapsed")
    if order == "alike":
        question = SearchRegions(index.folder, index.key, k, query_of_part(index, k, part), N_SHOWN)
        hits = jobs.answer_or_stop("audit search", question)
        captions = [f"{hit.similarity:.2f}" for hit in hits]
    else:
        hits = regions_of_part(index, k, part, class_idx, N_SHOWN)
        captions = [f"{hit.evidence:.0%}" for hit in hits]
    if not hits:
        st.caption("No photo of this class has this part.")
        return
    draw_hits(index, hits, captions)
    meaning = "similarity" if order == "alike" else "share of the photo's evidence"
    st.caption(f"Below each: the photo's label, and its {meaning}.")


def draw_hits(index: Index, hits: Sequence[Hit], figures: Sequence[str]) -> None:
    """One small picture per region, with the label of its photo and a figure below."""
    captions = [escaped(f"{index.label_of(hit.photo)} · {figure}") for hit, figure in zip(hits, figures, strict=True)]
    alts = [f"A region of part {hit.part} in {hit.photo}" for hit in hits]
    st.image(pictures(index, hits), caption=captions, width=WIDTH_PX, alt=alts)


def pictures(index: Index, hits: Sequence[Hit]) -> list[np.ndarray]:
    """One small picture (h, w, 3) per region."""
    thumbnails = index.thumbnails({hit.photo for hit in hits})
    return [with_region(read_thumbnail(thumbnails[hit.photo]), hit.mask) for hit in hits]
