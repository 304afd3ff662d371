"""Truths about segmentation maps that one can check by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import silhouette_score
from torch.nn import functional as F

from explainers.nave.quality import N_COARSE, Quality, centralities, cluster_table, mean_silhouettes, suggested_k
from explainers.nave.segmentation import segment, segment_each, segment_together
from explainers.nave.settings import FITS, NaveSettings, balanced, raw, require_valid, unit
from models.errors import BadSettings
from models.progress import Progress

IMAGE_SHAPE = (64, 48)


@pytest.fixture(scope="module")
def feature_maps():
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(8, 16, 12, generator=generator), torch.randn(12, 8, 6, generator=generator)]


@pytest.fixture(scope="module")
def segmentation(feature_maps):
    return segment(feature_maps, NaveSettings(depths=(1, 3), max_clusters=9), IMAGE_SHAPE)


def test_balanced_maps_have_no_mean_and_norm_one():
    maps = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0)) * 7 + 3
    (scaled,) = balanced([maps])
    torch.testing.assert_close(scaled.mean((1, 2)), torch.zeros(4), atol=1e-6, rtol=0)
    assert scaled.square().sum(0).mean().item() == pytest.approx(1, rel=1e-5)


def test_balanced_gives_a_scaled_depth_the_same_weight():
    maps = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(balanced([1000 * maps]), balanced([maps]))


def test_balanced_maps_of_several_images_keep_what_sets_the_images_apart():
    dark, bright = torch.zeros(1, 2, 2), torch.full((1, 4, 2), 3.0)
    below, above = balanced([dark, bright])
    assert below.mean() < 0 < above.mean()
    assert (below.sum() + above.sum()).item() == pytest.approx(0, abs=1e-5)
    assert ((below.square().sum() + above.square().sum()) / 12).item() == pytest.approx(1)


def test_unit_maps_have_length_one_everywhere_and_zero_stays_zero():
    maps = torch.tensor([[[3.0, 0.0]], [[4.0, 0.0]]])
    torch.testing.assert_close(unit([maps]), [torch.tensor([[[0.6, 0.0]], [[0.8, 0.0]]])])


def test_raw_maps_are_left_alone_and_a_constant_map_survives_balancing():
    maps = torch.full((2, 3, 3), 5.0)
    assert raw([maps])[0] is maps
    assert torch.equal(balanced([maps])[0], torch.zeros(2, 3, 3))
    awkward = torch.full((2, 7, 9), 90 / 255)
    assert torch.equal(balanced([awkward])[0], torch.zeros(2, 7, 9))  # no rounding error is blown up to a pattern


def test_there_is_a_full_map_for_every_k(segmentation):
    assert segmentation.ks == tuple(range(2, 10))
    assert segmentation.labels.shape == (8, *IMAGE_SHAPE)
    assert segmentation.labels.dtype == np.uint8
    for k, quality in zip(segmentation.ks, segmentation.quality, strict=True):
        assert segmentation.at(k).max() < k
        assert quality.k == k


def test_the_same_seed_gives_the_same_bytes(feature_maps, segmentation):
    again = segment(feature_maps, segmentation.settings, IMAGE_SHAPE)
    assert again.labels.tobytes() == segmentation.labels.tobytes()
    assert again.quality == segmentation.quality
    assert again.scatter.tobytes() == segmentation.scatter.tobytes()


def test_a_narrower_range_gives_the_same_partitions(feature_maps, segmentation):
    narrow = segment(feature_maps, dataclasses.replace(segmentation.settings, min_clusters=5), IMAGE_SHAPE)
    for k in (5, 9):
        pairs = np.unique(np.stack([narrow.at(k).ravel(), segmentation.at(k).ravel()]), axis=1)
        assert pairs.shape[1] == k  # one to one: only the colours may differ


def test_colours_are_a_best_matching_from_k_to_k_plus_one(segmentation):
    for k in segmentation.ks[:-1]:
        kept = (segmentation.at(k) == segmentation.at(k + 1)).mean()
        swapped = segmentation.at(k + 1).copy()
        swapped[segmentation.at(k + 1) == 0], swapped[segmentation.at(k + 1) == 1] = 1, 0
        assert kept >= (segmentation.at(k) == swapped).mean()


def test_two_halves_are_found_and_a_third_cluster_leaves_one_of_them_alone():
    halves = torch.zeros(1, 8, 8)
    halves[0, :, 4:] = 5
    halves[0, 7:, 4:] = 7
    halved = segment([halves], NaveSettings(depths=(0,), scaling="raw", max_clusters=3), (32, 32))
    two, three = halved.at(2), halved.at(3)
    assert (two[:, :14] == two[0, 0]).all() and (two[:, 18:] == 1 - two[0, 0]).all()
    assert (three[:, :14] == two[0, 0]).all() and (three[:20, 18:] == 1 - two[0, 0]).all()
    assert (three[30:, 18:] == 2).all()  # the part that split off has the new colour
    assert halved.quality[1].explained > 0.99 > halved.quality[0].explained
    assert halved.quality[1].n_regions == 3


def test_depth_shares_tell_which_depth_sets_a_cluster_apart():
    left_right, flat = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    left_right[0, :, 4:] = 1
    segmentation = segment([left_right, flat], NaveSettings(depths=(0, 1), scaling="raw", max_clusters=2), (8, 8))
    np.testing.assert_allclose(segmentation.depth_shares[0], [[1, 0], [1, 0]], atol=1e-6)


def test_depth_shares_sum_to_one(segmentation):
    for k, shares in zip(segmentation.ks, segmentation.depth_shares, strict=True):
        assert shares.shape == (k, 2)
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_a_constant_image_is_one_part_and_nothing_breaks():
    segmentation = segment([torch.ones(4, 4, 4)], NaveSettings(depths=(0,), max_clusters=5), (16, 16))
    assert all(q.explained == 1 and np.isfinite(q.silhouette) for q in segmentation.quality)


def test_the_scatter_points_lie_inside_the_map(segmentation):
    rows, cols = segmentation.scatter_idx.T
    assert len(segmentation.scatter) == len(segmentation.scatter_idx)
    assert rows.max() < IMAGE_SHAPE[0] and cols.max() < IMAGE_SHAPE[1]


def test_the_scatter_is_the_principal_plane():
    crossed = torch.tensor([[4.0, 0], [-4, 0], [0, 1], [0, -1]]).T.reshape(2, 2, 2)
    segmentation = segment([crossed], NaveSettings(depths=(0,), scaling="raw", max_clusters=2), (8, 8))
    resized = F.interpolate(crossed[None], (8, 8), mode="bilinear")[0].numpy()
    np.testing.assert_allclose(np.abs(segmentation.scatter), np.abs(resized)[:, *segmentation.scatter_idx.T].T, atol=1e-5)


def test_silhouettes_are_scikit_learns():
    points = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, k, 60).astype(np.uint8) for k in (2, 5, 9)]
    lonely = np.zeros(60, np.uint8)
    lonely[0] = 1
    labels = np.stack([*labels, lonely])
    for labelling, silhouette in zip(labels, mean_silhouettes(points, labels), strict=True):
        assert silhouette == pytest.approx(silhouette_score(points.numpy(), labelling), abs=1e-4)
    assert mean_silhouettes(points, np.stack([np.zeros(60, np.uint8), np.arange(60, dtype=np.uint8)])) == [0, 0]


def test_together_a_part_that_two_images_share_has_one_colour():
    left, right = torch.zeros(1, 8, 8), torch.zeros(1, 8, 4)
    left[0, :, 4:], right[0, :4], right[0, 4:] = 5, 5, 9
    settings = NaveSettings(depths=(0,), scaling="raw", max_clusters=3)
    first, second = segment_together([[left], [right]], settings, [(8, 8), (8, 4)])
    assert first.at(3)[0, 7] == second.at(3)[0, 0]  # fives
    assert len({int(first.at(3)[0, 0]), int(second.at(3)[0, 0]), int(second.at(3)[7, 0])}) == 3
    assert first.suggested_k == second.suggested_k and first.quality[1].inertia == second.quality[1].inertia
    assert (first.quality[1].n_regions, second.quality[1].n_regions) == (2, 2)


def test_alone_and_together_with_nobody_are_the_same(feature_maps, segmentation):
    (alone,) = segment_together([feature_maps], segmentation.settings, [IMAGE_SHAPE])
    assert np.array_equal(alone.labels, segmentation.labels)


def test_the_full_fit_lowers_the_inertia_over_all_pixels(feature_maps):
    settings = NaveSettings(depths=(0, 1), max_clusters=6)
    by_fit = {fit: segment(feature_maps, dataclasses.replace(settings, fit=fit), IMAGE_SHAPE) for fit in FITS}
    scaled = [balanced([maps])[0] for maps in feature_maps]
    big = torch.cat([F.interpolate(m[None], IMAGE_SHAPE, mode="bilinear")[0].flatten(1) for m in scaled])

    def inertia(segmented, n):
        labels = torch.from_numpy(segmented.labels[n].ravel().astype(np.int64))
        means = torch.stack([big[:, labels == j].mean(1) for j in labels.unique()], 1)
        return (big - means[:, torch.unique(labels, return_inverse=True)[1]]).square().sum().item()

    for n in range(len(settings.ks)):
        full = inertia(by_fit["full"], n)
        assert full <= 1.002 * inertia(by_fit["grid"], n) and full <= 1.002 * inertia(by_fit["fast"], n)
        assert by_fit["full"].quality[n].inertia == pytest.approx(full, rel=1e-3)


def test_progress_rises_to_the_end(feature_maps):
    seen = []
    progress = Progress(lambda share, doing: seen.append(share))
    segment(feature_maps, NaveSettings(depths=(0, 1), max_clusters=4), IMAGE_SHAPE, progress)
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 1


def test_whoever_waits_reads_what_is_being_done(feature_maps):
    said = []
    settings = NaveSettings(depths=(0, 1), max_clusters=4, fit="full")
    segment(feature_maps, settings, IMAGE_SHAPE, Progress(lambda share, doing: said.append(doing)))
    assert {"Clustering, 25%", "Clustering, 100%", "Refining on every pixel, 100%"} <= set(said)
    steps = list(dict.fromkeys(doing.partition(",")[0] for doing in said))
    assert steps == ["Clustering", "Refining on every pixel", "Drawing the maps", "Judging the maps"]


def test_the_table_holds_area_and_regions_of_every_cluster():
    rows = cluster_table(np.array([[0, 1, 0], [0, 1, 0]], dtype=np.uint8), 3)
    assert [(r.cluster_idx, r.n_regions) for r in rows] == [(0, 2), (1, 1), (2, 0)]
    assert [r.area for r in rows] == pytest.approx([4 / 6, 2 / 6, 0])


def quality(k, silhouette, centrality):
    return Quality(k, 0.0, 0.0, silhouette, 0.9, k, centrality)


def test_the_suggested_k_has_the_most_of_centrality_and_silhouette():
    assert suggested_k([quality(2, 0.1, 0.5), quality(3, 0.2, 0.5), quality(4, 0.1, 0.6)]) == 3  # 0.65, 0.8, 0.75
    assert suggested_k([quality(2, 0.2, 0.5), quality(3, 0.2, 0.5)]) == 2
    assert suggested_k([quality(7, 0.1, 0.3)]) == 7


def test_a_map_is_central_if_its_regions_cover_those_of_the_coarsest():
    halves = np.repeat(np.repeat([[0, 1]], 8, axis=0), 4, axis=1)
    quarters = halves + 2 * halves.T
    central = centralities(np.stack([halves, quarters]).astype(np.uint8))
    assert central.tolist() == [pytest.approx((1 + 0.5) / 2), pytest.approx((0.5 + 1) / 2)]
    fine = np.arange(64).reshape(8, 8).astype(np.uint8)
    assert centralities(np.stack([halves] * N_COARSE + [fine]))[-1] == pytest.approx(1 / 32)  # a pixel of a half


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (NaveSettings(min_clusters=1), "2 to 40"),
        (NaveSettings(max_clusters=41), "2 to 40"),
        (NaveSettings(min_clusters=9, max_clusters=4), "9 to 4"),
        (NaveSettings(input_size=5000), "5000"),
        (NaveSettings(depths=(0, 12)), "12"),
        (NaveSettings(scaling="loud"), "loud"),
        (NaveSettings(seed=-1), "-1"),
    ],
)
def test_settings_outside_the_possible_are_named(settings, named):
    with pytest.raises(BadSettings, match=named):
        require_valid(settings, n_depths=12)
    require_valid(NaveSettings(depths=(0, 11)), n_depths=12)


@pytest.mark.parametrize("fit", FITS)
def test_images_side_by_side_are_segmented_as_each_would_be_alone(fit):
    generator = torch.Generator().manual_seed(6)
    images = [[torch.randn(8, 8, 6, generator=generator), n + torch.randn(12, 4, 3, generator=generator)] for n in range(3)]
    images.append([torch.ones(8, 8, 6), torch.zeros(12, 4, 3)])  # nothing to see: comes to rest long before the others
    settings, seen = NaveSettings(depths=(1, 3), max_clusters=7, fit=fit), []
    each = segment_each(images, settings, IMAGE_SHAPE, Progress(lambda share, doing: seen.append(share)))
    for maps, together in zip(images, each, strict=True):
        alone = segment(maps, settings, IMAGE_SHAPE)
        assert (together.labels == alone.labels).mean() > 0.999
        assert together.suggested_k == alone.suggested_k
        for quality, expected in zip(together.quality, alone.quality, strict=True):
            assert dataclasses.astuple(quality) == pytest.approx(dataclasses.astuple(expected), rel=1e-3, abs=1e-3)
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] < 1
