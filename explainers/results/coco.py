"""COCO JSON: a category per cluster, an annotation per cluster and photo with an RLE mask; or one box per photo.

segmentation  {"size": [H, W], "counts": text}, run lengths down the columns, as pycocotools packs them
bbox          [left, top, width, height] in pixels of the photo
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as rle

from explainers.results.exported import Export, File, PhotoExport
from explainers.results.files import as_json

_OBJECT = 1  # the one category of boxes without a label


def masks_of_clusters(export: Export) -> Iterator[File]:
    """One file for all photos: what every cluster covers in each of them."""
    names = enumerate(export.names, start=1)
    categories = [{"id": idx, "name": name, "supercategory": "cluster"} for idx, name in names]
    yield File(f"{export.title}.json", as_json(_record(export, categories, _cluster_annotations(export))))


def one_box_each(export: Export) -> Iterator[File]:
    """One file for all photos: the one box of each, without a label."""
    categories = [{"id": _OBJECT, "name": "object", "supercategory": "object"}]
    annotations = (_box_annotation(photo) for photo in export.photos)
    yield File(f"{export.title}.json", as_json(_record(export, categories, annotations)))


def _record(export: Export, categories: list[dict[str, Any]], annotations: Iterator[dict[str, Any]]) -> dict[str, Any]:
    images = [
        {"id": n, "file_name": photo.used.name, "height": photo.used.shape[0], "width": photo.used.shape[1]}
        for n, photo in enumerate(export.photos, start=1)
    ]
    return {
        "info": {"description": "Clusters by Encoderscope; they are no truth.", "encoderscope": export.record},
        "licenses": [],
        "images": images,
        "categories": categories,
        "annotations": [{"id": n, "iscrowd": 0, **annotation} for n, annotation in enumerate(annotations, start=1)],
    }


def _cluster_annotations(export: Export) -> Iterator[dict[str, Any]]:
    for image_id, photo in enumerate(export.photos, start=1):
        labels = photo.labels()
        for cluster_idx in np.unique(labels).tolist():
            packed = rle.encode(np.asfortranarray(labels == cluster_idx, dtype=np.uint8))
            yield {
                "image_id": image_id,
                "category_id": cluster_idx + 1,
                "segmentation": {"size": list(packed["size"]), "counts": packed["counts"].decode()},
                "area": int(rle.area(packed)),
                "bbox": rle.toBbox(packed).tolist(),
            }


def _box_annotation(photo: PhotoExport) -> dict[str, Any]:
    box = photo.main_box()
    return {
        "image_id": photo.number,
        "category_id": _OBJECT,
        "area": box.height * box.width,
        "bbox": [box.left, box.top, box.width, box.height],
    }
