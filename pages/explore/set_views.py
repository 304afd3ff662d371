"""A set of photos whose positions were clustered together: one slider, one colour for one thing in all of them.

The three fragments have the names of those of a single photo, so that the same look reruns them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from explainers.nave.quality import cluster_table
from explainers.nave.settings import NaveSettings
from explainers.results.files import as_csv, maps_zip
from explainers.results.segmentations import SegmentationsResult
from explainers.results.tables import photos_cluster_rows
from explainers.service.questions import SegmentTogether
from explainers.service.service import ExplainerService
from models.photo import Photo
from pages.common import jobs, link, theme
from pages.common.live_view.live_view import Pane, live_view
from pages.common.text import plain
from pages.explore import charts, downloads, look, views

_SHARES_HELP = "How much of each photo belongs to which cluster, in the colours of the clusters."
_FILE_HELP = (
    "The maps of every granularity, one NPZ file per photo in a ZIP: labels (n_k, H, W) and ks.",
    "Area and regions of every cluster in every photo, as a CSV file.",
    "Settings, encoder, photos and versions as a JSON file.",
)


def draw(service: ExplainerService, encoder_name: str, photos: Sequence[Photo], settings: NaveSettings) -> None:
    """Asks for the maps of the set and draws them when they are there."""
    question = (encoder_name, tuple(photos), settings)
    segmenting = jobs.requested("set", question, lambda view: service.ask(SegmentTogether(*question), view))
    result = jobs.result_or_stop("set", segmenting)
    look.settle(result.segmentations[0])
    pictures(photos, result)
    shares(result)
    details(result)


@st.fragment(key="picture")
def pictures(photos: Sequence[Photo], result: SegmentationsResult) -> None:
    """The live segmentations of all photos, the widgets of their look, and the downloads."""
    shown, first = look.current(), result.segmentations[0]
    look.granularity(first)
    st.caption("The photos were clustered together: one colour means one thing in all of them.")
    frames = tuple(range(len(first.ks)))
    notes = views.main_depths(first)
    panes = [
        Pane(
            id=str(n),
            photo=photo,
            maps=segmentation.labels,
            at=frames,
            alt=f"{photo.name}, seen by {result.encoder.name}",
            title=plain(photo.name),
            notes=notes,
            selected=shown.only,
        )
        for n, (photo, segmentation) in enumerate(zip(photos, result.segmentations, strict=True))
    ]
    drawn = {"opacity": shown.opacity, "outlines": shown.outlines, "clusters_only": shown.clusters_only, "together": True}
    live_view("together", panes, first.ks, shown.n_clusters, **drawn, follow=look.FOLLOW, on_select=look.select)
    look.appearance(first)
    _take_away(result, shown.n_clusters)
    link.write()


def _take_away(result: SegmentationsResult, k: int) -> None:
    """The downloads. Each file is made when its button is pressed."""
    stem = f"set-{result.encoder.name.replace('/', '-')}"
    files = [
        ("Maps", f"{stem}.zip", "application/zip", lambda: maps_zip(result)),
        ("Clusters", f"{stem}-{k}.csv", "text/csv", lambda: as_csv(photos_cluster_rows(result, k))),
        ("Settings", f"{stem}.json", "application/json", lambda: downloads.together_settings_json(result, k)),
    ]
    with st.container(horizontal=True, gap="xsmall"):
        for (label, name, mime, make), meaning in zip(files, _FILE_HELP, strict=True):
            st.download_button(label, make, name, mime, key=f"download set {label}", on_click="ignore", help=meaning)


@st.fragment(key="strip")
def shares(result: SegmentationsResult) -> None:
    """Which cluster takes how much of which photo."""
    k = look.current().n_clusters
    st.subheader("Clusters by photo", anchor=False, help=_SHARES_HELP)
    areas = np.array([[row.area for row in cluster_table(s.at(k), k)] for s in result.segmentations])
    figure = charts.shares(result.photo_names, areas)
    st.plotly_chart(figure, config=theme.CONFIG, key="shares", alt="Share of every cluster in every photo")


@st.fragment(key="details")
def details(result: SegmentationsResult) -> None:
    """The clusters one by one over all photos, and how good every granularity is."""
    k = look.current().n_clusters
    left, right = st.columns([2, 1], gap="medium")
    with left:
        st.subheader("Clusters", anchor=False)
        _table(result, k)
    with right:
        views.granularities(result.segmentations[0], k)


def _table(result: SegmentationsResult, k: int) -> None:
    """Colour, area, photos and regions of every cluster, and how much each depth shapes it."""
    first = result.segmentations[0]
    tables = [cluster_table(segmentation.at(k), k) for segmentation in result.segmentations]
    weights = np.array([np.prod(segmentation.shape) for segmentation in result.segmentations])
    areas = np.array([[row.area for row in table] for table in tables])
    rows = pd.DataFrame(
        {
            "": [views.swatch(idx) for idx in range(k)],
            "Cluster": range(k),
            "Area": 100 * (weights @ areas) / weights.sum(),
            "Photos": (areas > 0).sum(0),
            "Regions": [sum(table[idx].n_regions for table in tables) for idx in range(k)],
        }
    )
    st.dataframe(
        views.with_depth_shares(rows, first, k),
        hide_index=True,
        height="content",
        alt="Clusters",
        column_config=views.cluster_columns(first, float(rows["Area"].max()))
        | {"Photos": st.column_config.NumberColumn(help="In how many photos this cluster occurs.", width=70)},
    )
