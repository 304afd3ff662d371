"""Beside your masks: what people drew into the photo, and the clusters that fit it best, every figure beside chance."""

import hashlib

import pandas as pd
import streamlit as st

from explainers.maps.truths import BesideChance, TruthMatch
from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_csv
from explainers.results.segmentations import SegmentationResult
from explainers.truth.matches import match_of
from explainers.truth.objects import Place, Truth
from explainers.truth.reading import READERS, read_truth
from models.errors import UnreadableTruth
from models.photo import Photo
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.text import escaped

_HELP = (
    "How well clusters fit objects that somebody drew. IoU: intersection over union of an object with the one cluster that fits "
    "it best; of a box, with the box around a region. Covering and adjusted Rand index compare the whole map. Chance: the same "
    "map moved over the photo at random, 99 times; p-value: how often that is as good."
)
_UPLOAD_HELP = (
    "COCO JSON (polygons, RLE, boxes), Pascal VOC XML (boxes), or a PNG in which every value but 0 is an object. It is not kept "
    "and never part of a link."
)


def draw(photo: Photo, result: SegmentationResult, k: int) -> None:
    """The uploader, and below it the table for the granularity ``k``."""
    st.header("Beside your masks", anchor=False, help=_HELP)
    kinds = [suffix.removeprefix(".") for suffix in READERS]
    file = st.file_uploader("Masks or boxes of this photo", kinds, key="truth", max_upload_size=50, help=_UPLOAD_HELP)
    if file is None:
        st.caption("Upload what was drawn into this photo (COCO, VOC or PNG), and see which clusters fit it, and how well.")
        return
    try:
        truth, match = _matched(file.getvalue(), file.name, photo, result.segmentation, k)
    except UnreadableTruth as refusal:
        st.error(escaped(str(refusal)), icon=":material/error:")
        return
    _draw_whole(match)
    rows = [
        {"object": thing.name, "cluster": fit.cluster_idx, **_cells(fit.iou)}
        for thing, fit in zip(truth.objects, match.objects, strict=True)
    ]
    _draw_table(rows)
    name = f"{file_stem(photo.name.rsplit('.', 1)[0], result.encoder.name, 'masks')}-{k}.csv"
    table = Download("Objects", name, "text/csv", lambda: as_csv(rows), "This table as a CSV file.")
    draw_downloads("download truth", [table])


def _matched(data: bytes, name: str, photo: Photo, segmentation: Segmentation, k: int) -> tuple[Truth, TruthMatch]:
    """What the file says, beside the map; kept for this session while both stay the same."""
    key = (hashlib.sha256(data).hexdigest(), name, photo.sha256, segmentation.settings, k)
    kept = st.session_state.get("truth.match")
    if kept is None or kept[0] != key or kept[1] is not segmentation:
        truth = read_truth(data, name, Place(photo.name, photo.shape, segmentation.shape))
        kept = key, segmentation, (truth, match_of(truth, segmentation.at(k), k))
        st.session_state["truth.match"] = kept
    return kept[2]


def _cells(figure: BesideChance) -> dict[str, float]:
    return {"iou": figure.value, "chance": figure.chance, "p_value": figure.p_value}


def _draw_whole(match: TruthMatch) -> None:
    """The figures of the whole map, each beside chance."""
    whole = {"Mean IoU": match.mean_iou, "Covering": match.covering, "Adjusted Rand index": match.adjusted_rand}
    shown = {label: figure for label, figure in whole.items() if figure is not None}
    with st.container(horizontal=True):
        for label, figure in shown.items():
            by_chance = f"by chance {figure.chance:.2f}, p = {figure.p_value:.2f}"
            st.metric(label, f"{figure.value:.2f}", by_chance, delta_color="off", delta_arrow="off", width="content")
    if len(shown) == 1:
        st.caption("Boxes say nothing of what lies between them, so the whole map is not compared.")


def _draw_table(rows: list[dict]) -> None:
    """A line per object."""
    percent = st.column_config.ProgressColumn(format="%.2f", max_value=1, width=90)
    st.dataframe(
        pd.DataFrame(rows).rename(
            columns={"object": "Object", "cluster": "Cluster", "iou": "IoU", "chance": "Chance", "p_value": "p-value"}
        ),
        hide_index=True,
        height="content" if len(rows) <= 12 else 430,
        alt="Objects and the clusters that fit them best",
        column_config={
            "Cluster": st.column_config.NumberColumn(help="The cluster that fits best.", width=70),
            "IoU": percent,
            "Chance": st.column_config.NumberColumn(format="%.2f", help="What the map gives at places of chance.", width=70),
            "p-value": st.column_config.NumberColumn(format="%.2f", help="How often chance is as good.", width=70),
        },
    )
