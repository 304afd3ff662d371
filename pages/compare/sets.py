"""Comparisons over sets of photos: agreement over granularity, similarity of depths, cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from explainers.maps.agreement import spread
from explainers.maps.cka import cka_matrix
from explainers.nave.settings import NaveSettings
from explainers.results.comparisons import N_TIMED, Cost, PhotosAgreement, SegmentedPhotos, agreement_over_photos
from explainers.results.explanations import ClassExplanation
from explainers.results.segmentations import SegmentationResult
from explainers.results.tables import depth_rows
from explainers.service.questions import CompareDepths, MeasureCost, Segment, SegmentForComparison
from explainers.service.service import ExplainerService
from models.photo import Photo
from pages.common import jobs, link, photo_set, theme
from pages.common.text import plain
from pages.compare import charts as compare_charts
from pages.compare import panes as compare_panes
from pages.compare.charts import Curve
from pages.compare.panes import COLOURS, Found, Opening

RAND, MUTUAL = "rand", "mutual"


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
_CONCEPTS_FIRST = "Known once the section Concepts was looked at."
_SEED_HELP = "A dotted line is an encoder against itself with another seed of clustering: no two encoders can agree more."
_SPREAD_HELP = "Mean over the photos, and one standard deviation."
_CKA_HELP = (
    "Linear centred kernel alignment over positions of the photos: 1 means that two depths place the positions alike, up to a "
    "rotation. A ring marks the depth that is most like each depth of the row."
)
PAIR_COLOURS = (*COLOURS, "#B5546B", "#6B7A2E")
MB = 2**20

# --- agreement ----------------------------------------------------------------------------------------------------------


def draw_agreement(
    service: ExplainerService, photo: Photo, openings: Sequence[Opening], settings: dict[int, NaveSettings]
) -> None:
    """Agreement between the encoders over k, for this photo and over a set of photos."""
    photos = photo_set.choose()
    link.settle("metric", RAND, METRICS.__contains__)
    metric = st.segmented_control(
        "Measure",
        list(METRICS),
        key="metric",
        required=True,
        format_func=lambda key: METRICS[key].title,
        persist_state="session",
        help=_METRIC_HELP,
    )

    def ask(opening: Opening) -> list:
        one = settings[opening.place]
        questions = {
            "photo maps": ((photo,), one),
            "photo seed": ((photo,), another_seed(one)),
            "set maps": (photos, one),
            "set seed": (photos, another_seed(one)),
        }
        return [
            compare_panes.asked(view, opening, q, lambda scope, q=q: service.ask(SegmentForComparison(opening.name, *q), scope))
            for view, q in questions.items()
        ]

    compare_panes.watched("agreement", openings, ask, lambda found: _draw_agreement(photo, openings, found, metric))


def another_seed(settings: NaveSettings) -> NaveSettings:
    """The same with clustering begun elsewhere: what it changes is chance."""
    return replace(settings, seed=settings.seed + 1)


def _draw_agreement(photo: Photo, openings: Sequence[Opening], found: Found, metric: str) -> None:
    ready = [o for o in openings if o.place in found]
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(
            "This photo", anchor=False, help="A dotted line is an encoder against itself with another seed of clustering."
        )
        of_photo = _curves(ready, {p: answers[:2] for p, answers in found.items()}, metric, "photo")
    with right:
        n_photos = next((len(answers[2].labels) for answers in found.values() if answers[2] is not None), 0)
        st.subheader(
            f"Over {n_photos} photos" if n_photos else "Over the photos", anchor=False, help="Mean and one standard deviation."
        )
        of_set = _curves(ready, {p: answers[2:] for p, answers in found.items()}, metric, "set")
    rows = agreement_rows(ready, {p: answers[2:] for p, answers in found.items()})
    if rows:
        compare_panes.keep("agreement", rows, [*of_photo, *of_set])
        with st.expander("Figures"):
            st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Agreement between encoders")


def _curves(ready: Sequence[Opening], found: Found, metric: str, key: str) -> list[go.Figure]:
    curves = agreement_curves(ready, found, metric)
    if not curves:
        st.caption("The curves appear once two encoders have answered.")
        return []
    figure = compare_charts.agreement(curves, METRICS[metric].title.lower())
    st.plotly_chart(
        figure,
        config=theme.CONFIG,
        key=f"agreement {key}",
        alt=f"{METRICS[metric].title} between encoders over granularity",
    )
    return [figure]


def agreement_curves(ready: Sequence[Opening], found: Found, metric: str) -> list[Curve]:
    """A line for every pair of encoders, a dotted one for every encoder against its own other seed."""
    pairs = [(a, b) for a, b in combinations(ready, 2) if found[a.place][0] and found[b.place][0]]
    between = [
        _curve(f"{a.title} – {b.title}", PAIR_COLOURS[n], _agreement(found[a.place][0], found[b.place][0]), metric)
        for n, (a, b) in enumerate(pairs)
    ]
    own = [
        _curve(f"{o.title}, another seed", COLOURS[o.place], _agreement(*found[o.place]), metric, dashed=True)
        for o in ready
        if pairs and all(found[o.place])
    ]
    return between + own


def _curve(name: str, colour: str, agreement: PhotosAgreement, metric: str, dashed: bool = False) -> Curve:
    spreads = tuple(spread(of_k) for of_k in getattr(agreement, METRICS[metric].field).T)
    return Curve(name, colour, agreement.ks, spreads, dashed)


def _agreement(a: SegmentedPhotos, b: SegmentedPhotos) -> PhotosAgreement:
    return _computed_agreement(_identity(a), _identity(b), a, b)


@st.cache_data(show_spinner=False, max_entries=256)
def _computed_agreement(a_is: tuple, b_is: tuple, _a: SegmentedPhotos, _b: SegmentedPhotos) -> PhotosAgreement:
    return agreement_over_photos(_a, _b)


def _identity(segmented: SegmentedPhotos) -> tuple:
    return segmented.encoder.fingerprint, segmented.photo_sha256s, segmented.settings


def agreement_rows(ready: Sequence[Opening], found: Found) -> list[dict]:
    """One line per pair, measure and granularity, with the spread over photos."""
    return [
        {"pair": curve.name, "measure": METRICS[metric].title, "k": k, "mean": of_k.mean, "std": of_k.std}
        for metric in METRICS
        for curve in agreement_curves(ready, found, metric)
        for k, of_k in zip(curve.ks, curve.spreads, strict=True)
    ]


# --- depths -------------------------------------------------------------------------------------------------------------


def draw_depths(service: ExplainerService, openings: Sequence[Opening], input_size: int) -> None:
    """Which depth of one encoder is most like which of another, over a set of photos."""
    photos = photo_set.choose()

    def ask(opening: Opening) -> list:
        job = lambda scope: service.ask(CompareDepths(opening.name, photos, input_size), scope)  # noqa: E731
        return [compare_panes.asked("depths", opening, (photos, input_size), job)]

    compare_panes.watched("depths", openings, ask, lambda found: _draw_depths(openings, found))


def _draw_depths(openings: Sequence[Opening], found: Found) -> None:
    ready = [o for o in openings if o.place in found]
    if len(ready) < 2:
        return
    st.subheader("Similarity of depths", anchor=False, help=_CKA_HELP)
    columns = st.columns(min(2, len(ready) * (len(ready) - 1) // 2), gap="medium")
    rows, figures = [], []
    for n, (a, b) in enumerate(combinations(ready, 2)):
        grams_a, grams_b = found[a.place][0], found[b.place][0]
        similarity = cka_matrix(grams_a.grams, grams_b.grams)
        rows += depth_rows(grams_a, grams_b, similarity)
        with columns[n % len(columns)]:
            st.markdown(f"**{plain(a.title)}** beside **{plain(b.title)}**")
            figure = compare_charts.depth_similarity(similarity, (a.title, grams_a.depths), (b.title, grams_b.depths))
            figures.append(figure)
            st.plotly_chart(figure, config=theme.CONFIG, key=f"cka {n}", alt="Linear CKA of every pair of depths")
            st.caption(plain(in_words(a.title, b.title, grams_a.depths, grams_b.depths, similarity)))
    compare_panes.keep("depths", rows, figures)


def in_words(a: str, b: str, depths_a: Sequence[int], depths_b: Sequence[int], similarity: np.ndarray) -> str:
    """The most alike pair of depths, and where the deepest of the first finds its like."""
    row, column = np.unravel_index(similarity.argmax(), similarity.shape)
    last = int(similarity[-1].argmax())
    return (
        f"Most alike: depth {depths_a[row]} of {a} and depth {depths_b[column]} of {b} ({similarity[row, column]:.2f}). "
        f"The deepest of {a} is most like depth {depths_b[last]} of {b} ({similarity[-1, last]:.2f})."
    )


# --- cost ---------------------------------------------------------------------------------------------------------------


def draw_cost(service: ExplainerService, photo: Photo, openings: Sequence[Opening], settings: dict[int, NaveSettings]) -> None:
    """Size, time and memory of a forward pass, and how long this photo's maps took."""

    def ask(opening: Opening) -> list:
        one = settings[opening.place]
        cost, maps = (photo, one.input_size), (photo, one)
        return [
            compare_panes.asked("cost", opening, cost, lambda scope: service.ask(MeasureCost(opening.name, *cost), scope)),
            compare_panes.asked("maps", opening, maps, lambda scope: service.ask(Segment(opening.name, *maps), scope)),
        ]

    compare_panes.watched("cost", openings, ask, lambda found: _draw_cost(openings, found))


def _draw_cost(openings: Sequence[Opening], found: Found) -> None:
    rows = [cost_row(o, *found[o.place], _explained(o)) for o in openings if o.place in found]
    if not rows:
        return
    compare_panes.keep("cost", rows)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        alt="Cost of every encoder",
        column_config={
            "encoder": "Encoder",
            "parameters_millions": st.column_config.NumberColumn("Parameters", format="%.1f M"),
            "input": "Input",
            "forward_ms": st.column_config.NumberColumn(
                "Forward pass", format="%.0f ms", help=f"One photo, every depth; median of {N_TIMED} passes."
            ),
            "weights_mb": st.column_config.NumberColumn("Weights", format="%.0f MB"),
            "activations_mb": st.column_config.NumberColumn(
                "Activations", format="%.0f MB", help="Tensors alive at once during that pass, weights not counted."
            ),
            "encoder_s": st.column_config.NumberColumn(
                "Maps: encoder", format="%.2f s", help="Looking through the encoder for this photo's segmentation maps."
            ),
            "clustering_s": st.column_config.NumberColumn(
                "Maps: clustering", format="%.2f s", help="Clustering for every granularity."
            ),
            "fitting_s": st.column_config.NumberColumn(
                "Concepts: CAVs", format="%.1f s", help="Fitting the CAVs; a moment if they were on disk. " + _CONCEPTS_FIRST
            ),
            "explanation_s": st.column_config.NumberColumn(
                "Concepts: class", format="%.1f s", help="Attributions over the images of the class. " + _CONCEPTS_FIRST
            ),
            "machine": "Measured on",
        },
    )
    st.caption("Measured on the machine that runs the dashboard, beside whatever else it does at the time.")


def _explained(opening: Opening) -> ClassExplanation | None:
    """What the section of concepts has found for this encoder, if it was looked at."""
    job = jobs.in_hand(f"compare contributions {opening.place}")
    found = job.result() if job is not None and job.done and job.error() is None else None
    return found if found is not None and found.encoder.name == opening.name else None


def cost_row(opening: Opening, cost: Cost, maps: SegmentationResult | None, explained: ClassExplanation | None = None) -> dict:
    """One line of the table."""
    seconds = maps.seconds if maps else {}
    of_concepts = explained.seconds if explained else {}
    return {
        "encoder": opening.title,
        "parameters_millions": cost.encoder.n_parameters / 1e6,
        "input": "{} × {} px".format(*cost.input_shape),
        "forward_ms": 1000 * cost.forward_seconds,
        "weights_mb": cost.weight_bytes / MB,
        "activations_mb": cost.activation_bytes / MB,
        "encoder_s": seconds.get("encoder"),
        "clustering_s": seconds.get("clustering"),
        "fitting_s": of_concepts.get("concepts"),
        "explanation_s": of_concepts.get("explanation"),
        "machine": f"{cost.device}, {cost.n_threads} threads",
    }
