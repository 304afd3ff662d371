"""A concept whose examples are regions: averages by hand, whole images as the special case, tiny regions on coarse maps."""

import pytest
import torch

from explainers.visual_tcav.cav import pooled, responses
from explainers.visual_tcav.fitting import FitSettings, RegionSource, fit_concepts, pooled_at_depths
from explainers.visual_tcav.regions import region_weights
from models.errors import BadConcept

QUICK = FitSettings(n_null=5, n_bootstrap=6)


def maps(n, seed, shape=(4, 4)):
    return torch.randn(n, 3, *shape, generator=torch.Generator().manual_seed(seed))


def source(feature_maps):
    return lambda: ([m] for m in feature_maps)


def inside(rows, columns, shape=(8, 8)):
    region = torch.zeros(shape, dtype=torch.bool)
    region[rows, columns] = True
    return region


# --- weights --------------------------------------------------------------------------------------------------------------


def test_a_position_counts_by_the_share_of_it_that_is_inside():
    region = inside(slice(0, 8), slice(0, 3))  # three of eight columns, of positions that are two columns wide
    assert region_weights(region, (4, 4)).tolist() == [[1, 0.5, 0, 0]] * 4


def test_sides_that_do_not_divide_each_other_are_averaged_by_area():
    region = torch.tensor([[1, 0, 0]])
    torch.testing.assert_close(region_weights(region, (1, 2)), torch.tensor([[2 / 3, 0]]))
    torch.testing.assert_close(region_weights(region, (1, 5)), torch.tensor([[1, 2 / 3, 0, 0, 0]]))


def test_the_weights_of_all_of_an_image_are_1():
    for shape in ((3, 5), (7, 7), (16, 9)):
        torch.testing.assert_close(region_weights(torch.ones(8, 8), shape), torch.ones(shape))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 7)])
def test_a_region_of_one_pixel_has_its_weights_on_the_coarsest_map(shape):
    weights = region_weights(inside(100, 37, (224, 224)), shape)
    assert weights.sum().item() == pytest.approx(shape[0] * shape[1] / 224**2, rel=1e-5)
    feature_map = maps(1, 0, shape)
    covered = feature_map[0, :, 100 * shape[0] // 224, 37 * shape[1] // 224]
    torch.testing.assert_close(pooled(feature_map, weights[None])[0], covered)


def test_an_empty_region_is_refused():
    with pytest.raises(BadConcept, match="empty"):
        region_weights(torch.zeros(4, 4), (2, 2))


# --- averages -------------------------------------------------------------------------------------------------------------


def test_the_pooled_activation_is_the_mean_over_the_region_by_hand():
    feature_map = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    weights = torch.tensor([[[1.0, 0.5], [0.0, 0.5]]])
    assert pooled(feature_map, weights).item() == pytest.approx((1 * 1 + 0.5 * 2 + 0.5 * 4) / 2)


def test_the_response_is_the_contraharmonic_mean_over_the_region_by_hand():
    feature_map = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
    weights = torch.tensor([[[1.0, 0.5], [0.0, 0.5]]])  # the negative projection counts as 0
    assert responses(feature_map, torch.ones(1, 1), weights).item() == pytest.approx((1 + 0.5 * 4) / (1 + 0.5 * 2), rel=1e-5)


def test_activations_outside_of_the_region_do_not_matter():
    feature_maps, weights = maps(2, 1), region_weights(inside(slice(0, 4), slice(0, 4)), (4, 4)).expand(2, 4, 4)
    other = torch.where(weights[:, None] > 0, feature_maps, 100.0)
    torch.testing.assert_close(pooled(feature_maps, weights), pooled(other, weights))
    torch.testing.assert_close(responses(feature_maps, torch.eye(3), weights), responses(other, torch.eye(3), weights))


def test_all_of_an_image_as_a_region_is_the_whole_image():
    full = [torch.ones(8, 8)] * 6
    concept, random = maps(6, 2) + 1, maps(12, 3)
    (of_regions,) = fit_concepts({"x": RegionSource(source(concept), full)}, source(random), QUICK).concepts["x"]
    (whole,) = fit_concepts({"x": source(concept)}, source(random), QUICK).concepts["x"]
    torch.testing.assert_close(of_regions.cav.vector, whole.cav.vector)
    torch.testing.assert_close(torch.tensor(of_regions.emblems), torch.tensor(whole.emblems))
    torch.testing.assert_close(of_regions.replicates.concept_emblems, whole.replicates.concept_emblems)


def test_an_image_without_a_region_among_regions_is_the_same_to_the_last_bit():
    feature_maps = maps(3, 4)
    region = inside(slice(0, 4), slice(0, 8))
    (some,) = pooled_at_depths(RegionSource(source(feature_maps), [None, region, None]))
    (whole,) = pooled_at_depths(source(feature_maps))
    assert torch.equal(some[[0, 2]], whole[[0, 2]]) and not torch.equal(some[1], whole[1])


def test_a_concept_is_found_in_the_half_that_shows_it_alone():
    random = maps(20, 5)
    concept = maps(20, 6)
    concept[:, 0, :, :2] += 2  # channel 0 in the left half
    concept[:, 1, :, 2:] += 2  # channel 1 in the right half
    left = [inside(slice(0, 8), slice(0, 4))] * 20
    (fit,) = fit_concepts({"x": RegionSource(source(concept), left)}, source(random), QUICK).concepts["x"]
    (whole,) = fit_concepts({"x": source(concept)}, source(random), QUICK).concepts["x"]
    of_left, of_whole = ((f.cav.vector[0] / f.norm).item() for f in (fit, whole))
    assert of_left > 0.95 and of_whole < 0.8


def test_random_images_may_be_regions_too():
    random, concept = maps(12, 7), maps(12, 8) + 1
    top = [inside(slice(0, 4), slice(0, 8))] * 12
    fits = fit_concepts({"x": source(concept)}, RegionSource(source(random), top), QUICK, [6])
    (fit,), (pseudo,) = fits.concepts["x"], fits.pseudo_concepts[6]
    torch.testing.assert_close(fit.pooled[1], random[:, :, :2].mean((2, 3)))
    torch.testing.assert_close(pseudo.random_pooled, fit.pooled[1])
