"""Truths about exact k-means without the big matrix, checked against the big matrix."""

from itertools import pairwise

import pytest
import torch
from sklearn.cluster import KMeans
from torch.nn import functional as F

from explainers.nave import assignment
from explainers.nave.composite import composite_of
from explainers.nave.kmeans import sweep
from explainers.nave.label_maps import label_maps
from models.progress import Progress
from tests.explainers.nave.hand_made_maps import GRID, materialised, random_maps


@pytest.fixture
def feature_maps():
    return random_maps()


def test_labels_and_inertia_equal_lloyd_on_the_big_matrix(feature_maps):
    composite, big = composite_of(feature_maps, GRID), materialised(feature_maps)
    for clustering in sweep([composite], 8, n_sweeps=2).clusterings:
        distances = torch.cdist(big, clustering.centroids).square()
        assert (label_maps(composite, [clustering.centroids]).flatten() == distances.argmin(1)).float().mean() > 0.999
        assert distances.min(1).values.sum().item() == pytest.approx(clustering.inertia, rel=1e-4)


def test_inertia_is_as_good_as_scikit_learns(feature_maps):
    smooth = [F.interpolate(m[None], scale_factor=4, mode="bilinear")[0] for m in feature_maps[:3]]
    composite = composite_of(smooth, GRID)
    big = torch.cat([F.interpolate(m[None], size=GRID, mode="bilinear", antialias=m.shape[1] > GRID[0])[0] for m in smooth])
    for clustering in sweep([composite], 8).clusterings[1:]:
        reference = KMeans(clustering.k, n_init=3, random_state=0).fit(big.flatten(1).T.numpy())
        assert clustering.inertia <= 1.02 * reference.inertia_


def test_well_separated_patches_are_found_exactly_and_stably():
    patches = torch.zeros(2, 8, 8)
    patches[0, :, 4:], patches[1, 4:, :] = 10, 10  # four quadrants: (0,0) (10,0) (0,10) (10,10)
    at_four = sweep([composite_of([patches], (8, 8))], 4).clusterings[3]
    (labels,) = label_maps(composite_of([patches], (8, 8)), [at_four.centroids])
    assert at_four.inertia == pytest.approx(0, abs=1e-3)
    assert at_four.stability == pytest.approx(1)
    assert len({int(labels[r, c]) for r in (0, 7) for c in (0, 7)}) == 4


def test_the_same_seed_gives_the_same_centroids(feature_maps):
    first, again = (sweep([composite_of(feature_maps, GRID)], 5, seed=7).clusterings[-1] for _ in range(2))
    assert torch.equal(first.centroids, again.centroids)


def test_inertia_never_grows_with_k(feature_maps):
    inertia = [clustering.inertia for clustering in sweep([composite_of(feature_maps, GRID)], 12).clusterings]
    assert all(later <= earlier for earlier, later in pairwise(inertia))


def test_a_constant_picture_has_one_cluster_that_explains_all():
    clusterings = sweep([composite_of([torch.full((3, 4, 4), 2.0)], (8, 8))], 4).clusterings
    assert [clustering.inertia for clustering in clusterings] == pytest.approx([0] * 4, abs=1e-3)


def test_whoever_waits_can_stop_the_sweep(feature_maps):
    def stop_soon(share, doing):
        if share > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sweep([composite_of(feature_maps, GRID)], 8, progress=Progress(stop_soon))


def test_two_images_together_are_one_big_matrix(feature_maps):
    images = [composite_of(feature_maps, GRID), composite_of([maps.flip(1) * 2 for maps in feature_maps], GRID)]
    big = torch.cat([image.at(torch.arange(image.n_positions)) for image in images])
    for clustering in sweep(images, 5).clusterings[1:]:
        distances = torch.cdist(big, clustering.centroids).square()
        assert distances.min(1).values.sum().item() == pytest.approx(clustering.inertia, rel=1e-4)
        reference = KMeans(clustering.k, n_init=3, random_state=0).fit(big.numpy())
        assert clustering.inertia <= 1.02 * reference.inertia_


def test_groups_of_centroids_give_what_all_together_give(feature_maps, monkeypatch):
    together = sweep([composite_of(feature_maps, GRID)], 6).clusterings
    monkeypatch.setattr(assignment, "MAX_COSTS", 5 * GRID[0] * GRID[1])
    for in_groups, at_once in zip(sweep([composite_of(feature_maps, GRID)], 6).clusterings, together, strict=True):
        torch.testing.assert_close(in_groups.centroids, at_once.centroids, rtol=1e-3, atol=1e-4)


def test_the_fast_way_is_near_the_exact_one_and_never_better(feature_maps):
    smooth = [F.interpolate(m[None], scale_factor=4, mode="bilinear")[0] for m in feature_maps[:3]]
    composite = composite_of(smooth, GRID)
    pairs = zip(sweep([composite], 8, exact=False).clusterings, sweep([composite], 8).clusterings, strict=True)
    assert all(exact.inertia * 0.999 <= fast.inertia <= 1.15 * exact.inertia for fast, exact in pairs)


def test_the_first_axis_spreads_the_positions_most(feature_maps):
    composite = composite_of(feature_maps, GRID)
    swept = sweep([composite], 2)
    points = swept.images[0].at(torch.arange(composite.n_positions))
    spread = ((points - points.mean(0)) @ swept.axes.T).var(0)
    big = materialised(feature_maps)
    largest = torch.linalg.eigvalsh(torch.cov(big.T)).flip(0)[:2]
    torch.testing.assert_close(spread, largest, rtol=0.1, atol=0)
