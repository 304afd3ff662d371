"""Clusters beside what people drew, where the answer is known."""

import numpy as np
import pytest

from explainers.maps.boxes import Box
from explainers.maps.truths import N_CHANCE, BesideChance, truth_match

NOTHING = np.zeros((40, 40), bool)


def square(top=10, left=12, side=9) -> np.ndarray:
    mask = NOTHING.copy()
    mask[top : top + side, left : left + side] = True
    return mask


def test_a_cluster_that_is_the_object_is_found_and_chance_never_is():
    match = truth_match(square().astype(np.uint8), [square()], NOTHING, 2)
    assert match.objects[0].cluster_idx == 1 and match.objects[0].iou.value == 1
    assert match.objects[0].iou.p_value == pytest.approx(1 / (1 + N_CHANCE)) and match.objects[0].iou.chance < 0.3
    assert match.covering.value == match.adjusted_rand.value == 1
    assert match.covering.chance < 0.9 and abs(match.adjusted_rand.chance) < 0.2


def test_noise_is_no_better_than_chance():
    labels = np.random.default_rng(3).integers(0, 4, (40, 40)).astype(np.uint8)
    p_values = [truth_match(labels, [square(top, 3)], NOTHING, 4, seed=top).mean_iou.p_value for top in range(0, 30, 2)]
    assert min(p_values) > 1 / (1 + N_CHANCE) and np.mean(p_values) > 0.25


def test_the_iou_is_that_of_the_best_cluster():
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 20:] = 1
    mask = NOTHING.copy()
    mask[:, 10:] = True
    match = truth_match(labels, [mask], NOTHING, 2)
    assert (match.objects[0].cluster_idx, match.objects[0].iou.value) == (1, pytest.approx(20 / 30))
    assert match.mean_iou == match.objects[0].iou


def test_a_box_is_held_against_the_boxes_of_regions():
    match = truth_match(square().astype(np.uint8), [Box(10, 12, 9, 9)], NOTHING, 2)
    assert match.objects[0].iou.value == 1 and match.objects[0].cluster_idx == 1 and match.objects[0].iou.p_value < 0.1
    assert match.covering is None and match.adjusted_rand is None


def test_pixels_that_are_left_out_count_for_nothing():
    left_out = NOTHING.copy()
    left_out[10:19, 12:16] = True
    labels = square().astype(np.uint8)
    labels[left_out] = 0
    assert truth_match(labels, [square()], left_out, 2).objects[0].iou.value == 1


def test_p_value_counts_how_often_chance_reaches_the_value():
    assert BesideChance.of(0.5, [0.1, 0.5, 0.9]) == BesideChance(0.5, pytest.approx(0.5), 0.75)


def test_the_mean_over_photos_is_beside_the_means_of_chance():
    # of three draws, whose means are 0.2, 0.7 and 0.2, one is as good
    low, high = BesideChance.of(0.4, [0.1, 0.5, 0.3]), BesideChance.of(0.8, [0.3, 0.9, 0.1])
    assert BesideChance.mean_of([low, high]) == BesideChance(pytest.approx(0.6), pytest.approx(2.2 / 6), 0.5)
    assert low.record == {"value": 0.4, "chance": pytest.approx(0.3), "p_value": 0.5}
