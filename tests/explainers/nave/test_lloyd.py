"""Truths about exact Lloyd without the big matrix, checked against the big matrix."""

import pytest
import torch
from sklearn.cluster import KMeans

from explainers.nave import lloyd
from explainers.nave.assignment import assignment_costs
from explainers.nave.composite import composite_of
from explainers.nave.corners import Corners
from explainers.nave.label_maps import label_maps
from explainers.nave.lloyd import finished
from tests.explainers.nave.hand_made_maps import GRID, materialised, random_maps

PYRAMID = [(3, 12, 10), (4, 6, 5)], (96, 80)  # strides 8 and 16: cut into blocks of 4


@pytest.fixture
def feature_maps():
    return random_maps()


@pytest.fixture
def pyramid():
    generator = torch.Generator().manual_seed(5)
    shapes, grid = PYRAMID
    return composite_of([torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes], grid)


def test_an_empty_cluster_moves_to_the_farthest_position():
    line = torch.tensor([[[0.0, 0.0, 1.0, 9.0]]])
    composite = composite_of([line], (1, 4))
    centroids = torch.tensor([[0.0], [100.0]])  # nobody is near 100
    ((means, _),) = finished([composite], [centroids])
    torch.testing.assert_close(means, torch.tensor([[1 / 3], [9.0]]))


def test_of_two_centroids_equally_near_the_first_has_the_position():
    composite = composite_of([torch.tensor([[[0.0, 2.0, 4.0]]])], (1, 3))
    centroids = torch.tensor([[0.0], [4.0], [4.0]])
    assert label_maps(composite, [centroids]).tolist() == [[[0, 0, 1]]]
    ((_, inertia),) = finished([composite], [centroids])
    assert inertia == pytest.approx(0)  # the empty third one has moved to the farthest position


def test_finishing_is_lloyds_algorithm_on_the_big_matrix(feature_maps, monkeypatch):
    monkeypatch.setattr(lloyd, "TOLERANCE", 0.0)
    composite, big = composite_of(feature_maps, GRID), materialised(feature_maps)
    starts = [big[:k].clone() for k in (3, 7)]
    for (centroids, inertia), start in zip(finished([composite], starts), starts, strict=True):
        reference = KMeans(len(start), init=start.numpy(), n_init=1, algorithm="lloyd", tol=0).fit(big.numpy())
        assert inertia == pytest.approx(reference.inertia_, rel=1e-5)
        assert (torch.cdist(big, centroids).argmin(1).numpy() == reference.labels_).mean() > 0.999


def test_with_the_corners_of_blocks_it_is_lloyds_algorithm_on_every_pixel(pyramid, monkeypatch):
    monkeypatch.setattr(lloyd, "TOLERANCE", 0.0)
    assert Corners.of(pyramid).side == 4
    big = pyramid.at(torch.arange(pyramid.n_positions))
    starts = [big[:: len(big) // k][:k].clone() for k in (3, 7)]
    for (centroids, inertia), start in zip(finished([pyramid], starts), starts, strict=True):
        reference = KMeans(len(start), init=start.numpy(), n_init=1, algorithm="lloyd", tol=0, max_iter=lloyd.MAX_ITERATIONS).fit(
            big
        )
        assert inertia == pytest.approx(reference.inertia_, rel=1e-9)
        assert (label_maps(pyramid, [centroids]).flatten().numpy() == reference.labels_).all()


def test_weights_of_corners_sum_what_the_pixels_of_a_cluster_sum_to(pyramid):
    corners, big = Corners.of(pyramid), pyramid.at(torch.arange(pyramid.n_positions))
    centroids = big[[0, 900, 4000]]
    weights = corners.weights(assignment_costs(corners.at, centroids))
    is_nearest = torch.nn.functional.one_hot(torch.cdist(big, centroids).argmin(1), 3).double()
    torch.testing.assert_close(weights.sum((1, 2)), is_nearest.sum(0))
    torch.testing.assert_close(corners.at.weighted_sums(weights), is_nearest.T @ big)


def test_on_blocks_too_an_empty_cluster_moves_to_the_farthest_pixel(pyramid):
    big = pyramid.at(torch.arange(pyramid.n_positions))
    near, nobodys = big.mean(0, keepdim=True), torch.full((1, big.shape[1]), 1e3, dtype=big.dtype)
    ((centroids, _),) = finished([pyramid], [torch.cat([near, nobodys])], n_iterations=1)
    torch.testing.assert_close(centroids[1], big[(big - near).square().sum(1).argmax()])


def test_without_iterations_the_centroids_stay_and_their_inertia_is_given(pyramid, feature_maps):
    for image in (pyramid, composite_of(feature_maps, GRID)):
        big = image.at(torch.arange(image.n_positions))
        ((centroids, inertia),) = finished([image], [big[:4]], n_iterations=0)
        assert torch.equal(centroids, big[:4])
        assert inertia == pytest.approx(torch.cdist(big, big[:4]).square().amin(1).sum().item(), rel=1e-4)
