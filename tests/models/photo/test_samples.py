"""Sample photos that come inside Python packages."""

from dataclasses import replace

import pytest

from models.errors import UnreadableImage
from models.photo import samples
from models.photo.samples import SAMPLES, crops_of, read_sample


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_photograph_under_its_name(name):
    photo = read_sample(name)
    assert photo.name == name and min(photo.shape) >= 300 and photo.pixels.std() > 20


def test_a_package_that_lacks_the_photo_is_named(monkeypatch):
    for lacking in (replace(SAMPLES["coffee"], package="no_such_package"), replace(SAMPLES["coffee"], file="data/tea.png")):
        monkeypatch.setitem(samples.SAMPLES, "coffee", lacking)
        with pytest.raises(UnreadableImage, match=f"'Coffee' comes with the package {lacking.package}"):
            read_sample("coffee")


def test_crops_are_squares_of_the_photo_and_always_the_same():
    photo = read_sample("chelsea")
    first, again = crops_of(photo, 5), crops_of(photo, 5)
    assert all(a.shape[0] == a.shape[1] >= 100 and (a == b).all() for a, b in zip(first, again, strict=True))
    assert len({crop.tobytes() for crop in first}) == 5
