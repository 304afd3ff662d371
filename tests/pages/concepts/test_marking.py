"""Regions on the Concepts page: seen on tiles, counted, drawn as a box or free-hand, taken back."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from explainers.library.library import ConceptLibrary
from explainers.library.regions import box_region
from explainers.library.sets import Example
from models.errors import BadConcept
from pages.concepts import marking
from pages.concepts.tiles import picture
from tests.pages.concepts.test_concepts import concepts, library, one_service, png, sentences, starters  # noqa: F401  fixtures

LEFT = box_region((0.0, 0.0, 0.5, 1.0), (32, 32))


def pixels_of(url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))).astype(int)


def with_regions(folder) -> ConceptLibrary:
    made = ConceptLibrary(folder, None)
    made.add_examples("left", "concept", [Example(f"{n}.png", png(n, (40, 60, 80)), LEFT) for n in range(3)])
    return made


def test_what_lies_outside_of_a_region_is_pale_on_its_tile(tmp_path):
    made = with_regions(tmp_path)
    shown = pixels_of(picture(made, made.get("left").images[0], 32, around_region=True))
    assert abs(shown[:, 2:14].mean() - 60) < 15 and shown[:, 18:].mean() > 190


def test_a_tile_shows_the_square_around_the_region(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 40:] = 200
    buffer = io.BytesIO()
    Image.fromarray(wide).save(buffer, "PNG")
    made = ConceptLibrary(tmp_path, None)
    made.add_examples("right", "concept", [Example("wide.png", buffer.getvalue(), box_region((0.8, 0, 1, 1), (20, 60)))])
    shown = pixels_of(picture(made, made.get("right").images[0], 128, around_region=True))
    assert shown.shape[0] == shown.shape[1] and abs(shown[:, -6:].mean() - 200) < 10  # the right end, where the region is


def test_a_box_is_kept_and_undone(tmp_path):
    made = ConceptLibrary(tmp_path, None)
    made.add("dark", "concept", [(f"{n}.png", png(n)) for n in range(3)])
    image = made.get("dark").images[1]
    change = marking._keep(made, made.get("dark"), image, {"box": (0.0, 0.0, 0.5, 1.0)})
    marked = made.get("dark").images[1]
    assert marked.region.area == 0.5 and marked.sha256 == image.sha256 and made.get("dark").counted == "2 images and 1 region"
    assert change.sentence == "From now on a region (50%) of '1.png' counts."
    made.restore(change.before[0])
    assert made.get("dark").images[1] == image


def test_what_a_line_surrounds_is_kept(tmp_path):
    made = ConceptLibrary(tmp_path, None)
    made.add("dark", "concept", [("one.png", png(1))])
    marking._keep(made, made.get("dark"), made.get("dark").images[0], {"line": [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]})
    (marked,) = made.get("dark").images
    assert abs(marked.region.area - 0.5) < 0.03 and marked.region.pixels[8, 8] and not marked.region.pixels[-8, -8]


def test_without_a_region_there_is_a_sentence(tmp_path):
    made = with_regions(tmp_path)
    with pytest.raises(BadConcept, match="There is no region yet"):
        marking._keep(made, made.get("left"), made.get("left").images[0], None)
    with pytest.raises(BadConcept, match="surrounds nothing"):
        marking._keep(made, made.get("left"), made.get("left").images[0], {"line": [(0.1, 0.1), (0.2, 0.2)]})


@pytest.mark.usefixtures("library")
def test_without_a_selection_the_form_says_what_to_do(concepts):  # noqa: F811
    assert "No image is selected. Select one below, then draw around" in sentences(concepts(concept="dotted"))


def test_regions_are_counted_and_all_of_an_image_counts_again_on_demand(concepts, library):  # noqa: F811
    library.add_examples("left", "concept", [Example(f"{n}.png", png(n, (200, 40, 40)), LEFT) for n in range(11)])
    app = concepts(concept="left")
    assert not app.exception and not app.error
    (kinds,) = [group for group in app.get("button_group") if group.key == "shown_kind"]
    assert any("left · 11 regions" in str(option) for option in kinds.options)
    first = library.get("left").images[0]
    app.session_state["images.selected"] = (("concept", "left"), (first.content,))
    app.run()
    app.button(key="whole image 0").click().run()
    assert not app.exception and library.get("left").images[0].region is None
    assert "From now on all of " in sentences(app)
    app.button(key="undo").click().run()
    assert library.get("left").n_regions == 11
