"""Truths about exact k-means without the big matrix, checked against the big matrix."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch.nn import functional as F

from explainers import clustering
from explainers.clustering import (
    adjusted_rand_index,
    assign,
    composite_of,
    contingency,
    matched_to,
    resize_matrix,
    sweep,
)

GRID = (24, 18)
SHAPES = [(3, 12, 9), (5, 6, 5), (4, 6, 5), (2, 48, 36)]  # two depths share a resolution, one is finer than the grid


@pytest.fixture
def feature_maps():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def materialised(feature_maps):
    """The composite as a big matrix (P, D), channels in the order of the composite's own blocks (here: the depths' order)."""
    resized = [F.interpolate(m[None], size=GRID, mode="bilinear", antialias=m.shape[1] > GRID[0])[0] for m in feature_maps]
    return torch.cat(resized).flatten(1).T


@pytest.mark.parametrize(("native", "grid"), [(5, 20), (20, 5), (7, 7), (37, 100), (1, 8), (8, 1)])
def test_the_resize_matrix_is_torchs_bilinear_resize(native, grid):
    x = torch.arange(native, dtype=torch.float32).square().reshape(1, 1, native, 1).expand(-1, -1, -1, 2).contiguous()
    expected = F.interpolate(x, size=(grid, 2), mode="bilinear", antialias=grid < native)[0, 0, :, 0]
    torch.testing.assert_close(resize_matrix(native, grid) @ x[0, 0, :, 0], expected, rtol=1e-5, atol=1e-4)


def test_scores_sums_norms_and_samples_equal_the_materialised_ones(feature_maps):
    composite, big = composite_of(feature_maps, GRID), materialised(feature_maps)
    vectors = torch.randn(7, big.shape[1], generator=torch.Generator().manual_seed(1))
    weights = torch.rand(4, *GRID, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(composite.scores(vectors).flatten(1), vectors @ big.T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(composite.weighted_sums(weights), weights.flatten(1) @ big, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(composite.squared_norms().flatten(), big.square().sum(1), rtol=1e-4, atol=1e-4)
    positions = torch.tensor([0, 17, 200, 24 * 18 - 1])
    torch.testing.assert_close(composite.at(positions), big[positions], rtol=1e-4, atol=1e-4)


def test_the_parts_of_a_vector_belong_to_their_depths(feature_maps):
    composite = composite_of(feature_maps, GRID)
    pixel = composite.at(torch.tensor([40]))
    for position, maps in enumerate(feature_maps):
        alone = composite_of([maps], GRID).at(torch.tensor([40]))
        torch.testing.assert_close(composite.of_depth(pixel, position), alone)


def test_labels_and_inertia_equal_lloyd_on_the_big_matrix(feature_maps):
    composite, big = composite_of(feature_maps, GRID), materialised(feature_maps)
    for found in sweep(composite, 8, n_sweeps=2, seed=0):
        distances = torch.cdist(big, found.centroids).square()
        assert (assign(composite, found.centroids).flatten() == distances.argmin(1)).float().mean() > 0.999
        assert distances.min(1).values.sum().item() == pytest.approx(found.inertia, rel=1e-4)


def test_inertia_is_as_good_as_scikit_learns(feature_maps):
    smooth = [F.interpolate(m[None], scale_factor=4, mode="bilinear")[0] for m in feature_maps[:3]]
    composite, big = composite_of(smooth, GRID), None
    big = torch.cat([F.interpolate(m[None], size=GRID, mode="bilinear", antialias=m.shape[1] > GRID[0])[0] for m in smooth])
    for found in sweep(composite, 8)[1:]:
        reference = KMeans(found.k, n_init=3, random_state=0).fit(big.flatten(1).T.numpy())
        assert found.inertia <= 1.02 * reference.inertia_


def test_well_separated_patches_are_found_exactly_and_stably():
    patches = torch.zeros(2, 8, 8)
    patches[0, :, 4:], patches[1, 4:, :] = 10, 10  # four quadrants: (0,0) (10,0) (0,10) (10,10)
    found = sweep(composite_of([patches], (8, 8)), 4)[3]
    labels = assign(composite_of([patches], (8, 8)), found.centroids)
    assert found.inertia == pytest.approx(0, abs=1e-3)
    assert found.stability == pytest.approx(1)
    assert len({int(labels[r, c]) for r in (0, 7) for c in (0, 7)}) == 4


def test_the_same_seed_gives_the_same_centroids(feature_maps):
    first, again = (sweep(composite_of(feature_maps, GRID), 5, seed=7)[-1] for _ in range(2))
    assert torch.equal(first.centroids, again.centroids)


def test_inertia_never_grows_with_k(feature_maps):
    inertia = [found.inertia for found in sweep(composite_of(feature_maps, GRID), 12)]
    assert all(later <= earlier for earlier, later in pairwise(inertia))


def test_an_empty_cluster_moves_to_the_farthest_position():
    line = torch.tensor([[[0.0, 0.0, 1.0, 9.0]]])
    composite = composite_of([line], (1, 4))
    centroids = torch.tensor([[[0.0], [100.0]]])  # nobody is near 100
    state = clustering._assigned(composite, composite.squared_norms(), centroids)
    torch.testing.assert_close(clustering._means(composite, state), torch.tensor([[[2.5], [9.0]]]))


def test_a_constant_picture_has_one_cluster_that_explains_all():
    found = sweep(composite_of([torch.full((3, 4, 4), 2.0)], (8, 8)), 4)
    assert [f.inertia for f in found] == pytest.approx([0] * 4, abs=1e-3)


def test_the_hook_between_steps_can_stop_the_sweep(feature_maps):
    def stop_at_three(k):
        if k == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sweep(composite_of(feature_maps, GRID), 8, on_step=stop_at_three)


def test_rand_index_agrees_with_scikit_learn_and_knows_identity():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    assert adjusted_rand_index(a, b, 5) == pytest.approx(adjusted_rand_score(a, b))
    assert adjusted_rand_index(a, (a + 1) % 5, 5) == pytest.approx(1)
    assert adjusted_rand_index(np.zeros(9, int), np.zeros(9, int), 5) == 1


def test_matching_undoes_a_renaming_and_gives_a_new_cluster_the_free_colour():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    renamed = np.array([2, 0, 1])[labels]
    np.testing.assert_array_equal(matched_to(labels, renamed, 3)[renamed], labels)
    split = np.array([3, 3, 1, 0, 0, 2, 2, 2, 2])  # label 0 has split into 3 (two pixels) and 1 (one pixel)
    np.testing.assert_array_equal(matched_to(labels, split, 4)[split], [0, 0, 3, 1, 1, 2, 2, 2, 2])


def test_contingency_counts_pairs_of_labels():
    np.testing.assert_array_equal(contingency(np.array([0, 0, 1]), np.array([1, 1, 0]), 2), [[0, 2], [1, 0]])
