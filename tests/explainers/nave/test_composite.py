"""Truths about composite activations that are never materialised, checked against the big matrix."""

import pytest
import torch
from torch.nn import functional as F

from explainers.nave import composite as composites
from explainers.nave.composite import composite_of, resize_matrix, side_by_side
from tests.explainers.nave.hand_made_maps import GRID, materialised, random_maps


@pytest.fixture
def feature_maps():
    return random_maps()


@pytest.mark.parametrize(("native", "grid"), [(5, 20), (20, 5), (7, 7), (37, 100), (1, 8), (8, 1)])
def test_the_resize_matrix_is_torchs_bilinear_resize(native, grid):
    x = torch.arange(native, dtype=torch.float32).square().reshape(1, 1, native, 1).expand(-1, -1, -1, 2).contiguous()
    expected = F.interpolate(x, size=(grid, 2), mode="bilinear", antialias=grid < native)[0, 0, :, 0]
    torch.testing.assert_close(resize_matrix(native, grid) @ x[0, 0, :, 0], expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("band", [256, 5])
def test_scores_sums_norms_and_samples_equal_the_materialised_ones(feature_maps, monkeypatch, band):
    monkeypatch.setattr(composites, "BAND", band)
    composite, big = composite_of(feature_maps, GRID), materialised(feature_maps)
    vectors = torch.randn(7, big.shape[1], generator=torch.Generator().manual_seed(1))
    weights = torch.rand(4, *GRID, generator=torch.Generator().manual_seed(2))
    offsets = torch.arange(7.0)
    scores = composite.scores(vectors, offsets).flatten(1)
    torch.testing.assert_close(scores, vectors @ big.T + offsets[:, None], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(composite.weighted_sums(weights), weights.flatten(1) @ big, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(composite.squared_norms().flatten(), big.square().sum(1), rtol=1e-4, atol=1e-4)
    assert composite.summed_norms.item() == pytest.approx(big.square().sum().item(), rel=1e-4)
    positions = torch.tensor([0, 17, 200, 24 * 18 - 1])
    torch.testing.assert_close(composite.at(positions), big[positions], rtol=1e-4, atol=1e-4)


def test_channels_are_in_the_order_of_the_depths_whatever_their_resolutions(feature_maps):
    swapped = [feature_maps[0], feature_maps[3], feature_maps[1], feature_maps[2]]
    composite = composite_of(swapped, GRID)
    assert composite.depth_channels == (3, 2, 5, 4)
    pixel = composite.at(torch.tensor([40])).split(composite.depth_channels, dim=1)
    for maps, part in zip(swapped, pixel, strict=True):
        torch.testing.assert_close(composite_of([maps], GRID).at(torch.tensor([40])), part)


def test_a_full_basis_keeps_every_distance(feature_maps):
    bases = [torch.linalg.qr(torch.randn(len(maps), len(maps))).Q for maps in feature_maps]
    composite = composite_of(feature_maps, GRID)
    positions = torch.tensor([3, 70, 300])
    before, after = composite.at(positions), composite.projected(bases).at(positions)
    torch.testing.assert_close(torch.cdist(after, after), torch.cdist(before, before), rtol=1e-4, atol=1e-4)


def test_another_grid_shares_the_maps(feature_maps):
    composite = composite_of(feature_maps, GRID)
    finer = composite.on_grid((48, 36))
    assert finer.shape == (48, 36) and finer.blocks[0].maps is composite.blocks[0].maps


def test_images_side_by_side_are_as_they_are_alone(feature_maps):
    alone = [composite_of(maps, GRID) for maps in (feature_maps, [native.flip(1) * 2 for native in feature_maps])]
    both = side_by_side(alone)
    vectors, weights = torch.randn(2, 7, sum(both.depth_channels)), torch.rand(2, 4, *GRID)
    positions, offsets = torch.tensor([3, 70, 300]), torch.arange(14.0).reshape(2, 7)
    bases = [torch.randn(2, len(maps), 2) for maps in feature_maps]
    for n, image in enumerate(alone):
        for together, single in (
            (both.scores(vectors, offsets), image.scores(vectors[n], offsets[n])),
            (both.weighted_sums(weights), image.weighted_sums(weights[n])),
            (both.squared_norms(), image.squared_norms()),
            (both.summed_norms, image.summed_norms),
            (both.at(positions), image.at(positions)),
            (both.projected(bases).at(positions), image.projected([basis[n] for basis in bases]).at(positions)),
            (both.on_grid((7, 8)).squared_norms(), image.on_grid((7, 8)).squared_norms()),
        ):
            torch.testing.assert_close(together[n], single)
        assert torch.equal(both.of_image(n).blocks[1].maps, image.blocks[1].maps)
