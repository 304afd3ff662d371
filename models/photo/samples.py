"""Photographs that come inside Python packages: scikit-learn's and scikit-image's, found without importing either."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from models.errors import UnreadableImage
from models.photo.photo import Photo
from models.photo.reading import read_photo


@dataclass(frozen=True)
class SamplePhoto:
    """A photograph in a package's folder."""

    title: str
    package: str
    file: str


SAMPLES = {
    "china": SamplePhoto("Summer Palace", "sklearn", "datasets/images/china.jpg"),
    "flower": SamplePhoto("Flower", "sklearn", "datasets/images/flower.jpg"),
    "chelsea": SamplePhoto("Chelsea the cat", "skimage", "data/chelsea.png"),
    "coffee": SamplePhoto("Coffee", "skimage", "data/coffee.png"),
    "rocket": SamplePhoto("Rocket", "skimage", "data/rocket.jpg"),
    "motorcycle": SamplePhoto("Motorcycle", "skimage", "data/motorcycle_left.png"),
}


def read_sample(name: str) -> Photo:
    """One of SAMPLES by its key, which is what the photo is called; raises UnreadableImage if its package lacks it."""
    wanted = SAMPLES[name]
    spec = find_spec(wanted.package)
    path = Path(spec.submodule_search_locations[0]) / wanted.file if spec and spec.submodule_search_locations else None
    if path is None or not path.is_file():
        raise UnreadableImage(f"The sample photo '{wanted.title}' comes with the package {wanted.package}, which lacks it here.")
    return read_photo(path.read_bytes(), name)


def crops_of(photo: Photo, n_crops: int, seed: int = 0) -> list[np.ndarray]:
    """Squares of the photo, each (side, side, 3) uint8: of a third of its shorter side up to the whole, anywhere in it."""
    rng = np.random.default_rng([seed, *photo.shape])
    height, width = photo.shape
    squares = []
    for side in rng.integers(min(photo.shape) // 3, min(photo.shape) + 1, n_crops):
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        squares.append(photo.pixels[top : top + side, left : left + side])
    return squares
