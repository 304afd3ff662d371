"""From fitted concepts and gradients to figures, on maps one can check by hand."""

import numpy as np
import pytest
import torch

from explainers.integrated_gradients import path_gradients
from explainers.visual_tcav import cav as visual_tcav
from explainers.visual_tcav.attribution import Contributions, class_estimate, contributions, estimates_of, evidence_of
from explainers.visual_tcav.cav import NEGATIVE, POSITIVE, Cavs
from explainers.visual_tcav.significance import LEVEL
from tests.explainers.visual_tcav.left_column import N_CHANNELS, QUICK, fitted, noise, with_concept

WEIGHT = torch.eye(N_CHANNELS)[[1, 0]]  # class 0 is the sum of channel 1, class 1 that of channel 0


def linear(weight: torch.Tensor):
    return lambda maps: maps.sum((2, 3)) @ weight.T


def explained(maps: torch.Tensor, weight: torch.Tensor, class_idx=(0, 1)):
    path = path_gradients(linear(weight), maps, list(class_idx) if len(weight) > 1 else [0], n_steps=2)
    return evidence_of(path, maps, class_idx, lambda batch: batch)


def test_a_concept_that_decides_the_class_is_significant_and_noise_is_not():
    photo = with_concept(1, 77)[0]
    evidence = explained(photo, WEIGHT)
    found = fitted(with_concept(12, 0))
    figure, other_class = estimates_of(found, *_attributions(evidence, found))
    assert figure.p_value <= LEVEL and figure.value > 0.7 * evidence.class_shares[0]
    assert other_class.value < 0.1
    pure_noise = fitted(noise(12, 5))
    assert estimates_of(pure_noise, *_attributions(evidence, pure_noise))[0].p_value > LEVEL


def _attributions(evidence, found):
    given = contributions(evidence, found.stack)
    return given.attributions, given.negatives


def test_evidence_sums_to_the_class_share_and_keeps_what_speaks_against():
    photo = torch.ones(2, 2, 2)
    evidence = explained(photo, torch.tensor([[2.0, -1.0], [0.5, 0.0]]))
    assert evidence.class_shares == pytest.approx((1.0, 0.5))  # logits rise by 4 and by 2
    assert evidence.attributions.flatten(1).sum(1).tolist() == pytest.approx([1.0, 0.5])
    assert evidence.negatives.flatten(1).sum(1).tolist() == pytest.approx([0.5, 0.0])  # 4 against, of 8 for
    assert evidence.logit_changes == pytest.approx((4.0, 2.0))
    assert max(evidence.completeness_gaps) < 1e-5


def test_a_single_logit_has_two_classes():
    evidence = explained(torch.ones(2, 1, 1), torch.tensor([[1.0, -3.0]]), (POSITIVE, NEGATIVE))
    assert evidence.class_shares == pytest.approx((1 / 3, 1.0))
    assert evidence.attributions[NEGATIVE].flatten().tolist() == pytest.approx([0.0, 1.0])
    assert evidence.logit_changes == pytest.approx((-2.0, 2.0))
    assert evidence.final_gradients[NEGATIVE].flatten().tolist() == pytest.approx([-1.0, 3.0])


def test_what_lies_on_prefix_tokens_is_off_the_map():
    tokens = torch.tensor([[3.0], [1.0], [1.0]])  # one prefix token, two positions, one channel
    path = path_gradients(lambda t: t.sum((1, 2))[:, None].repeat(1, 2), tokens, [0], n_steps=1)
    evidence = evidence_of(path, tokens, [0], lambda batch: batch[:, 1:].permute(0, 2, 1)[..., None])
    assert evidence.off_map_shares == pytest.approx((0.6,))
    assert evidence.attributions.sum().item() == pytest.approx(0.4)


def test_over_depths_an_image_counts_for_tcav_where_most_depths_rise():
    def at_a_depth(value, sensitivity):
        given = (np.array([[value]]), np.array([[value / 10]]), np.array([[sensitivity]]))
        return Contributions(torch.ones(2, 2), *given)

    mean = Contributions.over_depths([at_a_depth(0.1, 0.001), at_a_depth(0.3, 0.002), at_a_depth(0.2, -50.0)])
    assert mean.attributions == pytest.approx(0.2) and mean.negatives == pytest.approx(0.02)
    assert mean.sensitivities > 0 and mean.concept_map.numel() == 0


def test_many_at_a_time_are_each_alone():
    found = fitted(with_concept(12, 0))
    evidence = explained(with_concept(1, 3)[0], WEIGHT)
    together = contributions(evidence, found.stack)
    alone = contributions(evidence, Cavs.of(found.nulls[4]))
    place = 1 + QUICK.n_bootstrap + 4
    np.testing.assert_allclose(together.attributions[:, place], alone.attributions[:, 0], rtol=1e-5, atol=1e-8)


def test_a_few_at_a_time_are_as_all_at_once(monkeypatch):
    """Where memory is short, CAVs are projected in parts."""
    whole, evidence = fitted(with_concept(12, 0)), explained(with_concept(1, 3)[0], WEIGHT)
    expected = contributions(evidence, whole.stack)
    monkeypatch.setattr(visual_tcav, "MAX_PROJECTIONS", 7 * 9)  # seven maps of 3 x 3
    found, again = contributions(evidence, whole.stack), fitted(with_concept(12, 0))
    np.testing.assert_allclose(found.attributions, expected.attributions, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(found.concept_map, expected.concept_map)
    torch.testing.assert_close(again.stack.concept_emblems, whole.stack.concept_emblems)


def test_figures_over_a_class():
    found = fitted(with_concept(12, 0))
    photos = with_concept(8, 50)
    given = [contributions(explained(m, WEIGHT, (0, 1)), found.stack) for m in photos]
    figure = class_estimate(found, given, seed=0)
    assert figure.mean == pytest.approx(figure.values.mean()) and figure.std == pytest.approx(figure.values.std())
    assert figure.reference_interval[1] == pytest.approx(figure.mean + 2 * figure.std / 8**0.5)
    assert figure.interval[0] < figure.mean < figure.interval[1]
    assert figure.tcav_score == 1.0 and figure.significant  # the logit rises along channel 1 in every image
