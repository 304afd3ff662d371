"""Which sets are of one kind by where they come from, so that no classifier has to find out."""

import numpy as np

from explainers.library import ConceptLibrary
from explainers.library.regions import region_of
from explainers.library.sets import Example
from explainers.service.domains import is_of_same_photos
from tests.explainers.library.test_library import png

LEFT = np.arange(8)[None].repeat(8, 0) < 3


def test_parts_of_the_same_photos_are_of_one_kind(tmp_path):
    library = ConceptLibrary(tmp_path, None)
    library.add_examples("left", "concept", [Example("1", png(1), region_of(LEFT)), Example("2", png(2), region_of(LEFT))])
    library.add_examples("rest", "random", [Example("1", png(1), region_of(~LEFT))])
    library.add_examples("rest and more", "random", [Example("1", png(1), region_of(~LEFT)), Example("3", png(3))])
    left = library.open_set("left")
    assert is_of_same_photos(left, library.open_set("rest", "random"))
    assert not is_of_same_photos(left, library.open_set("rest and more", "random"))
