"""Drops, bands and p-values of values that are known by heart, and under noise."""

import numpy as np
import pytest

from explainers.interventions.effects import class_effect, drops_of, effect_of, response_of
from explainers.interventions.settings import STRENGTHS, InterventionSettings, require_valid
from models.errors import BadSettings

OF_THREE = (0.0, 1.0, 2.0)


def test_a_drop_is_from_unchanged_to_removed():
    values = np.array([[1.0, 4.0, 5.0], [3.0, 4.0, 4.5]])
    assert drops_of(values, OF_THREE).tolist() == [3.0, 1.0]


def test_the_band_and_the_p_value_are_those_of_pseudo_concepts():
    nulls = np.array([[4.0 - d, 4.0, 4.0 + d] for d in np.linspace(0, 1, 99)])
    response = response_of(np.vstack([[1.0, 4.0, 9.0], nulls]), OF_THREE)
    assert response.curve.tolist() == [1.0, 4.0, 9.0] and response.drop == 3.0
    assert response.low.tolist() == pytest.approx([3.025, 4.0, 4.025]) and response.high.tolist() == pytest.approx(
        [3.975, 4.0, 4.975]
    )
    assert response.p_value == 0.01  # the first of a hundred
    assert response.null_interval == pytest.approx((0.025, 0.975))


def test_a_rise_is_not_taken_for_a_drop():
    nulls = np.tile([[3.0, 4.0, 5.0]], (19, 1))
    assert response_of(np.vstack([[6.0, 4.0, 2.0], nulls]), OF_THREE).p_value == 1.0


def test_under_noise_p_values_are_no_smaller_than_they_say():
    rng = np.random.default_rng(0)
    values = np.zeros((2000, 1 + 99, 3))
    values[..., 0] = rng.normal(size=(2000, 100))
    p = np.array([response_of(v, OF_THREE).p_value for v in values])
    assert abs((p <= 0.05).mean() - 0.05) < 0.015 and abs((p <= 0.5).mean() - 0.5) < 0.035


def test_logits_and_probabilities_are_tested_apart():
    logits = np.array([[0.0, 4.0, 5.0], [3.0, 4.0, 4.5]])
    shares = np.array([[0.9, 0.9, 0.9], [0.5, 0.9, 0.95]])
    effect = effect_of(logits, shares, OF_THREE)
    assert (effect.logit.p_value, effect.probability.p_value) == (0.5, 1.0)


def test_a_class_has_the_mean_over_its_images():
    logits = [np.array([[1.0, 4.0, 5.0], [3.0, 4.0, 5.0]]), np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])]
    shares = [np.array([[0.2, 0.8, 0.9], [0.5, 0.8, 0.9]])] * 2
    effect = class_effect(logits, shares, OF_THREE, n_bootstrap=200, seed=0)
    assert effect.drops.tolist() == [3.0, 1.0] and effect.change.drop == 2.0
    assert effect.change.curve.tolist() == [-2.0, 0.0, 1.0]
    assert effect.interval[0] == 1.0 and effect.interval[1] == 3.0  # one image or the other, twice
    assert effect.probability_drop == pytest.approx(0.6)
    assert effect.change.p_value == 0.5 and effect.change.null_interval == (0.5, 0.5)


def test_removed_and_unchanged_are_always_among_the_strengths():
    assert InterventionSettings(strengths=(2.0, 0.5, 2.0)).strengths == (0.0, 0.5, 1.0, 2.0)
    assert InterventionSettings().strengths == STRENGTHS and len(STRENGTHS) == 9


@pytest.mark.parametrize(
    "wrong",
    [
        {"strengths": (-0.5,)},
        {"strengths": (11.0,)},
        {"strengths": (float("nan"),)},
        {"n_null": 0},
        {"where": "sky"},
        {"method": "magic"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(BadSettings):
        require_valid(InterventionSettings(**wrong))
