"""Into people's tools: the formats in which clusters can be written, one table for pages and command line."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from explainers.results import coco, label_studio, palettes, yolo
from explainers.results.exported import Export, File
from explainers.results.files import EPOCH

TYPES = {"json": "application/json", "png": "image/png", "zip": "application/zip"}


@dataclass(frozen=True)
class Format:
    """A format of other people's tools."""

    title: str
    meaning: str  # in a sentence
    suffix: str  # of the file that it is for one photo
    suffix_of_several: str
    write: Callable[[Export], Iterator[File]]


FORMATS: dict[str, Format] = {
    "coco": Format(
        "COCO",
        "COCO JSON with a category and an RLE mask per cluster: read by pycocotools, FiftyOne, CVAT and Label Studio.",
        "json",
        "json",
        coco.masks_of_clusters,
    ),
    "masks": Format(
        "PNG masks",
        "A PNG with a palette per photo, as large as the photo: the value of a pixel is its cluster.",
        "png",
        "zip",
        palettes.palette_masks,
    ),
    "label-studio": Format(
        "Label Studio",
        "Pre-annotations for Label Studio: every cluster as a brush mask that people can correct.",
        "json",
        "json",
        label_studio.tasks,
    ),
    "yolo": Format(
        "YOLO",
        "A text per photo with a box around every region of a cluster that takes at least 0.2 % of the photo.",
        "zip",
        "zip",
        yolo.region_texts,
    ),
    "boxes": Format(
        "One box",
        "COCO JSON with one box per photo and no label: around the largest region of the cluster that keeps clear of the edges "
        "most.",
        "json",
        "json",
        coco.one_box_each,
    ),
}


def file_suffix(export: Export, format_name: str) -> str:
    """The suffix of the one file that `as_one_file` makes."""
    row = FORMATS[format_name]
    return row.suffix if len(export.photos) == 1 else row.suffix_of_several


def as_one_file(export: Export, format_name: str) -> File:
    """The export as the one file that it is, or as a .zip of several."""
    files = list(FORMATS[format_name].write(export))
    if len(files) == 1:
        return files[0]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name, EPOCH), file.content, zipfile.ZIP_DEFLATED)
    return File(f"{export.title}.zip", buffer.getvalue())
