"""Which concepts of the library the clusters look like: asked for quietly, shown once it is known."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from explainers.maps.part_maps import PartMap
from explainers.nave.segmentation import Segmentation
from explainers.results.look_alikes import LookAlikesResult
from explainers.service.questions import LookAlikes
from explainers.service.service import Job
from explainers.visual_tcav.settings import ExplainSettings
from models.catalog import EncoderInfo
from models.photo import Photo
from pages.common import jobs, link
from pages.common.concept_controls import opened
from pages.common.text import escaped

MOST_PHOTOS = 32  # beyond which nothing is looked up unasked
SETTINGS = ExplainSettings()  # as the pages Concepts and Explain have them, so that their CAVs are found
_FIT = "look alikes.fit"
COLUMN = "Looks like"
COLUMN_HELP = (
    "The concept of the library that the cluster's activation points to most, with the cosine, where that is more than "
    "chance gives: beyond the middle 95 % of pseudo-concepts. One in forty concepts stands out by chance alone, and a concept "
    "whose images are of another kind than the photo, such as rendered ones beside a photograph, may mislead."
)


def asked(
    info: EncoderInfo, photos: Sequence[Photo], maps: Sequence[np.ndarray], n_clusters: int
) -> Job[LookAlikesResult] | None:
    """The job that looks the clusters up, from one map (H, W) per photo; None where there are too many photos."""
    if len(photos) > MOST_PHOTOS:
        return None
    library = jobs.service().library
    concepts, randoms = (tuple(opened(library, s) for s in library.sets(kind)) for kind in ("concept", "random"))
    fit = bool(st.session_state.get(_FIT))
    question = LookAlikes(
        info.name,
        tuple(photos),
        maps=tuple(PartMap.of(labels) for labels in maps),
        n_parts=n_clusters,
        concepts=concepts,
        randoms=randoms[:1] if fit else randoms,
        settings=SETTINGS,
        fit=fit,
        n_at_hand=0 if fit else library.n_cavs,
    )
    return jobs.asked("look alikes", question)


def words(job: Job[LookAlikesResult] | None, n_clusters: int) -> list[str]:
    """Per cluster the concept that it looks like with the cosine; empty where none stands out, or nothing is known yet."""
    if job is None or not job.done or job.error() is not None:
        return [""] * n_clusters
    best = [job.result().best(idx) for idx in range(n_clusters)]
    return [f"{alike.concept} ({alike.cosine:.2f})" if alike else "" for alike in best]


def draw_remark(job: Job[LookAlikesResult] | None) -> None:
    """Says below the table what was compared, and offers to compare with all concepts."""
    if job is None:
        return
    if not job.done:
        st.fragment(partial(_wait, job), key="look alikes", run_every=0.5)()
        return
    if job.error() is not None:
        st.caption(escaped(f"Concepts could not be looked up: {job.error()}"))
    else:
        n, n_all = job.result().n_concepts, len(jobs.service().library.sets("concept"))
        with st.container(horizontal=True, vertical_alignment="center"):
            at_hand = f"“{COLUMN}” compares with the {n} of {n_all} concepts whose CAVs are at hand."
            st.caption(at_hand if n else "No concept has been fitted for this encoder yet.", width="stretch")
            if n < n_all:
                st.button(
                    "Compare with all concepts",
                    key="all look alikes",
                    on_click=st.session_state.__setitem__,
                    args=(_FIT, True),
                    help="Fits the concepts that are missing, against the first random counterpart. It takes a minute or more.",
                )


def _wait(job: Job[LookAlikesResult]) -> None:
    """Runs the page again once the job is done: then the table and the picture show what was found."""
    if job.done:
        link.rerun()
    st.caption(escaped(f"Looking up concepts … {job.message}"))


def noted(
    notes: Sequence[Sequence[str]], segmentation: Segmentation, n_clusters: int, job: Job[LookAlikesResult] | None
) -> tuple[tuple[str, ...], ...]:
    """What is said of every cluster of every granularity, with what those of the present one look like."""
    alike = words(job, n_clusters)
    if not any(alike):
        return tuple(map(tuple, notes))
    said = [list(of_map) for of_map in notes] or [[""] * k for k in segmentation.ks]
    place = segmentation.ks.index(n_clusters)
    looks = [f"looks like {alike_word}" if alike_word else "" for alike_word in alike]
    said[place] = [", ".join(filter(None, pair)) for pair in zip(said[place], looks, strict=True)]
    return tuple(map(tuple, said))
