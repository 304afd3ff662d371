"""Evidence and contributions, on maps one can check by hand."""

import numpy as np
import pytest
import torch

from explainers.integrated_gradients import path_gradients
from explainers.visual_tcav import cav as visual_tcav
from explainers.visual_tcav.attribution import Contributions, contributions, evidence_of
from explainers.visual_tcav.cav import NEGATIVE, POSITIVE, Cavs
from models.errors import Cancelled
from models.progress import Progress
from tests.explainers.visual_tcav.left_column import QUICK, evidence, stack, with_concept


def test_evidence_sums_to_the_class_share_and_keeps_what_speaks_against():
    both = evidence(torch.ones(2, 2, 2), torch.tensor([[2.0, -1.0], [0.5, 0.0]]))
    assert both.class_shares == pytest.approx((1.0, 0.5))  # logits rise by 4 and by 2
    assert both.attributions.flatten(1).sum(1).tolist() == pytest.approx([1.0, 0.5])
    assert both.negatives.flatten(1).sum(1).tolist() == pytest.approx([0.5, 0.0])  # 4 against, of 8 for
    assert both.logit_changes == pytest.approx((4.0, 2.0))
    assert max(both.completeness_gaps) < 1e-5


def test_a_single_logit_has_two_classes():
    both = evidence(torch.ones(2, 1, 1), torch.tensor([[1.0, -3.0]]), (POSITIVE, NEGATIVE))
    assert both.class_shares == pytest.approx((1 / 3, 1.0))
    assert both.attributions[NEGATIVE].flatten().tolist() == pytest.approx([0.0, 1.0])
    assert both.negatives[POSITIVE].flatten().tolist() == pytest.approx([0.0, 1.0])  # what is for the one is against the other
    assert both.negatives[NEGATIVE].flatten().tolist() == pytest.approx([1 / 3, 0.0])
    assert both.logit_changes == pytest.approx((-2.0, 2.0))
    assert both.final_gradients[NEGATIVE].flatten().tolist() == pytest.approx([-1.0, 3.0])


def test_the_negative_class_of_a_single_logit_can_be_asked_for_alone():
    alone = evidence(torch.ones(2, 1, 1), torch.tensor([[1.0, -3.0]]), (NEGATIVE,))
    assert alone.class_shares == pytest.approx((1.0,)) and alone.logit_changes == pytest.approx((2.0,))
    assert alone.attributions.flatten().tolist() == pytest.approx([0.0, 1.0])


def test_a_single_logit_without_evidence_gives_zeros_and_nothing_undefined():
    nothing = evidence(torch.ones(2, 2, 2), torch.zeros(1, 2), (POSITIVE, NEGATIVE))
    for values in (nothing.attributions, nothing.negatives, nothing.final_gradients):
        assert values.shape == (2, 2, 2, 2) and (values == 0).all()
    assert nothing.class_shares == nothing.off_map_shares == nothing.logit_changes == nothing.completeness_gaps == (0.0, 0.0)


def test_what_lies_on_prefix_tokens_is_off_the_map():
    tokens = torch.tensor([[3.0], [1.0], [1.0]])  # one prefix token, two positions, one channel
    path = path_gradients(lambda t: t.sum((1, 2))[:, None].repeat(1, 2), tokens, [0], n_steps=1)
    on_map = evidence_of(path, tokens, [0], lambda batch: batch[:, 1:].permute(0, 2, 1)[..., None])
    assert on_map.off_map_shares == pytest.approx((0.6,))
    assert on_map.attributions.sum().item() == pytest.approx(0.4)


def test_over_depths_an_image_counts_for_tcav_where_most_depths_rise():
    def at_a_depth(value, sensitivity):
        return Contributions(torch.ones(2, 2), np.array([[value]]), np.array([value / 10]), np.array([[sensitivity]]))

    mean = Contributions.over_depths([at_a_depth(0.1, 0.001), at_a_depth(0.3, 0.002), at_a_depth(0.2, -50.0)])
    assert mean.attributions == pytest.approx(0.2) and mean.negatives == pytest.approx(0.02)
    assert mean.sensitivities > 0 and mean.concept_map.numel() == 0


def test_many_at_a_time_are_each_alone():
    cavs, both = stack(with_concept(12, 0)).cavs, evidence(with_concept(1, 3)[0])
    together = contributions(both, cavs)
    alone = contributions(both, Cavs.of(cavs[1 + QUICK.n_bootstrap + 4]))
    place = 1 + QUICK.n_bootstrap + 4
    np.testing.assert_allclose(together.attributions[:, place], alone.attributions[:, 0], rtol=1e-5, atol=1e-8)


def test_a_few_at_a_time_are_as_all_at_once(monkeypatch):
    """Where memory is short, CAVs are projected in parts."""
    whole, both = stack(with_concept(12, 0)).cavs, evidence(with_concept(1, 3)[0])
    expected = contributions(both, whole)
    monkeypatch.setattr(visual_tcav, "MAX_PROJECTIONS", 7 * 9)  # seven maps of 3 x 3
    in_parts, again = contributions(both, whole), stack(with_concept(12, 0)).cavs
    np.testing.assert_allclose(in_parts.attributions, expected.attributions, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(in_parts.concept_map, expected.concept_map)
    torch.testing.assert_close(again.concept_emblems, whole.concept_emblems)


def test_projections_stop_between_parts_when_nobody_waits(monkeypatch):
    cavs, both, n_checks = stack(with_concept(12, 0)).cavs, evidence(with_concept(1, 3)[0]), 0
    monkeypatch.setattr(visual_tcav, "MAX_PROJECTIONS", 7 * 9)

    def leave_at_the_third() -> None:
        nonlocal n_checks
        n_checks += 1
        if n_checks == 3:
            raise Cancelled("nobody waits")

    with pytest.raises(Cancelled):
        contributions(both, cavs, Progress(check=leave_at_the_third))
    assert n_checks == 3
