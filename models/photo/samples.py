"""Photographs that come inside Python packages: scikit-learn's and scikit-image's, found without importing either."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

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
