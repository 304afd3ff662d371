"""What a comparison asks of one encoder, with encoders small enough to follow by hand."""

import numpy as np
import pytest
import torch

from explainers.maps.cka import linear_cka
from explainers.nave.settings import NaveSettings
from explainers.results.comparisons import COMPARED_SIDE, N_TIMED, agreement_over_photos
from explainers.service.comparisons import PeakBytes, kept_maps, pooled_positions
from explainers.service.service import ExplainerService
from models.errors import BadSettings
from models.photo import photo_from_array
from tests.explainers.service.test_service import SETTINGS, TinyCatalog, TinyEncoder
from tests.pages.hand_made import SEGMENTATION


def photos(n: int, shape=(64, 64)):
    rng = np.random.default_rng(0)
    return [photo_from_array(rng.integers(0, 255, (*shape, 3)).astype(np.uint8), f"{i}.png") for i in range(n)]


@pytest.fixture
def encoder() -> TinyEncoder:
    return TinyEncoder("tiny")


@pytest.fixture
def service(encoder):
    service = ExplainerService(TinyCatalog(encoder), device="cpu")
    yield service
    service.close()


def test_maps_of_a_set_are_those_of_its_photos(service):
    shown = photos(2)
    of_set = service.segment_for_comparison("tiny", shown, settings=SETTINGS).result(240)
    for n, photo in enumerate(shown):
        alone = service.segment("tiny", photo, settings=SETTINGS).result(240).segmentation
        np.testing.assert_array_equal(of_set.labels[n], kept_maps(alone))
        assert of_set.suggested_k[n] == alone.suggested_k
        assert of_set.n_regions[n].tolist() == [quality.n_regions for quality in alone.quality]
    assert of_set.photo_names == ("0.png", "1.png")


def test_a_set_agrees_with_itself_and_not_with_other_photos(service):
    segmented = service.segment_for_comparison("tiny", photos(2), settings=SETTINGS).result(240)
    found = agreement_over_photos(segmented, segmented)
    assert found.adjusted_rand.shape == (2, 2) and found.ks == (2, 3)
    np.testing.assert_allclose(found.adjusted_rand, 1)
    np.testing.assert_allclose(found.adjusted_mutual_information, 1)
    with pytest.raises(BadSettings, match="same photos"):
        agreement_over_photos(segmented, service.segment_for_comparison("tiny", photos(1), settings=SETTINGS).result(240))


def test_kept_maps_are_small_and_keep_their_proportions():
    large = SEGMENTATION.labels.repeat(100, 1).repeat(150, 2)
    found = kept_maps(type(SEGMENTATION)(**{**vars(SEGMENTATION), "labels": large}))
    assert found.shape == (2, round(COMPARED_SIDE * 2 / 3), COMPARED_SIDE)
    assert kept_maps(SEGMENTATION).shape == SEGMENTATION.labels.shape


def test_depths_are_alike_where_the_same_photos_look_alike(service):
    """Both depths of the tiny encoder are the photo itself, coarser and finer: after pooling they are the same positions."""
    grams = service.compare_depths("tiny", photos(3), input_size=64).result(240)
    assert grams.depths == (0, 1) and grams.grams[0].shape == (3 * 64, 3 * 64)
    assert linear_cka(grams.grams[0], grams.grams[1]) == pytest.approx(1, abs=1e-5)


def test_a_pooled_position_is_the_mean_of_what_it_covers():
    depth_map = torch.arange(256.0).reshape(1, 16, 16)
    assert pooled_positions(depth_map)[0].item() == pytest.approx(np.mean([0, 1, 16, 17]))


@pytest.mark.parametrize("n", [0, 33])
def test_too_few_and_too_many_photos_are_refused(service, n):
    with pytest.raises(BadSettings, match=f"{n} photos"):
        service.compare_depths("tiny", photos(n, (8, 8)), input_size=32).result(240)


def test_the_work_on_a_set_can_be_followed_and_stopped(service, encoder):
    job = service.segment_for_comparison("tiny", photos(3), settings=SETTINGS)
    assert job.result(240) and job.fraction == pytest.approx(1, abs=0.34)


def test_the_same_content_is_not_computed_twice(service, encoder):
    first = service.segment_for_comparison("tiny", photos(2), settings=SETTINGS).result(240)
    n_batches = len(encoder.batches)
    again = service.segment_for_comparison(
        "tiny", [photo_from_array(p.pixels, "other") for p in photos(2)], settings=SETTINGS
    ).result(240)
    assert len(encoder.batches) == n_batches and again.labels is first.labels and again.photo_names == ("other", "other")


def test_the_cost_of_a_pass_counts_what_is_alive_at_once(service, encoder):
    cost = service.measure_cost("tiny", photos(1)[0], input_size=64).result(240)
    assert cost.activation_bytes == 4 * 3 * (16 * 16 + 8 * 8)  # both maps are kept until the end
    assert len(encoder.batches) == 1 + N_TIMED and cost.forward_seconds > 0 and cost.weight_bytes == 100


def test_the_peak_is_not_the_sum():
    held = torch.zeros(1000)
    with PeakBytes() as peak:
        a = held + 1
        b = a * 2
        del a
        _c = b * 2
        _view = held.view(10, 100)
    assert peak.n_bytes == 2 * 4000


def test_settings_that_make_no_sense_are_refused_for_a_set_too(service):
    with pytest.raises(BadSettings):
        service.segment_for_comparison("tiny", photos(1), settings=NaveSettings(max_clusters=99)).result(240)
