"""The same photo in several encoders: segmentations in matched colours, driven by one slider, and where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.agreement import disagreement, in_colours_of, k_of_regions, map_agreement, region_counts
from explainers.heat import heat_overlay
from explainers.nave import NaveSettings, Segmentation
from explainers.overlay import overlay
from explainers.service import ExplainerService, Predictions, SegmentationResult
from models.preprocessing import Photo
from pages.common import charts, compare_panes, link
from pages.common.compare_panes import Found, Opening
from pages.common.plain import plain
from pages.common.screen import for_screen

CLUSTERS, DIFFERENCES = "clusters", "differences"
SHOWN = {CLUSTERS: "Clusters", DIFFERENCES: "Where they differ"}
_SIDE = 720  # px of the longer side on the screen
_MIN_PANE = 260  # px; narrower, and panes stand below each other
_SHOWN_HELP = (
    "Clusters: colours are matched to the first encoder by overlap, so one colour means much the same part everywhere.\n\n"
    "Where they differ: the brighter, the less the cluster of a position has in common with the first encoder's cluster there "
    "(one minus intersection over union)."
)
_EQUAL_HELP = (
    "At an equal number of clusters, encoders may cut a photo into quite different numbers of pieces. This chooses for each the "
    "granularity whose number of connected regions is nearest to the one wanted: the fairer comparison."
)


@dataclass(frozen=True)
class Shown:
    """One encoder's map at the position of the slider."""

    opening: Opening
    k: int
    labels: np.ndarray  # (H, W), in the colours of the reference
    n_regions: int


def draw(service: ExplainerService, photo: Photo, openings: Sequence[Opening], settings: dict[int, NaveSettings]) -> None:
    """Asks every encoder for its maps and predictions, and draws them side by side."""

    def ask(opening: Opening) -> tuple:
        question = (photo, settings[opening.place])
        return (
            compare_panes.asked("maps", opening, question, lambda view: service.segment(opening.name, *question, view)),
            compare_panes.asked("classes", opening, (photo,), lambda view: service.classify(opening.name, photo, view)),
        )

    compare_panes.watched("maps", openings, ask, lambda found: _draw(photo, openings, found))


def _draw(photo: Photo, openings: Sequence[Opening], found: Found) -> None:
    ready = [(o, *found[o.place]) for o in openings if o.place in found]
    if not ready:
        return
    segmentations = [result.segmentation for _, result, _ in ready]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ks = _slider(segmentations)
        what, opacity = _look()
    shown = shown_maps([o for o, _, _ in ready], segmentations, ks)
    pixels = _pixels(photo.sha256, photo)
    pictures = [_picture(pixels, shown[0], one, what, opacity) for one in shown]
    with st.grid(max(2, len(openings)), min_column_width=_MIN_PANE):
        for one, picture, (_, _, predictions) in zip(shown, pictures, ready, strict=True):
            with st.container():
                _pane(shown[0], one, picture, predictions, what)
    captions = [f"{one.opening.title}: {one.k} clusters, {one.n_regions} regions" for one in shown]
    compare_panes.keep(
        "segmentations",
        rows([o for o, _, _ in ready], [result for _, result, _ in ready]),
        pictures=list(zip(pictures, captions, strict=True)),
    )
    link.write()


def shown_maps(openings: Sequence[Opening], segmentations: Sequence[Segmentation], ks: Sequence[int]) -> list[Shown]:
    """The maps at these granularities, in colours matched to the first."""
    reference = segmentations[0].at(ks[0])
    maps = []
    for opening, segmentation, k in zip(openings, segmentations, ks, strict=True):
        labels = segmentation.at(k) if not maps else in_colours_of(reference, segmentation.at(k))
        maps.append(Shown(opening, k, labels, _regions(segmentation)[k]))
    return maps


def _regions(segmentation: Segmentation) -> dict[int, int]:
    return {quality.k: quality.n_regions for quality in segmentation.quality}


def _slider(segmentations: Sequence[Segmentation]) -> list[int]:
    """The one slider, and what it stands for; the granularity of every encoder."""
    reference = segmentations[0]
    link.settle("equal", False, word="equal regions")
    link.settle("k", reference.suggested_k, reference.ks.__contains__, word="granularity")
    equal = st.toggle("Equal regions", key="equal", persist_state="session", help=_EQUAL_HELP)
    if not equal:
        k = st.slider(
            "Granularity",
            reference.ks[0],
            reference.ks[-1],
            key="k",
            persist_state="session",
            width=360,
            help=f"Into how many clusters every encoder divides the photo. Suggested for the first: {reference.suggested_k}.",
        )
        return [k] * len(segmentations)
    regions = [_regions(s) for s in segmentations]
    choices = region_counts(regions)
    link.settle("regions", choices[len(choices) // 3], choices.__contains__, word="number of regions")
    wanted = st.select_slider(
        "Regions",
        choices,
        key="regions",
        persist_state="session",
        width=360,
        help="How many connected pieces the photo is cut into; every encoder uses the granularity that comes nearest.",
    )
    return [k_of_regions(of_encoder, wanted) for of_encoder in regions]


def _look() -> tuple[str, float]:
    link.settle("shown", CLUSTERS, SHOWN.__contains__)
    link.settle("opacity", 55, range(101).__contains__)
    opacity = st.slider(
        "Opacity", 0, 100, key="opacity", format="%d %%", persist_state="session", width=200, help="How strongly colours cover."
    )
    what = st.segmented_control(
        "Shown", list(SHOWN), key="shown", required=True, format_func=SHOWN.get, persist_state="session", help=_SHOWN_HELP
    )
    return what, opacity / 100


def _picture(pixels: np.ndarray, reference: Shown, one: Shown, what: str, opacity: float) -> np.ndarray:
    if what == DIFFERENCES and one is not reference:
        return heat_overlay(pixels, disagreement(one.labels, reference.labels), max(opacity, 0.05), 0.0)
    return overlay(pixels, one.labels, opacity=opacity)


def _pane(reference: Shown, one: Shown, picture: np.ndarray, predictions: Predictions | None, what: str) -> None:
    compare_panes.title(one.opening)
    st.image(picture, width="stretch", alt=f"{one.opening.title}, {one.k} clusters, {one.n_regions} regions")
    about = _about(reference, one)
    if what == DIFFERENCES and one is not reference:
        about = f"{disagreement(_small(one.labels), _small(reference.labels)).mean():.0%} apart from the first on average"
    st.caption(f"{one.k} clusters · {one.n_regions} regions · {about}")
    if predictions is not None:
        _predictions(one.opening, predictions)


def _about(reference: Shown, one: Shown) -> str:
    if one is reference:
        return "the reference"
    found = map_agreement(_small(reference.labels), _small(one.labels))
    return f"agreement {found.adjusted_rand:.2f} (adjusted Rand)"


def _small(labels: np.ndarray) -> np.ndarray:
    """Every fourth pixel is enough for a figure beneath a picture."""
    return labels[::4, ::4]


def _predictions(opening: Opening, predictions: Predictions) -> None:
    if not predictions.encoder.has_classifier:
        st.caption("Trained without classes: it predicts nothing.")
        return
    st.plotly_chart(
        charts.probabilities(predictions, 3),
        config=charts.CONFIG,
        key=f"probabilities {opening.place}",
        alt=f"Class probabilities of {plain(opening.title)}",
    )


@st.cache_data(show_spinner=False, max_entries=16)
def _pixels(photo_sha256: str, _photo: Photo) -> np.ndarray:
    return for_screen(_photo.pixels, (_SIDE, _SIDE))


def rows(openings: Sequence[Opening], results: Sequence[SegmentationResult]) -> list[dict]:
    """One line per encoder and granularity: regions and quality."""
    return [
        {
            "encoder": opening.name,
            "fingerprint": result.encoder.fingerprint,
            "depths": " ".join(map(str, result.segmentation.settings.depths)),
            "k": quality.k,
            "n_regions": quality.n_regions,
            "explained": quality.explained,
            "stability": quality.stability,
            "suggested": quality.k == result.segmentation.suggested_k,
        }
        for opening, result in zip(openings, results, strict=True)
        for quality in result.segmentation.quality
    ]
