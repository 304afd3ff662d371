"""Agreement between encoders: by hand, against brute force, and against the definitions."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from explainers.drawing.clusters import at_size
from explainers.maps.agreement import (
    agreement_over_k,
    disagreement,
    in_colours_of,
    k_of_regions,
    map_agreement,
    region_counts,
    spread,
)
from explainers.maps.cka import centred_gram, cka_matrix, linear_cka

LEFT_RIGHT = np.array([[0, 0, 1, 1]] * 4, np.uint8)
TOP_BOTTOM = LEFT_RIGHT.T.copy()


def random_map(seed: int, k: int, shape=(20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, k, shape).astype(np.uint8)


def test_a_map_agrees_fully_with_itself_under_other_names():
    found = map_agreement(LEFT_RIGHT, 1 - LEFT_RIGHT)
    assert found.adjusted_rand == pytest.approx(1) and found.adjusted_mutual_information == pytest.approx(1)


def test_maps_that_cross_agree_no_more_than_chance():
    assert map_agreement(LEFT_RIGHT, TOP_BOTTOM).adjusted_rand < 0.01


def test_agreement_is_what_scikit_learn_says():
    a, b = random_map(0, 4), random_map(1, 6)
    b[:10] = a[:10]
    found = map_agreement(a, b)
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(a.ravel(), b.ravel()))
    assert found.adjusted_mutual_information == pytest.approx(adjusted_mutual_info_score(a.ravel(), b.ravel()))


def test_maps_of_different_size_cover_the_same_photo():
    large = at_size(LEFT_RIGHT, (12, 12))
    assert map_agreement(LEFT_RIGHT, large).adjusted_rand == pytest.approx(1)
    assert [found.adjusted_rand for found in agreement_over_k(np.stack([large, large]), np.stack([LEFT_RIGHT, TOP_BOTTOM]))] == [
        pytest.approx(1),
        pytest.approx(map_agreement(large, TOP_BOTTOM).adjusted_rand),
    ]


@pytest.mark.parametrize("k", range(2, 8))
def test_matched_colours_are_the_permutation_that_overlaps_most(k):
    reference, labels = random_map(k, k), random_map(k + 100, k)
    labels[:8] = (reference[:8] + 1) % k
    best = max(int((np.array(p)[labels] == reference).sum()) for p in permutations(range(k)))
    matched = in_colours_of(reference, labels)
    assert int((matched == reference).sum()) == best
    assert map_agreement(labels, matched).adjusted_rand == pytest.approx(1)  # the same map under other names


def test_more_clusters_than_the_reference_keep_apart():
    labels = np.array([[3, 3, 0, 1]] * 4, np.uint8)
    matched = in_colours_of(LEFT_RIGHT, labels)
    assert matched[0, 0] == 0 and 1 in (matched[0, 2], matched[0, 3]) and len(np.unique(matched)) == 3


def test_disagreement_is_one_minus_the_overlap_of_the_two_clusters():
    three_one = np.array([[0, 0, 0, 1]] * 4, np.uint8)
    found = disagreement(LEFT_RIGHT, three_one)
    np.testing.assert_allclose(found[0], [1 / 3, 1 / 3, 1 - 1 / 4, 1 / 2], rtol=1e-6)
    assert disagreement(LEFT_RIGHT, 1 - LEFT_RIGHT).max() == 0


def test_the_k_with_the_nearest_number_of_regions_and_the_smallest_of_several():
    assert k_of_regions({2: 4, 3: 9, 4: 11, 5: 30}, 10) == 3
    assert k_of_regions({2: 4, 3: 9}, 100) == 3


def test_numbers_of_regions_to_choose_from_lie_where_all_encoders_reach():
    choices = region_counts([{2: 4, 20: 100}, {2: 10, 20: 400}])
    assert choices[0] == 10 and choices[-1] == 100 and list(choices) == sorted(set(choices))
    assert region_counts([{2: 4, 20: 8}, {2: 10, 20: 40}])[0] == 8


def plain_cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Kornblith et al., equation 4 in its feature form, on centred columns."""
    x, y = x - x.mean(0), y - y.mean(0)
    return float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))


def test_cka_is_its_definition():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(12, 5, generator=generator).double(), torch.randn(12, 3, generator=generator).double()
    y[:, 0] += x[:, 1]
    assert linear_cka(centred_gram(x), centred_gram(y)) == pytest.approx(plain_cka(x, y), rel=1e-5)


def test_cka_does_not_see_rotations_shifts_and_scales():
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(15, 6, generator=generator), torch.randn(15, 4, generator=generator)
    orthogonal = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    before = linear_cka(centred_gram(x), centred_gram(y))
    assert linear_cka(centred_gram(3 * x @ orthogonal + 7), centred_gram(y)) == pytest.approx(before, rel=1e-4)
    assert linear_cka(centred_gram(x @ orthogonal), centred_gram(x)) == pytest.approx(1, rel=1e-5)


def test_a_depth_where_nothing_varies_is_like_no_other():
    assert linear_cka(centred_gram(torch.ones(6, 3)), centred_gram(torch.randn(6, 3))) == 0


def test_every_depth_is_compared_with_every_other():
    generator = torch.Generator().manual_seed(2)
    a, b = ([centred_gram(torch.randn(9, c, generator=generator)) for c in widths] for widths in ((2, 3), (4, 5, 6)))
    found = cka_matrix(a, b)
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(linear_cka(a[1], b[2]))


def test_the_spread_of_one_photo_is_none():
    assert spread([0.5]).std == 0
    assert spread([0.0, 1.0]).mean == 0.5 and spread([0.0, 1.0]).std == pytest.approx(0.5**0.5)
