"""One photo in several encoders: segmentations in matched colours, driven by one slider, and where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from explainers.drawing.clusters import overlay
from explainers.drawing.differences import difference_overlay, scale
from explainers.maps.agreement import disagreement, in_colours_of, k_of_regions, map_agreement, matched_names, region_counts
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.segmentations import Predictions, SegmentationResult
from explainers.service.questions import Classify, Question, Segment
from models.photo import Photo
from pages.common import charts, choices, link, plots
from pages.common.live_view.live_view import Controls, Cover, Pane, Waiting, live_view
from pages.common.live_view.notes import main_depths
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.compare import panes, similar
from pages.compare.kept import keep
from pages.compare.panes import Answers, Comparison, Opening, Questions

CLUSTERS, DIFFERENCES, SIMILAR = "clusters", "differences", "similar"
SHOWN = {CLUSTERS: "Clusters", DIFFERENCES: "Where they differ", SIMILAR: "Similar places"}
_SIDE = 720  # px of the longer side on the screen
_MIN_PANE = 260  # px; narrower, and panes stand below each other
_SHOWN_HELP = (
    "Clusters: colours are matched to the first encoder by overlap, so one colour means much the same part everywhere.\n\n"
    "Where they differ: the more violet, the less a position's cluster has in common with the first encoder's cluster there "
    "(one minus intersection over union).\n\n"
    "Similar places: what each encoder finds similar to the place under the pointer."
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


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown of one encoder."""

    opening: Opening
    result: SegmentationResult
    predictions: Predictions | None  # None while they are still to come
    k: int
    labels: np.ndarray  # (h, w): the map with k clusters, under the names that match the first encoder's

    @property
    def n_regions(self) -> int:
        return regions(self.result.segmentation)[self.k]


def draw(comparison: Comparison) -> NaveSettings:
    """Draws every encoder's maps and predictions side by side; the settings behind them."""

    def questions_of(opening: Opening) -> Questions:
        photo, settings = comparison.photo, comparison.settings_of[opening.place]
        questions: dict[str, Question] = {
            "maps": Segment(opening.name, photo, settings),
            "classes": Classify(opening.name, photo),
        }
        if st.session_state.get("shown") == SIMILAR:
            questions |= similar.questions(opening, photo, settings)
        return questions

    panes.watched("maps", comparison.openings, questions_of, partial(_draw, comparison))
    return comparison.settings


def _draw(comparison: Comparison, answers: Answers) -> None:
    ready = [o for o in comparison.openings if o.place in answers]
    if not ready:
        return
    photo = comparison.photo
    results = [answers[o.place]["maps"] for o in ready]
    segmentations = [result.segmentation for result in results]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frames = _slider(segmentations)
        what = _what_is_shown()
    first = segmentations[0].at(frames.at(0))
    shown = {
        o.place: Shown(
            o,
            result,
            answers[o.place]["classes"],
            frames.at(n),
            in_colours_of(first, result.segmentation.at(frames.at(n))),
        )
        for n, (o, result) in enumerate(zip(ready, results, strict=True))
    }
    if what == SIMILAR:
        keep("segmentations", rows(list(shown.values())), pictures=similar.draw(comparison, answers))
        link.write()
        return
    if what == DIFFERENCES:
        pictures = _differences(photo, list(shown.values()))
        placed = ready
    else:
        _live(comparison, dict(zip([o.place for o in ready], segmentations, strict=True)), frames)
        pictures = [overlay(on_screen(photo, _SIDE), s.labels, opacity=_opacity()) for s in shown.values()]
        placed = comparison.openings
    with st.grid(max(2, len(placed)), min_column_width=_MIN_PANE):
        for opening in placed:
            with st.container():
                if opening.place in shown:
                    _beneath(shown[opening.place], next(iter(shown.values())))
                else:
                    st.caption(escaped(f"{opening.title} · nothing to show"))  # keeps the place beneath its pane
    captions = [f"{s.opening.title}: {s.k} clusters, {s.n_regions} regions" for s in shown.values()]
    keep("segmentations", rows(list(shown.values())), pictures=list(zip(pictures, captions, strict=True)))
    link.write()


# --- the slider -----------------------------------------------------------------------------------------------------------


def _slider(segmentations: Sequence[Segmentation]) -> Frames:
    """Draws the one slider; what it stands for."""
    link.settle("equal", default=False, word="equal regions")
    first = segmentations[0]
    link.settle("k", first.suggested_k, first.ks.__contains__, word="granularity")
    if st.toggle("Equal regions", key="equal", persist_state="session", help=_EQUAL_HELP):
        return _regions_slider([regions(s) for s in segmentations])
    k = st.slider(
        "Granularity",
        first.ks[0],
        first.ks[-1],
        key="k",
        persist_state="session",
        width=360,
        help=f"Into how many clusters every encoder divides the photo. Suggested for the first: {first.suggested_k}.",
    )
    return Frames("k", first.ks, k, (first.ks,) * len(segmentations))


def _regions_slider(n_regions: Sequence[dict[int, int]]) -> Frames:
    values = region_counts(n_regions)
    link.settle("regions", values[len(values) // 3], values.__contains__, word="number of regions")
    wanted = st.select_slider(
        "Regions",
        values,
        key="regions",
        persist_state="session",
        width=360,
        help="How many connected pieces the photo is cut into; every encoder uses the granularity that comes nearest.",
    )
    ks = tuple(tuple(k_of_regions(of_encoder, value) for value in values) for of_encoder in n_regions)
    return Frames("regions", values, wanted, ks)


def regions(segmentation: Segmentation) -> dict[int, int]:
    """The number of regions by k."""
    return {quality.k: quality.n_regions for quality in segmentation.quality}


def _what_is_shown() -> str:
    """Draws how strongly colours cover, and the choice between clusters and differences."""
    link.settle("opacity", 55, range(101).__contains__)
    st.slider(
        "Opacity", 0, 100, key="opacity", format="%d %%", persist_state="session", width=200, help="How strongly colours cover."
    )
    return choices.choose("Shown", "shown", SHOWN, _SHOWN_HELP)


def _opacity() -> float:
    return st.session_state["opacity"] / 100


# --- live panes -----------------------------------------------------------------------------------------------------------


def _live(comparison: Comparison, segmentations: Mapping[int, Segmentation], frames: Frames) -> None:
    """All panes, driven by the slider while it moves; a place is kept for those that are still to come."""
    first = next(iter(segmentations.values()))
    ks_of = {place: frames.ks[n] for n, place in enumerate(segmentations)}
    drawn: list[Pane | Waiting] = []
    for opening in comparison.openings:
        segmentation = segmentations.get(opening.place)
        if segmentation is None:
            sentence = "It appears here as soon as it is ready."
            if opening.error is not None:
                sentence = "It cannot be opened; see the message above."
            drawn.append(Waiting(f"pane{opening.place}", comparison.photo, opening.title, sentence))
        else:
            ks = ks_of[opening.place]
            colours = matched_colours(first, frames.ks[0], segmentation, ks)
            drawn.append(pane(opening, comparison.photo, segmentation, ks, colours))
    follow = Controls({"frame": frames.key, "opacity": "opacity"})
    live_view("side by side", drawn, frames.values, frames.value, Cover(_opacity()), follow)


def pane(
    opening: Opening, photo: Photo, segmentation: Segmentation, ks: Sequence[int], colours: tuple[tuple[int, ...], ...]
) -> Pane:
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


def matched_colours(
    first: Segmentation, first_ks: Sequence[int], segmentation: Segmentation, ks: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Per frame and cluster the colour that matches the first encoder's; () if it is the first one itself.

    Clusters are matched on a quarter of the positions, which decides the same.
    """
    if segmentation is first:
        return ()
    pairs = zip(first_ks, ks, strict=True)
    return tuple(tuple(matched_names(_small(first.at(a)), _small(segmentation.at(b))).tolist()) for a, b in pairs)


def _small(labels: np.ndarray) -> np.ndarray:
    """Every other row and column of a map (h, w) is enough for numbers and for matching."""
    return labels[::2, ::2]


# --- differences, and what stands beneath ---------------------------------------------------------------------------------


def _differences(photo: Photo, shown: Sequence[Shown]) -> list[np.ndarray]:
    """Draws the first encoder's clusters, and beside them where each of the others differs; the pictures (H, W, 3)."""
    pixels, opacity, first = on_screen(photo, _SIDE), _opacity(), shown[0]
    others = [difference_overlay(pixels, disagreement(s.labels, first.labels)) for s in shown[1:]]
    pictures = [overlay(pixels, first.labels, opacity=opacity), *others]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Same cluster", width="content")
        st.image(scale(), width=160, alt="From grey, the same cluster, to violet, nothing in common")
        st.caption("nothing in common with the first encoder's cluster", width="content")
    with st.grid(max(2, len(shown)), min_column_width=_MIN_PANE):
        for s, picture in zip(shown, pictures, strict=True):
            title = s.opening.title
            with st.container():
                panes.draw_title(s.opening)
                st.image(picture, width="stretch", alt=title if s is first else f"Where {title} differs")
    return pictures


def _beneath(shown: Shown, first: Shown) -> None:
    """Numbers and predictions below a pane."""
    parts = [shown.opening.title, f"{shown.k} clusters", f"{shown.n_regions} regions"]
    if shown.opening.place != 0 and shown is not first:
        own, others = _small(shown.labels), _small(first.labels)
        parts.append(f"adjusted Rand index {map_agreement(others, own).adjusted_rand:.2f} to the first")
        parts.append(f"{disagreement(own, others).mean():.0%} apart")
    st.caption(escaped(" · ".join(parts)))
    if shown.predictions is None:
        return
    if not shown.predictions.encoder.has_classifier:
        st.caption("Trained without classes: it predicts nothing.")
        return
    if shown.opening.remark:
        st.caption(f":material/info: {escaped(shown.opening.remark)}")
    plots.draw(
        charts.probabilities(shown.predictions, 3),
        key=f"probabilities {shown.opening.place}",
        alt=f"Class probabilities of {escaped(shown.opening.title)}",
    )


def rows(shown: Sequence[Shown]) -> list[dict]:
    """One line per encoder and granularity: regions and quality."""
    return [
        {
            "encoder": s.opening.name,
            "fingerprint": s.result.encoder.fingerprint,
            "depths": " ".join(map(str, s.result.segmentation.settings.depths)),
            "k": quality.k,
            "n_regions": quality.n_regions,
            "explained": quality.explained,
            "stability": quality.stability,
            "suggested": quality.k == s.result.segmentation.suggested_k,
        }
        for s in shown
        for quality in s.result.segmentation.quality
    ]
