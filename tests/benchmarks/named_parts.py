"""What names are worth in other photos: clusters of a video's first frame, named by its mask, found in later frames of it; and
clusters of a scene, named by the true place of a texture, found in other scenes. The usual limit was chosen on the scenes.

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
from models.photo import Photo, photo_from_array, read_photo_file
from models.scenes.scenes import SceneOptions, render, sample_scene
from models.scenes.starters import TEXTURE_CONCEPTS
from models.scenes.textures import SURFACES
from models.training.cards import FRESH_SEED

K, SIDE_PX = 10, 448
SCENE_SEEDS = range(FRESH_SEED + 700_000, FRESH_SEED + 700_030, 10)  # beyond what training and model cards look at
SHOWN_LIMITS = (0.8, 1.0, 1.5, 2.0, 2.5, 3.0, LIMITS[-1])


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


def named_scenes_table(service: ExplainerService, encoder: str) -> list[dict]:
    """One row per limit, over three scenes of every texture, each looked for in two more and in one of another texture."""
    own, elsewhere = [], []
    for texture, other in zip(TEXTURE_CONCEPTS, (*TEXTURE_CONCEPTS[1:], TEXTURE_CONCEPTS[0]), strict=True):
        for seed in SCENE_SEEDS:
            photo, mask = _scene(seed, texture, texture)
            segmentation = service.segment(encoder, photo, settings=NaveSettings(input_size=224)).result().segmentation
            names = _names(segmentation.at(K), at_size(mask, segmentation.shape))
            if "object" not in names:
                continue
            kept = named(service.ask(MeasureParts(encoder, (photo,), segmentation.parts(K))).result(), names)
            for step in (1, 2):
                photo, mask = _scene(seed + step, texture, texture)
                own.append([_iou(found, at_size(mask, found.shape)) for found in _objects(service, encoder, photo, kept)])
            photo, mask = _scene(seed + 5, other, texture)
            if not mask.any():
                elsewhere.append([found.mean() for found in _objects(service, encoder, photo, kept)])
    return [
        {
            "encoder": encoder,
            "limit, reaches": "none" if limit == LIMITS[-1] else limit,
            "scenes": len(own),
            "IoU, names found": float(np.mean([ious[at] for ious in own])),
            "share called object in scenes without it": float(np.mean([shares[at] for shares in elsewhere])),
        }
        for at, limit in enumerate(SHOWN_LIMITS)
    ]


def _scene(seed: int, texture: str, wanted: str) -> tuple[Photo, np.ndarray]:
    """A scene with a texture, and where the wanted texture is in it, (H, W) bool."""
    rendered = render(sample_scene(seed, SceneOptions(texture=texture)))
    return photo_from_array(rendered.image, f"scene {seed} {texture}"), rendered.texture_map == SURFACES.index(wanted)


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
