"""YOLO boxes: a text per photo with a line per region of a cluster, and the names of the clusters beside them.

line    class x y width height: the cluster, then the middle and the sides of the box as shares of the photo
"""

import json
from collections.abc import Iterator

from explainers.maps.boxes import RegionBox, region_boxes
from explainers.results.exported import Export, File
from explainers.results.files import as_json

MIN_SHARE = 0.002  # of the pixels: smaller regions get no box; the pages merge them, too


def region_texts(export: Export) -> Iterator[File]:
    """A text per photo; ``data.yaml`` with the names; a JSON file with the provenance, for which a text has no place."""
    for photo in export.photos:
        lines = [_line(region, photo.map.shape) for region in region_boxes(photo.map, MIN_SHARE)]
        yield File(f"{photo.stem}.txt", "".join(f"{line}\n" for line in lines).encode())
    names = "".join(f"  {idx}: {json.dumps(name, ensure_ascii=False)}\n" for idx, name in enumerate(export.names))
    yield File("data.yaml", f"nc: {export.k}\nnames:\n{names}".encode())
    yield File(f"{export.title}.json", as_json(export.record))


def _line(region: RegionBox, shape: tuple[int, int]) -> str:
    box, (height, width) = region.box, shape
    x, y = (box.left + box.width / 2) / width, (box.top + box.height / 2) / height
    return f"{region.cluster_idx} {x:.6f} {y:.6f} {box.width / width:.6f} {box.height / height:.6f}"
