"""A segmentation on the screen, and the few controls that only change its appearance.

The three fragments of a segmentation (picture, depths, details) rerun together when its appearance changes, without the rest
of the page: the segmentation holds the maps of every k, so nothing is computed again.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from explainers.drawing.clusters import overlay, shown_colours
from explainers.maps.regions import without_small_regions
from explainers.nave.quality import cluster_table
from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_csv, maps_npz
from explainers.results.look_alikes import LookAlikesResult
from explainers.results.segmentations import Predictions, SegmentationResult
from explainers.results.tables import cluster_rows
from explainers.runtime.caches import LruCache
from explainers.service.questions import Segment
from explainers.service.service import Job
from models.photo import Photo
from pages.common import jobs, link, plots
from pages.common.charts import probabilities
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.live_view.live_view import Pane, live_view
from pages.common.live_view.notes import main_depths
from pages.common.pictures import on_screen
from pages.common.shelf import MB
from pages.common.text import escaped
from pages.explore import (
    appearance,
    charts,
    cluster_names,
    concept_making,
    downloads,
    exports,
    look_alikes,
    part_taken,
    truth_views,
)
from pages.explore.appearance import Appearance
from pages.explore.concept_making import Selection

_THUMBNAIL_SIDE = 480
_TILES: LruCache[bytes] = LruCache(8 * MB, len)  # some 150 pictures: what sixteen people have before them
_QUALITY_HELP = (
    "Stability: how alike the maps of other seeds are; 1 means the same. "
    "Explained variance: how much of the differences between positions the clusters account for."
)
_NOTHING_SELECTED = "Nothing is selected. Click a cluster on the picture, or press its number under “Show only”."
_CLOUD_HELP = (
    "Every dot is a position of the photo; dots close to each other have similar activations. "
    "The axes are the two principal components: activations differ most along them."
)


# --- the picture ----------------------------------------------------------------------------------------------------------


@st.fragment(key="picture")
def picture(photo: Photo, result: SegmentationResult, predictions: Predictions, remark: str) -> None:
    """The live segmentation, the original, the class predictions with a remark on what they are worth, and the downloads."""
    shown = appearance.current()
    appearance.granularity(result.segmentation)
    left, right = st.columns([8, 5], gap="medium")
    with left:
        _live_picture(photo, result, shown)
        appearance.controls()
        colours = _colours(photo, result.segmentation)
        appearance.legend(colours, cluster_names.in_words(result, shown.n_clusters))
        labels = result.segmentation.at(shown.n_clusters)
        with st.container(horizontal=True, vertical_alignment="center"):
            concept_making.offer(partial(Selection.of_clusters, [photo], [labels], shown.only))
            cluster_names.offer([photo], result, shown.n_clusters, colours)
            part_taken.switch(result.encoder)
    with right:
        original(photo, predictions, remark)
        st.markdown("**Download**")
        draw_downloads("download", _files(photo, result, shown), exports.files(result, shown.n_clusters))
    part_taken.draw(photo, result.encoder, lambda: np.isin(labels, shown.only), _NOTHING_SELECTED)
    cluster_names.tell(result, shown.n_clusters)
    link.write()


def original(photo: Photo, predictions: Predictions, remark: str) -> None:
    """The photo as it is, and what the encoder takes it for with a remark on what that is worth."""
    st.image(on_screen(photo), width="stretch", alt=f"The original: {photo.name}")
    st.caption(f"{escaped(photo.name)} · {photo.pixels.shape[1]} × {photo.pixels.shape[0]} px")
    _class_predictions(predictions, remark)


def _live_picture(photo: Photo, result: SegmentationResult, shown: Appearance) -> None:
    """The segmentation at every granularity, in one pane."""
    segmentation = result.segmentation
    pane = Pane(
        id="picture",
        photo=photo,
        maps=segmentation.labels,
        at=tuple(range(len(segmentation.ks))),
        alt=f"{photo.name}, seen by {result.encoder.name}",
        notes=look_alikes.noted(main_depths(segmentation), segmentation, shown.n_clusters, _look_alikes(photo, result)),
        names=cluster_names.on_maps(result, shown.n_clusters),
        selected=shown.only,
    )
    live_view("picture", [pane], segmentation.ks, shown.n_clusters, shown.cover, appearance.live_controls())


def _colours(photo: Photo, segmentation: Segmentation) -> tuple[str, ...]:
    """The colours of the clusters as they look on the picture."""
    shown = appearance.current()
    labels = segmentation.at(shown.n_clusters)
    return shown_colours(on_screen(photo, _THUMBNAIL_SIDE), labels, shown.n_clusters, shown.drawn_opacity)


def _class_predictions(predictions: Predictions, remark: str) -> None:
    """The most probable classes with their probabilities, or why there are none."""
    if not predictions.encoder.has_classifier:
        st.caption("This encoder was trained without classes, so it has no classifier and predicts nothing.")
        return
    st.markdown("**Class predictions**")
    plots.draw(probabilities(predictions), key="probabilities", alt="Class probabilities")
    if remark:
        st.caption(f":material/info: {escaped(remark)}")


def _files(photo: Photo, result: SegmentationResult, shown: Appearance) -> list[Download]:
    k, stem = shown.n_clusters, file_stem(photo.name.rsplit(".", 1)[0], result.encoder.name)
    return [
        Download(
            "Picture",
            f"{stem}-{k}.png",
            "image/png",
            partial(downloads.overlay_png, photo, result, shown),
            "This picture as a PNG, as large as the photo, above a line that names photo and encoder.",
        ),
        Download(
            "Maps",
            f"{stem}.npz",
            "application/octet-stream",
            partial(maps_npz, result),
            "The maps of every granularity as an NPZ file: labels (n_k, H, W) and ks.",
        ),
        Download(
            "Clusters",
            f"{stem}-{k}.csv",
            "text/csv",
            lambda: as_csv(cluster_rows(result.segmentation, k, cluster_names.of(result, k))),
            "The table of clusters as a CSV file.",
        ),
        Download(
            "Settings",
            f"{stem}.json",
            "application/json",
            partial(downloads.settings_json, result, shown),
            "Settings, encoder, photo and versions as a JSON file: what is needed to get this picture again.",
        ),
    ]


# --- each depth alone -----------------------------------------------------------------------------------------------------


def depth_strip(photo: Photo, result: SegmentationResult) -> None:
    """Each depth on its own next to the composite; every one appears when it is ready."""
    st.header("Each depth on its own", anchor=False, help="The same photo and granularity, clustered by one depth at a time.")
    settings = result.segmentation.settings
    alone = {}
    if len(settings.depths) > 1:
        for depth in settings.depths:
            question = Segment(result.encoder.name, photo, replace(settings, depths=(depth,)))
            alone[depth] = jobs.asked(f"depth {depth}", question)
    st.fragment(partial(_strip, photo, result, alone), key="strip", run_every=0.5 if _n_pending(alone) else None)()


def _n_pending(alone: dict[int, Job[SegmentationResult]]) -> int:
    return sum(not job.done for job in alone.values())


def _strip(photo: Photo, result: SegmentationResult, alone: dict[int, Job[SegmentationResult]]) -> None:
    if not alone:
        st.caption("The picture above shows a single depth already. Choose several in the sidebar to compare them.")
        return
    n_pending, shown = _n_pending(alone), replace(appearance.current(), only=())
    with st.grid(min(len(alone) + 1, 6), min_column_width=150):
        _tile(photo, result, shown, "Together")
        for depth, job in alone.items():
            _tile_when_ready(photo, job, shown, f"Depth {depth}")
    if n_pending == 0 and st.session_state.get("strip.pending"):
        st.session_state["strip.pending"] = 0
        link.rerun()  # the one full run that stops this fragment from asking every half second
    st.session_state["strip.pending"] = n_pending


def _tile_when_ready(photo: Photo, job: Job[SegmentationResult], shown: Appearance, caption: str) -> None:
    if not job.done:
        st.skeleton(height=120)
    elif job.error() is not None:
        st.caption(escaped(f"{caption}: {job.error()}"))
    else:
        _tile(photo, job.result(), shown, caption)


def _tile(photo: Photo, result: SegmentationResult, shown: Appearance, caption: str) -> None:
    st.image(_drawn_tile(photo, result, shown), caption=caption, width="stretch", alt=f"{caption}, {shown.n_clusters} clusters")


def _drawn_tile(photo: Photo, result: SegmentationResult, shown: Appearance) -> bytes:
    """A JPEG file of the maps over the photo; drawn once, since a page runs many times as it is."""
    key = result.encoder.fingerprint, photo.sha256, result.settings, shown.n_clusters, shown.drawn_opacity, shown.outlines
    tile = _TILES.get(key)
    if tile is None:
        labels = without_small_regions(result.segmentation.at(shown.n_clusters))  # in a thumbnail they are noise
        pixels = on_screen(photo, _THUMBNAIL_SIDE)
        buffer = io.BytesIO()
        drawn = overlay(pixels, labels, opacity=shown.drawn_opacity, outlines=shown.outlines)
        Image.fromarray(drawn).save(buffer, "JPEG", quality=92, subsampling=0)
        tile = buffer.getvalue()
        _TILES.put(key, tile)
    return tile


# --- details --------------------------------------------------------------------------------------------------------------


def _look_alikes(photo: Photo, result: SegmentationResult) -> Job[LookAlikesResult] | None:
    """Which concepts the clusters of the present granularity look like."""
    k = appearance.current().n_clusters
    return look_alikes.asked(result.encoder, [photo], [result.segmentation.at(k)], k)


@st.fragment(key="details")
def details(photo: Photo, result: SegmentationResult) -> None:
    """The clusters one by one, how good every granularity is, and where the positions lie."""
    segmentation, k = result.segmentation, appearance.current().n_clusters
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _clusters(photo, result, k)
    with right:
        granularities(segmentation, k)
        _cloud(segmentation, k)
    truth_views.draw(photo, result, k)


def _clusters(photo: Photo, result: SegmentationResult, k: int) -> None:
    """The table of clusters: colour, name, area, regions, and how much each depth shapes it."""
    st.header("Clusters", anchor=False)
    segmentation, alike = result.segmentation, _look_alikes(photo, result)
    colours = _colours(photo, segmentation)
    rows = cluster_table(segmentation.at(k), k)
    table = pd.DataFrame(
        {
            "Colour": [appearance.swatch(colours[row.cluster_idx]) for row in rows],
            "Cluster": [row.cluster_idx for row in rows],
            "Area": [100 * row.area for row in rows],
            "Regions": [row.n_regions for row in rows],
        }
    )
    draw_clusters(cluster_names.in_table(table, result, k), segmentation, k, look_alikes.words(alike, k))
    look_alikes.draw_remark(alike)


def draw_clusters(table: pd.DataFrame, segmentation: Segmentation, k: int, alike: Sequence[str], **columns) -> None:
    """The table with what each cluster looks like, where any does, and how much each depth shapes it; ``columns`` are further
    ones that it has."""
    if any(alike):
        table = table.assign(**{look_alikes.COLUMN: alike})
    st.dataframe(
        with_depth_shares(table, segmentation, k),
        hide_index=True,
        placeholder="–",
        height="content",
        alt="Clusters",
        column_config=cluster_columns(segmentation, float(table["Area"].max())) | columns,
    )


def with_depth_shares(table: pd.DataFrame, segmentation: Segmentation, k: int) -> pd.DataFrame:
    """The table with a column per depth: its share in what sets a cluster apart, in percent."""
    shares = segmentation.depth_shares[segmentation.ks.index(k)]
    return table.assign(**{f"Depth {d}": 100 * shares[:, i] for i, d in enumerate(segmentation.settings.depths)})


def cluster_columns(segmentation: Segmentation, largest_area: float) -> dict:
    """How the columns of a table of clusters are drawn; ``largest_area`` in percent fills its bar."""
    percent = st.column_config.NumberColumn(
        format="%.0f %%", width=70, help="How much of what sets this cluster apart comes from this depth."
    )
    return {
        "Colour": st.column_config.ImageColumn(width=55),
        "Cluster": st.column_config.NumberColumn(width=60),
        "Area": st.column_config.ProgressColumn(format="%.1f %%", max_value=largest_area, width=130),
        "Regions": st.column_config.NumberColumn(help="Connected pieces of this cluster.", width=70),
        look_alikes.COLUMN: st.column_config.TextColumn(help=look_alikes.COLUMN_HELP, width=130),
        **dict.fromkeys((f"Depth {depth}" for depth in segmentation.settings.depths), percent),
    }


def granularities(segmentation: Segmentation, k: int) -> None:
    """Stability and explained variance over k, with the suggestion and the present k marked."""
    st.header("How many clusters?", anchor=False, help=_QUALITY_HELP)
    figure = charts.quality_over_k(segmentation.quality, segmentation.suggested_k, k)
    plots.draw(figure, key="quality", alt="Stability and explained variance by granularity")


def _cloud(segmentation: Segmentation, k: int) -> None:
    """Positions on their two principal components, in cluster colours."""
    st.header("Positions by their activations", anchor=False, help=_CLOUD_HELP)
    figure = charts.positions(segmentation, k)
    plots.draw(figure, key="positions", alt="Positions on two principal components")
