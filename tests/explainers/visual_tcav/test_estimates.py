"""From fitted concepts and evidence to estimates, on maps one can check by hand."""

import pytest

from explainers.visual_tcav.attribution import contributions
from explainers.visual_tcav.estimates import class_estimate, estimates_of
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL
from tests.explainers.visual_tcav.left_column import evidence, noise, stack, with_concept


def estimates(maps, both):
    of_concept = stack(maps)
    contributed = contributions(both, of_concept.cavs)
    return estimates_of(of_concept, contributed.attributions, contributed.negatives)


def test_a_concept_that_decides_the_class_is_significant_and_noise_is_not():
    both = evidence(with_concept(1, 77)[0])
    own_class, other_class = estimates(with_concept(12, 0), both)
    assert own_class.p_value <= SIGNIFICANCE_LEVEL and own_class.value > 0.7 * both.class_shares[0]
    assert other_class.value < 0.1
    assert 0 <= own_class.null_interval[0] <= own_class.null_mean <= own_class.null_interval[1] < own_class.value
    assert estimates(noise(12, 5), both)[0].p_value > SIGNIFICANCE_LEVEL


def test_an_estimate_over_a_class():
    of_concept = stack(with_concept(12, 0))
    contributed = [contributions(evidence(maps), of_concept.cavs) for maps in with_concept(8, 50)]
    estimate = class_estimate(of_concept, contributed, seed=0)
    assert estimate.mean == pytest.approx(estimate.values.mean()) and estimate.std == pytest.approx(estimate.values.std())
    assert estimate.reference_interval[1] == pytest.approx(estimate.mean + 2 * estimate.std / 8**0.5)
    assert estimate.interval[0] < estimate.mean < estimate.interval[1]
    assert estimate.tcav_score == 1.0 and estimate.significant  # the logit rises along channel 1 in every image
