"""Agreement between encoders: by hand, against brute force, and against the definitions."""

from itertools import permutations

import numpy as np
import pytest
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

LEFT_RIGHT = np.array([[0, 0, 1, 1]] * 4, np.uint8)
TOP_BOTTOM = LEFT_RIGHT.T.copy()


def random_map(seed: int, k: int, shape=(20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, k, shape).astype(np.uint8)


def test_a_map_agrees_fully_with_itself_under_other_names():
    agreement = map_agreement(LEFT_RIGHT, 1 - LEFT_RIGHT)
    assert agreement.adjusted_rand == pytest.approx(1) and agreement.adjusted_mutual_information == pytest.approx(1)


def test_maps_that_cross_agree_no_more_than_chance():
    assert map_agreement(LEFT_RIGHT, TOP_BOTTOM).adjusted_rand < 0.01


def test_agreement_is_what_scikit_learn_says():
    a, b = random_map(0, 4), random_map(1, 6)
    b[:10] = a[:10]
    agreement = map_agreement(a, b)
    assert agreement.adjusted_rand == pytest.approx(adjusted_rand_score(a.ravel(), b.ravel()))
    assert agreement.adjusted_mutual_information == pytest.approx(adjusted_mutual_info_score(a.ravel(), b.ravel()))


def test_maps_of_different_size_cover_the_same_photo():
    large = at_size(LEFT_RIGHT, (12, 12))
    assert map_agreement(LEFT_RIGHT, large).adjusted_rand == pytest.approx(1)
    over_k = agreement_over_k(np.stack([large, large]), np.stack([LEFT_RIGHT, TOP_BOTTOM]))
    crossed = map_agreement(large, TOP_BOTTOM).adjusted_rand
    assert [agreement.adjusted_rand for agreement in over_k] == [pytest.approx(1), pytest.approx(crossed)]


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
    apart = disagreement(LEFT_RIGHT, three_one)
    np.testing.assert_allclose(apart[0], [1 / 3, 1 / 3, 1 - 1 / 4, 1 / 2], rtol=1e-6)
    assert disagreement(LEFT_RIGHT, 1 - LEFT_RIGHT).max() == 0


def test_the_k_with_the_nearest_number_of_regions_and_the_smallest_of_several():
    assert k_of_regions({2: 4, 3: 9, 4: 11, 5: 30}, 10) == 3
    assert k_of_regions({2: 4, 3: 9}, 100) == 3


def test_numbers_of_regions_to_choose_from_lie_where_all_encoders_reach():
    choices = region_counts([{2: 4, 20: 100}, {2: 10, 20: 400}])
    assert choices[0] == 10 and choices[-1] == 100 and list(choices) == sorted(set(choices))
    assert region_counts([{2: 4, 20: 8}, {2: 10, 20: 40}])[0] == 8


def test_the_spread_of_one_photo_is_none():
    assert spread([0.5]).std == 0
    assert spread([0.0, 1.0]).mean == 0.5 and spread([0.0, 1.0]).std == pytest.approx(0.5**0.5)
