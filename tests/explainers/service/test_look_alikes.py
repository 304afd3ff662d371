"""Parts of photos beside concepts: the mean by hand, what is at hand and what is fitted, chance beside every cosine."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from explainers.library.library import ConceptLibrary
from explainers.maps.part_maps import PartMap
from explainers.results.look_alikes import LookAlike, LookAlikesResult
from explainers.service.look_alikes import part_offsets
from explainers.service.questions import LookAlikes
from explainers.service.service import ExplainerService
from explainers.visual_tcav.settings import ExplainSettings
from models.photo import photo_from_array
from models.scenes.scenes import render, sample_scene
from tests.explainers.service.test_concepts import plain, png

SETTINGS = ExplainSettings(depths=(3, 4), n_null=40, n_bootstrap=5)
HALVES = np.repeat([[0] * 64 + [1] * 64], 128, 0).astype(np.uint8)
PHOTO = photo_from_array(np.where(HALVES[..., None] == 0, (205, 35, 30), (35, 70, 205)).astype(np.uint8), "red and blue")


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ConceptLibrary:
    library = ConceptLibrary(tmp_path_factory.mktemp("library"), starters=None)
    library.add("crimson", "concept", plain((205, 35, 30), 12))
    library.add("azure", "concept", plain((35, 70, 205), 12))
    scenes = (render(sample_scene(31_000_000 + seed)).image for seed in range(30))
    library.add("some scenes", "random", [(f"{n}.png", png(image)) for n, image in enumerate(scenes)])
    return library


@pytest.fixture(scope="module")
def service(library):
    service = ExplainerService(library=library)
    yield service
    service.close()


@pytest.fixture
def question(library) -> LookAlikes:
    concepts = tuple(library.open_set(name) for name in ("crimson", "azure"))
    randoms = (library.open_set("some scenes", "random"),)
    return LookAlikes("scenes-cnn", (PHOTO,), (PartMap.of(HALVES),), 3, concepts, randoms, SETTINGS, n_at_hand=library.n_cavs)


def test_the_activation_of_a_part_is_its_mean_less_the_mean_of_the_photos_by_hand():
    first, second = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[5.0, 7.0]]])  # two photos, one channel, two positions
    labels = [np.array([[0, 1]], np.uint8), np.array([[0, 0]], np.uint8)]
    offsets = part_offsets([[first], [second]], labels, 3)
    assert set(offsets) == {0, 1}  # nothing belongs to part 2
    assert offsets[0][0].item() == pytest.approx((1 + 5 + 7) / 3 - 4) and offsets[1][0].item() == pytest.approx(3 - 4)


def test_parts_look_like_what_they_show_once_the_cavs_are_there(service, library, question):
    nothing = service.ask(question).result(240)
    assert nothing.of_parts == ((), (), ()) and nothing.n_concepts == 0 and nothing.best(0) is None
    fitted = service.ask(replace(question, fit=True)).result(240)
    at_hand = service.ask(replace(question, n_at_hand=library.n_cavs)).result(240)
    assert library.n_cavs > 0 and at_hand.of_parts == fitted.of_parts
    red, blue, absent = at_hand.of_parts
    assert absent == () and [alike.concept for alike in red] == ["crimson", "azure"] and red[0].random == "some scenes"
    assert red[0].cosine > red[1].cosine and blue[1].cosine > blue[0].cosine
    assert all(alike.chance[0] < alike.chance[1] for alike in (*red, *blue))


def test_the_best_is_the_one_farthest_beyond_chance():
    within, beyond, farther = (LookAlike("x", "r", cosine, (-0.3, high)) for cosine, high in ((0.5, 0.6), (0.6, 0.5), (0.5, 0.2)))
    assert not within.stands_out and beyond.stands_out
    result = LookAlikesResult(None, ((within, beyond, farther), (within,), ()))
    assert result.best(0) is farther and result.best(1) is None and result.best(2) is None and result.n_concepts == 3


def test_what_is_within_chance_does_not_stand_out(service, question):
    """Of nothing but the photo itself, the mean is that of the photo: it points nowhere."""
    all_of_it = replace(question, maps=(PartMap.of(np.zeros((128, 128), np.uint8)),), n_parts=1, fit=True)
    result = service.ask(all_of_it).result(240)
    assert result.best(0) is None and [alike.cosine for alike in result.of_parts[0]] == [0.0, 0.0]
