"""Photos with what is true of them: regions, a true mask of the main object, boxes. From scenes, and from files of people.

Everything has the size of the photo. A photo may lack any of it; a study says what it needs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from explainers.maps.boxes import Box
from explainers.truth.objects import Truth
from models.errors import BadSettings
from models.photo import Photo, photo_from_array
from models.scenes.scenes import RenderedScene, Scene, render, sample_scene

Need = Literal["regions", "mask", "box", "truth", "nothing"]  # truth: any of the three
FIRST_SCENE = 13_000_000  # beyond the scenes of training, model cards and starter concepts
SCENE_PX = 224
LEFT_OUT = -1  # in a map of regions: counts for nothing


@dataclass(frozen=True, eq=False)
class TruePhoto:
    """A photo and what is true of it. Equal when photo and truth are."""

    photo: Photo
    regions: tuple[np.ndarray, ...] = ()  # (H, W) int16 each, counted from 0, by everybody who drew some; LEFT_OUT elsewhere
    mask: np.ndarray | None = None  # (H, W) bool, of the main object
    boxes: tuple[Box, ...] = ()  # of objects, in pixels of the photo

    @property
    def sha256(self) -> str:
        """Of photo and truth together."""
        drawn = [*self.regions, *([] if self.mask is None else [self.mask])]
        text = repr((self.photo.sha256, [(part.shape, part.dtype.str) for part in drawn], self.boxes)).encode()
        return hashlib.sha256(text + b"".join(part.tobytes() for part in drawn)).hexdigest()

    def has(self, need: Need) -> bool:
        """Whether it has what a study needs."""
        given = {"regions": bool(self.regions), "mask": self.mask is not None, "box": bool(self.boxes)}
        return (given | {"truth": any(given.values()), "nothing": True})[need]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TruePhoto) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)


def fresh_scenes(n: int) -> list[Scene]:
    """Scenes that no bundled encoder was trained on, always the same."""
    return [sample_scene(FIRST_SCENE + number) for number in range(n)]


def true_scenes(n: int) -> tuple[TruePhoto, ...]:
    """Fresh scenes as photos of SCENE_PX squared, with everything that is true of them."""
    return tuple(of_scene(scene, render(scene, SCENE_PX)) for scene in fresh_scenes(n))


def of_scene(scene: Scene, rendered: RenderedScene) -> TruePhoto:
    """What is true of a rendered scene; its main object gives the true mask and the box."""
    photo = photo_from_array(rendered.image, f"scene-{scene.seed}")
    regions = (counted_from_0(rendered.region_map),)
    if scene.main_idx is None:
        return TruePhoto(photo, regions)
    mask = rendered.object_map == 1 + scene.main_idx
    return TruePhoto(photo, regions, mask, (box_of(mask),) if mask.any() else ())


def of_truth(photo: Photo, truth: Truth) -> TruePhoto:
    """What a file says of a photo, read at the photo's own size.

    True masks give regions (the smaller object on top, the rest is one region), their union is the main object; boxes stay boxes.
    """
    masks = [thing.mask for thing in truth.objects if thing.mask is not None]
    boxes = tuple(box_of(thing.mask) if thing.mask is not None else thing.box for thing in truth.objects)
    if len(masks) < len(truth.objects):
        return TruePhoto(photo, boxes=tuple(box for box in boxes if box is not None))
    regions = np.zeros(truth.left_out.shape, dtype=np.int16)
    for n in sorted(range(len(masks)), key=lambda n: -int(masks[n].sum())):
        regions[masks[n]] = n + 1
    regions = counted_from_0(regions)
    regions[truth.left_out] = LEFT_OUT
    return TruePhoto(photo, (regions,), np.any(masks, axis=0), tuple(map(box_of, masks)))


def counted_from_0(values: np.ndarray) -> np.ndarray:
    """A map of regions (H, W) by any whole numbers, as int16 (H, W) counted from 0."""
    return np.unique(values, return_inverse=True)[1].reshape(values.shape).astype(np.int16)


def box_of(mask: np.ndarray) -> Box:
    """The box around a boolean mask (H, W); the whole picture where it is empty."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return Box(0, 0, *mask.shape)
    top, left = int(rows[0]), int(columns[0])
    return Box(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def require(photos: Sequence[TruePhoto], need: Need) -> None:
    """Raises BadSettings if a photo lacks what a study needs."""
    lacking = [photo.photo.name for photo in photos if not photo.has(need)]
    if lacking:
        raise BadSettings(
            f"'{lacking[0]}' has no {need} that could be compared ({len(lacking)} of {len(photos)} photos lack it). "
            "Give true masks for them, or take scenes."
        )


def without_names(photos: Sequence[TruePhoto]) -> tuple[TruePhoto, ...]:
    """The photos under numbers: names of somebody's files do not go into what is kept."""
    return tuple(replace(true, photo=replace(true.photo, name=f"photo {n}")) for n, true in enumerate(photos, 1))
