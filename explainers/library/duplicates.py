"""Do two files show the same picture? A small perceptual hash: the picture shrunk to 16 x 16 pixels.

Saved again, resized or slightly brightened, a picture keeps its look to within a few grey levels; another picture does not.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from explainers.library.sets import ImageSet

SIDE = 16
ALIKE = 3.0  # root mean square difference in grey levels; a JPEG saved again differs by less than 2
_AT_ONCE = 512
HARDLY_ENOUGH, RECOMMENDED = 10, 30
_N_NAMED = 3
Looks = Sequence[np.ndarray]


def look(pixels: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 as 16 x 16 x 3 values in a row, uint8."""
    shrunk = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(shrunk, np.uint8).reshape(-1)


def alike(looks: Looks, others: Looks) -> list[tuple[int, int]]:
    """Every pair (index into looks, index into others) that shows the same picture."""
    if not looks or not others:
        return []
    columns = np.stack(others).astype(np.float32)
    pairs = []
    for start in range(0, len(looks), _AT_ONCE):
        rows = np.stack(looks[start : start + _AT_ONCE]).astype(np.float32)
        squared = (rows**2).sum(1)[:, None] + (columns**2).sum(1) - 2 * rows @ columns.T
        near = np.argwhere(squared <= ALIKE**2 * columns.shape[1])
        pairs += [(start + int(i), int(j)) for i, j in near]
    return pairs


def repeats(looks: Looks) -> list[tuple[int, int]]:
    """Every picture that was there before: (its index, that of its first occurrence)."""
    first: dict[int, int] = {}
    for i, j in alike(looks, looks):
        if j < i:
            first.setdefault(i, j)
    return sorted(first.items())


def warnings(image_set: ImageSet, looks: Looks, random_set: ImageSet, random_looks: Looks) -> tuple[str, ...]:
    """Plain sentences on what is wrong with a concept's images and their random counterpart; none if all is well."""
    found = (_too_few(image_set), _too_few(random_set), _repeating(image_set, looks), _repeating(random_set, random_looks))
    return tuple(sentence for sentence in (*found, _shared(image_set, looks, random_set, random_looks)) if sentence)


def _too_few(image_set: ImageSet) -> str | None:
    n = len(image_set.images)
    if n < HARDLY_ENOUGH:
        return f"'{image_set.name}' has {_images(n)}: hardly enough to say anything. {RECOMMENDED} or more are recommended."
    if n < RECOMMENDED:
        return f"'{image_set.name}' has {n} images; {RECOMMENDED} or more are recommended."
    return None


def _repeating(image_set: ImageSet, looks: Looks) -> str | None:
    pairs = repeats(looks)
    names = [f"'{image_set.images[i].name}' (like '{image_set.images[j].name}')" for i, j in pairs]
    if not pairs:
        return None
    verb = "shows" if len(pairs) == 1 else "show"
    return f"{_images(len(pairs))} of '{image_set.name}' {verb} the same picture as another: {_listed(names)}. Remove repeats."


def _shared(image_set: ImageSet, looks: Looks, random_set: ImageSet, random_looks: Looks) -> str | None:
    shared = sorted({i for i, _ in alike(looks, random_looks)})
    names = [f"'{image_set.images[i].name}'" for i in shared]
    if not shared:
        return None
    verb = "is" if len(shared) == 1 else "are"
    where = f"'{image_set.name}' {verb} also in the random counterpart '{random_set.name}'"
    return f"{_images(len(shared))} of {where}: {_listed(names)}. Remove such images from one of the two."


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")
