"""What names are worth in other photos: clusters of a video's first frame, named by its mask, found in later frames of it.

A cluster is named "object" where more than half of it lies in the first frame's mask, else "rest". Beside the IoU with the mask
of a later frame stand the first frame's map put there unchanged, and the clusters of the later frame named by its own mask. How
much is called object in the first frames of three other videos, where it is not, says what the limit is worth.
"""

from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image

from explainers.drawing.clusters import at_size
from explainers.nave.settings import NaveSettings
from explainers.results.found_parts import LIMITS
from explainers.results.named_parts import NamedParts, named
from explainers.service.part_questions import FindParts, MeasureParts
from explainers.service.service import ExplainerService
from models.photo import Photo, read_photo_file

K, SIDE_PX = 10, 448
SHOWN_LIMITS = (0.8, 1.0, 1.5, 2.0, LIMITS[-1])


def named_parts_table(service: ExplainerService, fixtures: Path, encoder: str) -> list[dict]:
    """One row per limit, over all videos with a named object."""
    files = sorted((fixtures / "images/davis2016").glob("*.jpg"))
    videos = [list(frames) for _, frames in groupby(files, key=lambda path: path.stem.rpartition("_")[0])]
    first, settings = [read_photo_file(frames[0]) for frames in videos], NaveSettings(input_size=SIDE_PX)
    own, copied, upper, elsewhere = ([] for _ in range(4))
    for n, frames in enumerate(videos):
        segmentation = service.segment(encoder, first[n], settings=settings).result().segmentation
        names = _names(segmentation.at(K), _mask(fixtures, frames[0], segmentation.shape))
        if "object" not in names:
            continue
        measured = service.ask(MeasureParts(encoder, (first[n],), segmentation.parts(K))).result()
        kept = named(measured, names)
        start = np.array(names)[segmentation.at(K)] == "object"
        for path in frames[1:]:
            photo = read_photo_file(path)
            maps = service.segment(encoder, photo, settings=settings).result().segmentation.at(K)
            mask = _mask(fixtures, path, maps.shape)
            own.append([_iou(found, mask) for found in _objects(service, encoder, photo, kept)])
            copied.append(_iou(at_size(start, mask.shape), mask))
            upper.append(_iou(np.array(_names(maps, mask))[maps] == "object", mask))
        others = [first[(n + step) % len(first)] for step in range(1, 4)]
        elsewhere += [[found.mean() for found in _objects(service, encoder, photo, kept)] for photo in others]
    return [
        {
            "encoder": encoder,
            "limit, reaches": "none" if limit == LIMITS[-1] else limit,
            "frames": len(own),
            "IoU, names found": float(np.mean([ious[at] for ious in own])),
            "first frame's map unchanged": float(np.mean(copied)),
            "own clusters, true mask": float(np.mean(upper)),
            "share called object in other videos": float(np.mean([shares[at] for shares in elsewhere])),
        }
        for at, limit in enumerate(SHOWN_LIMITS)
    ]


def _objects(service: ExplainerService, encoder: str, photo: Photo, kept: NamedParts) -> list[np.ndarray]:
    """Where the object is in a photo at every limit, (H, W) bool each."""
    result = service.ask(FindParts(encoder, (photo,), kept)).result()
    return [result.labels(0, limit) == kept.names.index("object") for limit in SHOWN_LIMITS]


def _names(labels: np.ndarray, mask: np.ndarray) -> tuple[str, ...]:
    """What each cluster of a map (H, W) is called by a mask (H, W)."""
    inside = [mask[labels == idx] for idx in range(K)]
    return tuple("object" if len(of_cluster) and of_cluster.mean() > 0.5 else "rest" for of_cluster in inside)


def _mask(fixtures: Path, image: Path, shape: tuple[int, int]) -> np.ndarray:
    with Image.open(fixtures / "masks/davis2016" / f"{image.stem}.png") as picture:
        return at_size(np.asarray(picture.convert("L")) > 127, shape)


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))
