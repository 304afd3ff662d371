"""The same photo in several encoders: segmentations in matched colours, driven by one slider, and where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from explainers.drawing.clusters import overlay
from explainers.drawing.heat import heat_overlay
from explainers.maps.agreement import disagreement, in_colours_of, k_of_regions, map_agreement, matched_names, region_counts
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.segmentations import Predictions, SegmentationResult
from explainers.service.questions import Classify, Segment
from explainers.service.service import ExplainerService
from models.photo import Photo
from pages.common import charts, link, theme
from pages.common.live_view.live_view import Pane, Waiting, live_view
from pages.common.live_view.notes import main_depths
from pages.common.pictures import for_screen
from pages.common.text import plain
from pages.compare import panes as compare_panes
from pages.compare.panes import Found, Opening

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
class Frames:
    """What the slider can be set to, and the granularity of every encoder there."""

    key: str  # of the slider
    values: tuple[int, ...]
    value: int
    ks: tuple[tuple[int, ...], ...]  # per encoder, per value

    def at(self, encoder: int) -> int:
        """The granularity of an encoder now."""
        return self.ks[encoder][self.values.index(self.value)]


def draw(service: ExplainerService, photo: Photo, openings: Sequence[Opening], settings: dict[int, NaveSettings]) -> None:
    """Asks every encoder for its maps and predictions, and draws them side by side."""

    def ask(opening: Opening) -> tuple:
        question = (photo, settings[opening.place])
        return (
            compare_panes.asked("maps", opening, question, lambda view: service.ask(Segment(opening.name, *question), view)),
            compare_panes.asked("classes", opening, (photo,), lambda view: service.ask(Classify(opening.name, photo), view)),
        )

    compare_panes.watched("maps", openings, ask, lambda found: _draw(photo, openings, found))


def _draw(photo: Photo, openings: Sequence[Opening], found: Found) -> None:
    ready = [o for o in openings if o.place in found]
    if not ready:
        return
    segmentations = [found[o.place][0].segmentation for o in ready]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frames = _slider(segmentations)
        what = _look()
    ks = [frames.at(n) for n in range(len(ready))]
    maps = [in_colours_of(segmentations[0].at(ks[0]), s.at(k)) for s, k in zip(segmentations, ks, strict=True)]
    if what == DIFFERENCES:
        pictures = _differences(photo, ready, maps)
    else:
        _live(photo, openings, dict(zip([o.place for o in ready], segmentations, strict=True)), frames)
        pictures = None
    placed = ready if what == DIFFERENCES else openings
    with st.grid(max(2, len(placed)), min_column_width=_MIN_PANE):
        for opening in placed:
            with st.container():
                if opening not in ready:
                    st.caption(plain(f"{opening.title} · nothing to show"))  # keeps the place beneath its pane
                    continue
                n = ready.index(opening)
                _beneath(opening, segmentations[n], ks[n], maps[0], maps[n], found[opening.place][1])
    _keep(photo, ready, [found[o.place][0] for o in ready], ks, maps, pictures)
    link.write()


def _slider(segmentations: Sequence[Segmentation]) -> Frames:
    """The one slider, and what it stands for."""
    link.settle("equal", False, word="equal regions")
    reference = segmentations[0]
    link.settle("k", reference.suggested_k, reference.ks.__contains__, word="granularity")
    if st.toggle("Equal regions", key="equal", persist_state="session", help=_EQUAL_HELP):
        return _regions_slider([regions(s) for s in segmentations])
    k = st.slider(
        "Granularity",
        reference.ks[0],
        reference.ks[-1],
        key="k",
        persist_state="session",
        width=360,
        help=f"Into how many clusters every encoder divides the photo. Suggested for the first: {reference.suggested_k}.",
    )
    return Frames("k", reference.ks, k, (reference.ks,) * len(segmentations))


def _regions_slider(n_regions: Sequence[dict[int, int]]) -> Frames:
    choices = region_counts(n_regions)
    link.settle("regions", choices[len(choices) // 3], choices.__contains__, word="number of regions")
    wanted = st.select_slider(
        "Regions",
        choices,
        key="regions",
        persist_state="session",
        width=360,
        help="How many connected pieces the photo is cut into; every encoder uses the granularity that comes nearest.",
    )
    ks = tuple(tuple(k_of_regions(of_encoder, choice) for choice in choices) for of_encoder in n_regions)
    return Frames("regions", choices, wanted, ks)


def regions(segmentation: Segmentation) -> dict[int, int]:
    """The number of regions by k."""
    return {quality.k: quality.n_regions for quality in segmentation.quality}


def _look() -> str:
    link.settle("shown", CLUSTERS, SHOWN.__contains__)
    link.settle("opacity", 55, range(101).__contains__)
    st.slider(
        "Opacity", 0, 100, key="opacity", format="%d %%", persist_state="session", width=200, help="How strongly colours cover."
    )
    return st.segmented_control(
        "Shown", list(SHOWN), key="shown", required=True, format_func=SHOWN.get, persist_state="session", help=_SHOWN_HELP
    )


def _live(photo: Photo, openings: Sequence[Opening], segmentations: dict[int, Segmentation], frames: Frames) -> None:
    """All panes, driven by the slider while it moves; a place is kept for those that are still to come."""
    reference = next(iter(segmentations.values()))
    matched_at = {place: frames.ks[n] for n, place in enumerate(segmentations)}
    panes = []
    for opening in openings:
        segmentation = segmentations.get(opening.place)
        if segmentation is None:
            panes.append(Waiting(f"pane{opening.place}", photo, opening.title, _why_not(opening)))
        else:
            ks = matched_at[opening.place]
            panes.append(pane(opening, photo, segmentation, ks, _names(reference, frames.ks[0], segmentation, ks)))
    live_view(
        "side by side",
        panes,
        frames.values,
        frames.value,
        st.session_state["opacity"] / 100,
        follow={"frame": frames.key, "opacity": "opacity"},
    )


def _why_not(opening: Opening) -> str:
    if opening.job.done and opening.job.error() is not None:
        return "It cannot be opened; the reason stands above."
    return "It appears here as soon as it is ready."


def pane(opening: Opening, photo: Photo, segmentation: Segmentation, ks: Sequence[int], colours: tuple) -> Pane:
    """An encoder's pane: its map at every frame, under the matched colours."""
    return Pane(
        id=f"pane{opening.place}",
        photo=photo,
        maps=segmentation.labels,
        at=tuple(segmentation.ks.index(k) for k in ks),
        alt=f"{photo.name}, seen by {opening.name}",
        title=opening.title,
        notes=main_depths(segmentation),
        colours=colours,
    )


def _names(reference: Segmentation, reference_ks: Sequence[int], segmentation: Segmentation, ks: Sequence[int]) -> tuple:
    """Per frame and cluster its matched colour; matched on a quarter of the positions, which decides the same."""
    if segmentation is reference:
        return ()
    pairs = zip(reference_ks, ks, strict=True)
    return tuple(tuple(matched_names(_small(reference.at(a)), _small(segmentation.at(b))).tolist()) for a, b in pairs)


def _differences(photo: Photo, ready: Sequence[Opening], maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The first encoder's clusters, and beside them where each of the others differs."""
    pixels = _pixels(photo.sha256, photo)
    opacity = st.session_state["opacity"] / 100
    first = overlay(pixels, maps[0], opacity=opacity)
    others = [heat_overlay(pixels, disagreement(one, maps[0]), max(opacity, 0.05), 0.0) for one in maps[1:]]
    with st.grid(max(2, len(ready)), min_column_width=_MIN_PANE):
        for opening, picture in zip(ready, [first, *others], strict=True):
            with st.container():
                compare_panes.title(opening)
                st.image(
                    picture, width="stretch", alt=f"Where {opening.title} differs" if opening is not ready[0] else opening.title
                )
    return [first, *others]


def _beneath(
    opening: Opening,
    segmentation: Segmentation,
    k: int,
    reference: np.ndarray,
    labels: np.ndarray,
    predictions: Predictions | None,
) -> None:
    """Figures and predictions below a pane."""
    parts = [opening.title, f"{k} clusters", f"{regions(segmentation)[k]} regions"]
    if opening.place != 0 and labels is not reference:
        found = map_agreement(_small(reference), _small(labels))
        apart = disagreement(_small(labels), _small(reference)).mean()
        parts += [f"adjusted Rand index {found.adjusted_rand:.2f} to the first", f"{apart:.0%} apart"]
    st.caption(plain(" · ".join(parts)))
    if predictions is not None:
        _predictions(opening, predictions)


def _small(labels: np.ndarray) -> np.ndarray:
    """Every other row and column is enough for figures and for matching."""
    return labels[::2, ::2]


def _keep(
    photo: Photo,
    ready: Sequence[Opening],
    results: Sequence[SegmentationResult],
    ks: Sequence[int],
    maps: Sequence[np.ndarray],
    pictures: Sequence[np.ndarray] | None,
) -> None:
    """Pictures and figures for the downloads."""
    if pictures is None:
        pixels, opacity = _pixels(photo.sha256, photo), st.session_state["opacity"] / 100
        pictures = [overlay(pixels, one, opacity=opacity) for one in maps]
    counts = [regions(result.segmentation)[k] for result, k in zip(results, ks, strict=True)]
    captions = [f"{o.title}: {k} clusters, {n} regions" for o, k, n in zip(ready, ks, counts, strict=True)]
    compare_panes.keep("segmentations", rows(ready, results), pictures=list(zip(pictures, captions, strict=True)))


def _predictions(opening: Opening, predictions: Predictions) -> None:
    if not predictions.encoder.has_classifier:
        st.caption("Trained without classes: it predicts nothing.")
        return
    st.plotly_chart(
        charts.probabilities(predictions, 3),
        config=theme.CONFIG,
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
