"""Which depth of one encoder is most like which depth of another, over a collection of photos?"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import numpy as np
import streamlit as st

from explainers.maps.cka import cka_matrix
from explainers.nave.settings import NaveSettings
from explainers.results.tables import depth_rows
from explainers.service.photo_questions import CompareDepths
from pages.common import collection, plots
from pages.common.text import escaped
from pages.compare import charts, panes
from pages.compare.kept import keep
from pages.compare.panes import Answers, Comparison, Opening, Questions

_CKA_HELP = (
    "Linear centred kernel alignment over positions of the photos: 1 means that two depths place the positions alike, up to a "
    "rotation. A ring marks the depth that is most like each depth of the row."
)


def draw(comparison: Comparison) -> NaveSettings:
    """Draws the similarity of depths of every pair of encoders; the settings, of which only the input size decides it."""
    photos, settings = collection.choose(comparison.learnt_from), comparison.settings

    def questions_of(opening: Opening) -> Questions:
        return {"depths": CompareDepths(opening.name, photos, settings.input_size)}

    panes.watched("depths", comparison.openings, questions_of, partial(_draw, comparison.openings))
    return settings


def _draw(openings: Sequence[Opening], answers: Answers) -> None:
    ready = [o for o in openings if o.place in answers]
    if len(ready) < 2:
        return
    st.header("Similarity of depths", anchor=False, help=_CKA_HELP)
    pairs = list(combinations(ready, 2))
    columns = st.columns(min(2, len(pairs)), gap="medium")
    rows, figures = [], []
    for n, (a, b) in enumerate(pairs):
        of_a, of_b = answers[a.place]["depths"], answers[b.place]["depths"]
        similarity = cka_matrix(of_a.grams, of_b.grams)
        rows += depth_rows(of_a, of_b, similarity)
        with columns[n % len(columns)]:
            st.markdown(f"**{escaped(a.title)}** beside **{escaped(b.title)}**")
            figure = charts.depth_similarity(similarity, (a.title, of_a.depths), (b.title, of_b.depths))
            figures.append(figure)
            plots.draw(figure, key=f"cka {n}", alt="Linear CKA of every pair of depths")
            st.caption(escaped(in_words(similarity, (a.title, of_a.depths), (b.title, of_b.depths))))
    keep("depths", rows, figures)


def in_words(similarity: np.ndarray, a: tuple[str, Sequence[int]], b: tuple[str, Sequence[int]]) -> str:
    """The most alike pair of depths, and where the deepest of the first encoder finds its like.

    ``similarity`` is (n_depths_a, n_depths_b); ``a`` and ``b`` are each an encoder's name and its depths.
    """
    (name_a, depths_a), (name_b, depths_b) = a, b
    row, column = divmod(int(similarity.argmax()), similarity.shape[1])
    last = int(similarity[-1].argmax())
    return (
        f"Most alike: depth {depths_a[row]} of {name_a} and depth {depths_b[column]} of {name_b} "
        f"({similarity[row, column]:.2f}). The deepest of {name_a} is most like depth {depths_b[last]} of {name_b} "
        f"({similarity[-1, last]:.2f})."
    )
