"""Several photos whose positions were clustered together: one slider, and one colour for the same thing in all of them.

The three fragments have the names of those of a single photo, so that the same controls rerun them.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from explainers.drawing.clusters import at_size, shown_colours
from explainers.maps.regions import without_small_regions
from explainers.nave.quality import cluster_table
from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_csv, maps_zip
from explainers.results.look_alikes import LookAlikesResult
from explainers.results.segmentations import SegmentationsResult
from explainers.results.tables import photos_cluster_rows
from explainers.service.service import Job
from models.photo import Photo
from pages.common import link, plots
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.live_view.live_view import Pane, live_view
from pages.common.live_view.notes import main_depths
from pages.common.pictures import on_screen
from pages.common.text import escaped
from pages.explore import appearance, charts, cluster_names, concept_making, downloads, exports, look_alikes, truth_views, views
from pages.explore.appearance import Appearance
from pages.explore.concept_making import Selection

N_PER_PAGE = 12
_N_SAMPLED, _SAMPLED_SIDE = 32, 160  # photos, and px of their longer side, from which colours are taken
_SHARES_HELP = "How much of each photo belongs to which cluster, in the colours of the clusters."


def draw(photos: Sequence[Photo], result: SegmentationsResult) -> None:
    """The photos with their clusters, the clusters by photo, and the table of clusters."""
    _pictures(photos, result)
    _shares(photos, result)
    _details(photos, result)


@st.fragment(key="picture")
def _pictures(photos: Sequence[Photo], result: SegmentationsResult) -> None:
    """The live segmentations of all photos, the widgets of their appearance, and the downloads."""
    shown, first = appearance.current(), result.segmentations[0]
    with st.container(key="stays"):
        appearance.granularity(first)
        colours = _colours(photos, result)
        appearance.legend(colours, cluster_names.in_words(result, shown.n_clusters))
    st.caption(
        "The photos were clustered together: one colour means one thing in all of them. Hold a photo pressed to see the "
        "originals. Small regions are merged here; tables and files have them all."
    )
    frames = tuple(range(len(first.ks)))
    notes = look_alikes.noted(main_depths(first), first, shown.n_clusters, _look_alikes(photos, result))
    names = cluster_names.on_maps(result, shown.n_clusters)
    place = st.container()
    on_page = page(len(photos))
    panes = [
        Pane(
            id=str(n),
            photo=photo,
            maps=thumbnail_maps(segmentation),
            at=frames,
            alt=f"{photo.name}, seen by {result.encoder.name}",
            title=escaped(photo.name),
            notes=notes,
            names=names,
            selected=shown.only,
        )
        for n, photo, segmentation in ((n, photos[n], result.segmentations[n]) for n in on_page)
    ]
    with place:
        live_view("together", panes, first.ks, shown.n_clusters, shown.cover, appearance.live_controls(together=True))
    appearance.controls()
    maps = [segmentation.at(shown.n_clusters) for segmentation in result.segmentations]
    with st.container(horizontal=True):
        concept_making.offer(partial(Selection.of_clusters, photos, maps, shown.only))
        cluster_names.offer(photos, result, shown.n_clusters, colours)
    draw_downloads("download set", _files(photos, result, shown), exports.files(result, shown.n_clusters))
    cluster_names.tell(result, shown.n_clusters)
    link.write()


def _colours(photos: Sequence[Photo], result: SegmentationsResult) -> tuple[str, ...]:
    """The colours of the clusters as they look on the pictures; the first photos decide, as far as they are enough."""
    shown = appearance.current()
    pixels = [on_screen(photo, _SAMPLED_SIDE) for photo in photos[:_N_SAMPLED]]
    maps = [at_size(s.at(shown.n_clusters), p.shape[:2]) for s, p in zip(result.segmentations, pixels, strict=False)]
    photo, labels = (np.concatenate([part.reshape(-1, 1, *part.shape[2:]) for part in parts]) for parts in (pixels, maps))
    return shown_colours(photo, labels, shown.n_clusters, shown.drawn_opacity)


def page(n_photos: int) -> range:
    """Draws the choice of a page where there are several; the places of the photos on it."""
    n_pages = -(-n_photos // N_PER_PAGE)
    chosen = st.pagination(n_pages, key=f"page of {n_photos} photos") if n_pages > 1 else 1
    return range((chosen - 1) * N_PER_PAGE, min(chosen * N_PER_PAGE, n_photos))


def _identity(segmentation: Segmentation) -> tuple:
    return segmentation.settings, segmentation.labels.shape, segmentation.labels[:, ::8, ::8].tobytes()


@st.cache_data(show_spinner=False, max_entries=4 * N_PER_PAGE, hash_funcs={Segmentation: _identity})
def thumbnail_maps(segmentation: Segmentation) -> np.ndarray:
    """The maps (n_k, h, w) of a photo at half the size, (n_k, h / 2, w / 2), small regions merged into what lies around them."""
    return np.stack([without_small_regions(np.ascontiguousarray(labels[::2, ::2])) for labels in segmentation.labels])


def _files(photos: Sequence[Photo], result: SegmentationsResult, shown: Appearance) -> list[Download]:
    stem, k = file_stem("set", result.encoder.name), shown.n_clusters
    return [
        Download(
            "Picture",
            f"{stem}-{k}.png",
            "image/png",
            partial(downloads.sheet_png, photos, result, shown),
            "All photos under their clusters on one sheet, with their names, as a PNG file.",
        ),
        Download(
            "Maps",
            f"{stem}.zip",
            "application/zip",
            partial(maps_zip, result),
            "The maps of every granularity, one NPZ file per photo in a ZIP: labels (n_k, H, W) and ks.",
        ),
        Download(
            "Clusters",
            f"{stem}-{k}.csv",
            "text/csv",
            lambda: as_csv(photos_cluster_rows(result, k, cluster_names.of(result, k))),
            "Area and regions of every cluster in every photo, as a CSV file.",
        ),
        Download(
            "Settings",
            f"{stem}.json",
            "application/json",
            partial(downloads.together_settings_json, result, k),
            "Settings, encoder, photos and versions as a JSON file.",
        ),
    ]


@st.fragment(key="strip")
def _shares(photos: Sequence[Photo], result: SegmentationsResult) -> None:
    """Which cluster takes how much of which photo."""
    k = appearance.current().n_clusters
    st.header("Clusters by photo", anchor=False, help=_SHARES_HELP)
    areas = np.array([[row.area for row in cluster_table(s.at(k), k)] for s in result.segmentations])
    figure = charts.shares(result.photo_names, areas, _colours(photos, result))
    plots.draw(figure, key="shares", alt="Share of every cluster in every photo")


@st.fragment(key="details")
def _details(photos: Sequence[Photo], result: SegmentationsResult) -> None:
    """The clusters one by one over all photos, and how good every granularity is."""
    k = appearance.current().n_clusters
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.header("Clusters", anchor=False)
        _table(photos, result, k)
    with right:
        views.granularities(result.segmentations[0], k)
    truth_views.draw_set(photos, result, k)


def _look_alikes(photos: Sequence[Photo], result: SegmentationsResult) -> Job[LookAlikesResult] | None:
    """Which concepts the clusters of the present granularity look like."""
    k = appearance.current().n_clusters
    return look_alikes.asked(result.encoder, photos, [segmentation.at(k) for segmentation in result.segmentations], k)


def _table(photos: Sequence[Photo], result: SegmentationsResult, k: int) -> None:
    """Colour, area, photos and regions of every cluster, and how much each depth shapes it."""
    first, alike = result.segmentations[0], _look_alikes(photos, result)
    tables = [cluster_table(segmentation.at(k), k) for segmentation in result.segmentations]
    weights = np.array([np.prod(segmentation.shape) for segmentation in result.segmentations])
    areas = np.array([[row.area for row in table] for table in tables])
    rows = pd.DataFrame(
        {
            "Colour": [appearance.swatch(colour) for colour in _colours(photos, result)],
            "Cluster": range(k),
            "Area": 100 * (weights @ areas) / weights.sum(),
            "Photos": (areas > 0).sum(0),
            "Regions": [sum(table[idx].n_regions for table in tables) for idx in range(k)],
        }
    )
    in_photos = st.column_config.NumberColumn(help="In how many photos this cluster occurs.", width=70)
    views.draw_clusters(cluster_names.in_table(rows, result, k), first, k, look_alikes.words(alike, k), Photos=in_photos)
    look_alikes.draw_remark(alike)
