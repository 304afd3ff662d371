"""Selected clusters become a concept: made, judged, undone, and nothing where nothing is selected."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from explainers.library.library import ConceptLibrary
from explainers.visual_tcav.settings import ExplainSettings
from pages.common import made_concepts
from pages.common.concept_controls import opened
from pages.explore import concept_making
from tests.pages.conftest import settled
from tests.pages.explore.test_explore import sentences

FEW = ExplainSettings(n_null=3, n_bootstrap=5)  # a page needs figures, not good ones


@pytest.fixture
def library(service, tmp_path, monkeypatch) -> ConceptLibrary:
    """An empty one for every test, behind the page."""
    fresh = ConceptLibrary(tmp_path / "library", None)
    monkeypatch.setattr(service.observatory, "library", fresh)
    monkeypatch.setattr(made_concepts, "SETTINGS", FEW)
    return fresh


def said(app: AppTest) -> str:
    return (sentences(app) + " ".join(element.value for element in app.markdown)).replace("\\", "")


def made(app: AppTest, name: str, counterpart: str = concept_making.REST) -> AppTest:
    """Fills in the form as it is before any change."""
    app.get_by_key("concept counterpart 0").set_value(counterpart).run()
    field = next(field for field in app.text_input if field.key.startswith("concept name"))
    field.set_value(name)
    return app.button(key="make it 0").click().run()


def test_nothing_selected_is_answered_with_what_to_do(explore, library):
    app = explore()
    assert "Nothing is selected. Click a cluster" in said(app)
    assert not [button for button in app.button if str(button.key).startswith("make it")] and library.sets() == ()


def test_clusters_of_one_photo_become_a_concept_with_the_rest_as_counterpart(explore, library):
    app = explore(photo="coffee", k="6", only="0,2")
    assert any(field.value == "coffee 0 2" for field in app.text_input)
    app = made(app, "cup")
    assert not app.exception and not app.error
    concept, rest = library.get("cup"), library.get("not cup", "random")
    assert len(concept.images) == concept.n_regions and len(rest.images) == rest.n_regions
    assert {image.sha256 for image in concept.images} == {image.sha256 for image in rest.images}  # of one photo
    together = np.sum([image.region.pixels for image in (*concept.images, *rest.images)], axis=0)
    assert together.max() == 1 and together.mean() > 0.8  # apart from specks
    assert not library.is_rendered(concept) and not library.is_rendered(rest)
    assert library.overlap_of(*map(lambda s: opened(library, s), (concept, rest))) == ()
    assert f"'cup' is a concept now: {concept.counted}" in said(app)


def test_what_was_made_is_judged_leads_to_explain_and_is_undone(explore, library):
    app = settled(made(explore(photo="coffee", k="6", only="0"), "cup"))
    assert "Few images" in said(app) or "badge" in said(app)
    (to_explain,) = [link.proto for link in app.get("page_link") if link.proto.label == "Explain with it"]
    assert "concepts=cup" in to_explain.query_string and "random=not+cup" in to_explain.query_string
    app.button(key="undo").click().run()
    assert library.sets() == () and "'cup' was removed again." in said(app)


def test_a_name_that_is_taken_is_refused(explore, library):
    made(explore(photo="coffee", k="6", only="0"), "cup")
    app = made(explore(photo="coffee", k="6", only="1"), "cup")
    assert "There is a concept 'cup' already. Choose another name." in said(app)
    assert len(library.sets("concept")) == 1


def test_a_set_gives_one_example_per_photo_and_other_photos_are_divided_into_boxes(explore, library):
    app = made(explore(photos="set", set="scenes", n_scenes="2", k="4", only="0"), "ground", concept_making.OTHERS)
    assert not app.exception and not app.error
    assert len(library.get("ground").images) == 2
    assert library.get("not ground", "random").counted == "108 regions"  # twelve scenes in nine boxes each
    assert all(map(library.is_rendered, library.sets()))  # so that neither is called another kind of images than the starters


def test_a_pinned_region_becomes_a_concept(explore, library):
    app = explore(photo="coffee", show="similar")
    assert "No place is pinned. Click a place" in said(app)
    app = made(explore(photo="coffee", show="similar", at="0.5,0.5", alike="60"), "like the middle")
    assert not app.exception and not app.error
    concept, rest = library.get("like the middle"), library.get("not like the middle", "random")
    assert concept.n_regions == len(concept.images) >= 1 and rest.n_regions == len(rest.images) >= 1
    assert any(image.region.pixels[len(image.region.pixels) // 2, image.region.shape[1] // 2] for image in concept.images)
