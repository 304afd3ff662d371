"""How alike do encoders divide photos? Agreement over granularity, for this photo and over a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from explainers.maps.agreement import spread
from explainers.nave.settings import NaveSettings
from explainers.results.comparisons import PhotosAgreement, SegmentedPhotos, agreement_over_photos
from explainers.service.questions import SegmentForComparison
from pages.common import choices, collection, plots
from pages.compare import charts, panes
from pages.compare.charts import Curve
from pages.compare.kept import keep
from pages.compare.panes import COLOURS, Answers, Comparison, Opening, Questions

RAND, MUTUAL = "rand", "mutual"
PAIR_COLOURS = (*COLOURS, "#B5546B", "#6B7A2E")  # one for each pair of four encoders


@dataclass(frozen=True)
class Metric:
    """One measure of agreement: what it is called, and its place in `PhotosAgreement`."""

    title: str
    field: str


METRICS = {
    RAND: Metric("Adjusted Rand index", "adjusted_rand"),
    MUTUAL: Metric("Adjusted mutual information", "adjusted_mutual_information"),
}
_METRIC_HELP = (
    "Both compare two ways to divide a photo, whatever the clusters are called: 1 is the same division, about 0 what chance "
    "gives. The Rand index counts pairs of positions and so follows large clusters; mutual information also heeds small ones."
)
_SEED_HELP = "A dotted line is an encoder against itself with another seed of clustering."
_SPREAD_HELP = "Mean and one standard deviation."

Segmented = Mapping[int, tuple[SegmentedPhotos | None, SegmentedPhotos | None]]
"""By place, an encoder's maps of some photos and those with another seed; None for what is still to come."""


def draw(comparison: Comparison) -> NaveSettings:
    """Draws the agreement between the encoders over k, for this photo and over a collection; the settings behind it."""
    photos = collection.choose(comparison.learnt_from)
    metric = choices.choose("Measure", "metric", {key: metric.title for key, metric in METRICS.items()}, _METRIC_HELP)

    def questions_of(opening: Opening) -> Questions:
        settings = comparison.settings_of[opening.place]
        other = another_seed(settings)
        return {
            "photo maps": SegmentForComparison(opening.name, (comparison.photo,), settings),
            "photo seed": SegmentForComparison(opening.name, (comparison.photo,), other),
            "collection maps": SegmentForComparison(opening.name, photos, settings),
            "collection seed": SegmentForComparison(opening.name, photos, other),
        }

    panes.watched("agreement", comparison.openings, questions_of, partial(_draw, comparison.openings, metric))
    return comparison.settings


def another_seed(settings: NaveSettings) -> NaveSettings:
    """Settings with which clustering begins elsewhere: what that changes is chance."""
    return replace(settings, seed=settings.seed + 1)


def _draw(openings: Sequence[Opening], metric: str, answers: Answers) -> None:
    ready = [o for o in openings if o.place in answers]
    of_photo, of_photos = (
        {place: (given[f"{what} maps"], given[f"{what} seed"]) for place, given in answers.items()}
        for what in ("photo", "collection")
    )
    n_photos = next((len(maps.labels) for maps, _ in of_photos.values() if maps is not None), 0)
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("This photo", anchor=False, help=_SEED_HELP)
        figures = _curves(ready, of_photo, metric, "agreement photo")
    with right:
        st.header(f"Over {n_photos} photos" if n_photos else "Over the photos", anchor=False, help=_SPREAD_HELP)
        figures += _curves(ready, of_photos, metric, "agreement set")
    rows = agreement_rows(ready, of_photos)
    if rows:
        keep("agreement", rows, figures)
        with st.expander("Table"):
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Agreement between encoders")


def _curves(ready: Sequence[Opening], segmented: Segmented, metric: str, key: str) -> list[go.Figure]:
    """Draws the curves; their chart, as far as there is one."""
    curves = agreement_curves(ready, segmented, metric)
    if not curves:
        st.caption("The curves appear once two encoders have answered.")
        return []
    title = METRICS[metric].title
    figure = charts.agreement(curves, title.lower())
    plots.draw(figure, key=key, alt=f"{title} between encoders over granularity")
    return [figure]


def agreement_curves(ready: Sequence[Opening], segmented: Segmented, metric: str) -> list[Curve]:
    """A line for every pair of encoders, a dotted one for every encoder against its own other seed."""
    maps = [(opening, segmented[opening.place][0]) for opening in ready]
    pairs = combinations([(opening, own) for opening, own in maps if own is not None], 2)
    between = [
        _curve(f"{a.title} – {b.title}", PAIR_COLOURS[n], _agreement(of_a, of_b), metric)
        for n, ((a, of_a), (b, of_b)) in enumerate(pairs)
    ]
    if not between:
        return []
    itself = []
    for opening in ready:
        own, other = segmented[opening.place]
        if own is not None and other is not None:
            name = f"{opening.title}, another seed"
            itself.append(_curve(name, COLOURS[opening.place], _agreement(own, other), metric, dashed=True))
    return between + itself


def _curve(name: str, colour: str, agreement: PhotosAgreement, metric: str, *, dashed: bool = False) -> Curve:
    spreads = tuple(spread(of_k) for of_k in getattr(agreement, METRICS[metric].field).T)
    return Curve(name, colour, agreement.ks, spreads, dashed)


def _identity(segmented: SegmentedPhotos) -> tuple:
    return segmented.encoder.fingerprint, segmented.photo_sha256s, segmented.settings


@st.cache_data(show_spinner=False, max_entries=256, hash_funcs={SegmentedPhotos: _identity})
def _agreement(a: SegmentedPhotos, b: SegmentedPhotos) -> PhotosAgreement:
    return agreement_over_photos(a, b)


def agreement_rows(ready: Sequence[Opening], segmented: Segmented) -> list[dict]:
    """One line per pair, measure and granularity, with the spread over photos."""
    return [
        {"pair": curve.name, "measure": METRICS[metric].title, "k": k, "mean": of_k.mean, "std": of_k.std}
        for metric in METRICS
        for curve in agreement_curves(ready, segmented, metric)
        for k, of_k in zip(curve.ks, curve.spreads, strict=True)
    ]
