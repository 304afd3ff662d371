"""Beside your masks: what people drew into the photo, and the clusters that fit it best, every figure beside chance."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import pandas as pd
import streamlit as st

from explainers.maps.truths import BesideChance, TruthMatch
from explainers.nave.segmentation import Segmentation
from explainers.results.files import as_csv
from explainers.results.segmentations import SegmentationResult, SegmentationsResult
from explainers.truth.matches import match_of
from explainers.truth.objects import Place, Truth
from explainers.truth.reading import READERS, name_for, read_truth
from models.errors import UnreadableTruth
from models.photo import Photo
from pages.common.downloads import Download, draw_downloads, file_stem
from pages.common.text import escaped

_HELP = (
    "How well clusters fit objects that somebody drew. IoU: intersection over union of an object with the one cluster that fits "
    "it best; of a box, with the box around a region. Covering and adjusted Rand index compare the whole map. Chance: the same "
    "map moved over the photo at random, 99 times; p-value: how often that is as good."
)
_FIGURES = {"Mean IoU": "mean_iou", "Covering": "covering", "Adjusted Rand index": "adjusted_rand"}
_SET_HELP = "One file per photo, with the photo's name, or one COCO file about all of them. "
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
    _draw_whole({label: getattr(match, field) for label, field in _FIGURES.items()})
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


def _draw_whole(figures: Mapping[str, BesideChance | None]) -> None:
    """The figures of the whole map, each beside chance."""
    shown = {label: figure for label, figure in figures.items() if figure is not None}
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


# --- several photos -------------------------------------------------------------------------------------------------------


def draw_set(photos: Sequence[Photo], result: SegmentationsResult, k: int) -> None:
    """The uploader for many photos, the figures over the set, and a line per photo."""
    st.header("Beside your masks", anchor=False, help=_HELP)
    kinds = [suffix.removeprefix(".") for suffix in READERS]
    label, meaning = "Masks or boxes of these photos", _SET_HELP + _UPLOAD_HELP
    uploads = st.file_uploader(label, kinds, accept_multiple_files=True, key="truths", max_upload_size=50, help=meaning)
    if not uploads:
        st.caption("Upload what was drawn into these photos: one COCO file, or a file per photo with the photo's name.")
        return
    contents = {file.name: file.getvalue() for file in uploads}
    matches, refusals = _matches(contents, photos, result, k)
    for refusal in refusals[:5]:
        st.warning(escaped(refusal), icon=":material/error:")
    if not matches:
        return
    figures = {label: _mean([getattr(match, field) for match in matches.values()]) for label, field in _FIGURES.items()}
    _draw_whole(figures)
    n = len(matches)
    st.caption(f"Means over {n} of {len(photos)} photos; chance moves the maps of all of them at once, 99 times.")
    rows = [
        {"photo": photos[n].name, "objects": len(match.objects)}
        | {field: getattr(match, field) and getattr(match, field).value for field in _FIGURES.values()}
        | {"chance": match.mean_iou.chance, "p_value": match.mean_iou.p_value}
        for n, match in matches.items()
    ]
    _draw_photos(rows)
    name = f"{file_stem('set', result.encoder.name, 'masks')}-{k}.csv"
    draw_downloads("download truths", [Download("Photos", name, "text/csv", lambda: as_csv(rows), "This table as a CSV file.")])


def _matches(
    contents: Mapping[str, bytes], photos: Sequence[Photo], result: SegmentationsResult, k: int
) -> tuple[dict[int, TruthMatch], list[str]]:
    """Per photo with a file its match, and why the others have none; kept for this session while all stays the same."""
    key = tuple((name, hashlib.sha256(data).hexdigest()) for name, data in contents.items()), k
    kept = st.session_state.get("truth.matches")
    if kept is None or kept[0] != key or kept[1] is not result:
        kept = key, result, _matched_each(contents, photos, result, k)
        st.session_state["truth.matches"] = kept
    return kept[2]


def _matched_each(
    contents: Mapping[str, bytes], photos: Sequence[Photo], result: SegmentationsResult, k: int
) -> tuple[dict[int, TruthMatch], list[str]]:
    matches, refusals = {}, []
    for n, (photo, segmentation) in enumerate(zip(photos, result.segmentations, strict=True)):
        name = name_for(PurePath(photo.name).stem, list(contents))
        try:
            if name is None:
                raise UnreadableTruth(f"No file is called like “{photo.name}”.")
            truth = read_truth(contents[name], name, Place(photo.name, photo.shape, segmentation.shape))
        except UnreadableTruth as refusal:
            refusals.append(str(refusal))
        else:
            matches[n] = match_of(truth, segmentation.at(k), k)
    return matches, refusals


def _mean(of_photos: Sequence[BesideChance | None]) -> BesideChance | None:
    known = [figure for figure in of_photos if figure is not None]
    return BesideChance.mean_of(known) if len(known) == len(of_photos) else None


def _draw_photos(rows: list[dict]) -> None:
    """A line per photo."""
    names = {"photo": "Photo", "objects": "Objects", "chance": "Chance of IoU", "p_value": "p-value of IoU"}
    figure = st.column_config.NumberColumn(format="%.2f", width=90)
    st.dataframe(
        pd.DataFrame(rows).rename(columns=names | {field: label for label, field in _FIGURES.items()}),
        hide_index=True,
        placeholder="–",
        height="content" if len(rows) <= 12 else 430,
        alt="Photos and how well clusters fit what was drawn into them",
        column_config=dict.fromkeys((*_FIGURES, "Chance of IoU", "p-value of IoU"), figure),
    )
