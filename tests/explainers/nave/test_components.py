"""Truths about similar places that one can check by hand, and that the bytes say what all channels say."""

import numpy as np
import pytest
import torch

from explainers.nave.components import (
    N_BYTES,
    N_COLOURS,
    N_COMPONENTS,
    Components,
    component_grid,
    n_fine,
    principal_axes,
    principal_components,
    spearman,
)
from explainers.nave.settings import ComponentSettings
from explainers.service.service import ExplainerService
from models.encoder.encoder import Encoder
from models.photo.samples import read_sample
from tests.explainers.nave.hand_made_maps import GRID, materialised, random_maps

INPUT = (8 * GRID[0], 8 * GRID[1])  # px, so that the grid is the one of the big matrix


def full_cosines(feature_maps):
    """Cosine similarity of every two positions (P, P), from the big matrix."""
    x = materialised(feature_maps)
    unit = torch.nn.functional.normalize(x - x.mean(0))
    return (unit @ unit.T).numpy()


def halves(left, right, shape=(8, 8)):
    """A map (C, h, w) with one activation in its left half and another one in its right half."""
    maps = torch.tensor(left).reshape(-1, 1, 1).expand(-1, *shape).clone()
    maps[:, :, shape[1] // 2 :] = torch.tensor(right).reshape(-1, 1, 1)
    return maps


def found(*images, scaling="raw", stride=8):
    """The components of images of one depth each, whose positions are those of the grid."""
    return principal_components(
        [[maps] for maps in images], scaling, [(stride * m.shape[1], stride * m.shape[2]) for m in images]
    )


def test_where_all_components_are_kept_the_similarity_is_the_cosine_of_all_channels():
    feature_maps = random_maps()  # 14 channels, so all fit
    components = principal_components([feature_maps], "raw", [INPUT])
    cosines, (image,) = full_cosines(feature_maps), components.images
    assert image.shape == GRID
    for flat in (0, 100, GRID[0] * GRID[1] - 1):
        similarity = image.similarity(image.codes.reshape(-1, 14)[flat])
        np.testing.assert_allclose(similarity.ravel(), cosines[flat], atol=0.02)  # bytes
        assert similarity.flat[flat] == pytest.approx(1)
    assert components.rank_correlation > 0.999
    assert components.kept == pytest.approx(1, abs=1e-4)
    assert len(components.explained) == 3 and list(components.explained) == sorted(components.explained, reverse=True)


def test_two_kinds_of_places_are_opposite_and_each_is_like_itself():
    (image,) = found(halves([1.0, 5.0], [3.0, 5.0])).images  # both activations are positive: only the mean tells them apart
    similarity = image.similarity(image.at((0.1, 0.5)))
    np.testing.assert_allclose(similarity, np.repeat([[1, 1, 1, 1, -1, -1, -1, -1]], 8, axis=0), atol=1e-6)


def test_a_place_is_a_share_of_width_and_height():
    maps = torch.arange(12.0).reshape(1, 3, 4)
    (image,) = found(maps).images
    assert image.at((0.99, 0.0)).tolist() == image.codes[0, 3].tolist()
    assert image.at((1.0, 1.0)).tolist() == image.codes[2, 3].tolist()
    assert image.at((0.26, 0.5)).tolist() == image.codes[1, 1].tolist()


@pytest.mark.parametrize("scaling", ["raw", "balanced", "unit"])
def test_where_all_places_are_the_same_none_is_more_similar_than_average(scaling):
    components = found(torch.full((3, 7, 9), 90 / 255), scaling=scaling)
    (image,) = components.images
    assert not image.codes.any() and not image.similarity(image.at((0.5, 0.5))).any()
    assert set(np.unique(image.colours)) == {128} and components.kept == 0


def test_a_single_position_is_its_own_mean():
    (image,) = found(torch.tensor([[[2.0]], [[3.0]]])).images
    assert image.shape == (1, 1) and not image.similarity(image.at((0.5, 0.5))).any()
    assert image.colours.tolist() == [[[128, 128, 128]]]


def test_places_that_tie_get_the_same_similarity():
    (image,) = found(halves([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])).images
    assert len(np.unique(image.similarity(image.at((0.9, 0.9))))) == 2


def test_similarity_and_colours_mean_one_thing_in_images_that_are_looked_at_together():
    one, mirrored = halves([1.0, 0.0], [0.0, 1.0]), halves([0.0, 1.0], [1.0, 0.0])
    first, second = found(one, mirrored).images
    np.testing.assert_allclose(second.similarity(first.at((0.1, 0.1))), -first.similarity(first.at((0.1, 0.1))), atol=1e-6)
    np.testing.assert_array_equal(first.colours, second.colours[:, ::-1])
    dark, bright = found(torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 3.0)).images  # alone, each would be its own mean
    assert dark.similarity(bright.at((0.5, 0.5))).tolist() == [[-1, -1], [-1, -1]]


def test_the_same_maps_give_the_same_bytes():
    one, other = (principal_components([random_maps()], "balanced", [INPUT]) for _ in range(2))
    assert one.images[0].codes.tobytes() == other.images[0].codes.tobytes()


@pytest.mark.parametrize(("n_components", "n_whole"), [(3, 3), (41, 41), (42, 40), (70, 12), (N_COMPONENTS, 12)])
def test_as_many_components_have_a_byte_each_as_leave_half_a_byte_for_the_others(n_components, n_whole):
    assert n_fine(n_components) == n_whole <= N_BYTES


def test_bytes_are_steps_then_whole_and_half_bytes_then_colours():
    codes = np.zeros((1, 2, N_COMPONENTS), np.int8)
    codes[0, 0, 0], codes[0, 1, 11], codes[0, 0, 12], codes[0, 0, 13] = -127, 127, -7, 7
    steps = np.linspace(1, 0.01, N_COMPONENTS).astype(np.float32)
    packed = Components(codes, np.full((1, 2, 3), 9, np.uint8), steps).packed()
    assert len(packed) == 4 * N_COMPONENTS + 2 * (N_BYTES + 3)
    np.testing.assert_array_equal(np.frombuffer(packed[: 4 * N_COMPONENTS], np.float32), steps)
    first, second = (packed[4 * N_COMPONENTS + n * N_BYTES :][:N_BYTES] for n in range(2))
    assert (first[0], second[11], first[12], first[13]) == (129, 127, 14 << 4, 7 | 7 << 4)
    assert packed[-6:] == bytes([9] * 6)


def test_small_components_have_small_steps_and_what_lies_far_out_is_brought_in():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(90, 24, 24, generator=generator) * torch.linspace(4, 0.3, 90).reshape(-1, 1, 1)
    (image,) = found(maps).images
    assert image.codes.shape == (24, 24, N_COMPONENTS) and image.steps[-1] < 7 * image.steps[12] < 127 * image.steps[0]
    assert np.abs(image.codes[..., :12]).max() == 127 and np.abs(image.codes[..., 12:]).max() == 7
    assert (np.abs(image.codes).max((0, 1)) == np.where(np.arange(N_COMPONENTS) < 12, 127, 7)).all()


def test_a_photo_of_448_px_takes_at_most_150_kB():
    encoder = Encoder.from_timm("resnet10t")  # sides in multiples of 32, which round the area up most
    grids = [component_grid(encoder.input_shape((height, 1000), 448)) for height in range(250, 4001, 7)]
    n_positions = max(rows * columns for rows, columns in grids)
    assert 140_000 < n_positions * (N_BYTES + N_COLOURS) + 4 * N_COMPONENTS <= 150_000


def test_axes_are_those_of_the_exact_decomposition_with_the_farthest_position_in_front():
    generator = torch.Generator().manual_seed(1)
    activations = torch.randn(300, 90, generator=generator) * torch.linspace(4, 0.1, 90)
    centred = activations - activations.mean(0)
    axes, explained = principal_axes(centred)
    exact = torch.linalg.svd(centred, full_matrices=False)
    assert axes.shape == (N_COMPONENTS, 90)
    torch.testing.assert_close((axes[:10] * exact.Vh[:10]).sum(1).abs(), torch.ones(10), atol=1e-3, rtol=0)
    shares = exact.S.square() / exact.S.square().sum()
    np.testing.assert_allclose(explained, shares[:N_COMPONENTS].numpy(), rtol=0.02)
    along = centred @ axes.T
    assert (along.amax(0) >= -along.amin(0)).all()


def test_rank_correlation_is_that_of_the_ranks():
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)
    assert spearman(np.ones(3), np.ones(3)) == 1 and spearman(np.ones(3), np.arange(3.0)) == 0


def test_an_image_is_compared_on_an_eighth_of_its_input():
    assert component_grid((448, 450)) == (56, 57)


@pytest.fixture(scope="module")
def service():
    service = ExplainerService()
    yield service
    service.close()


@pytest.mark.parametrize(("encoder", "photo"), [("efficientnet-lite0", "china"), ("scenes-vit", "coffee")])
def test_the_bytes_of_a_photo_are_few_and_order_its_places_as_all_channels_do(service, encoder, photo):
    result = service.find_components(encoder, [read_sample(photo)], settings=ComponentSettings(input_size=448)).result(240)
    (image,) = result.components.images
    assert isinstance(image, Components) and image.codes.dtype == np.int8
    assert len(image.packed()) <= 150_000
    assert result.components.rank_correlation >= 0.98
