"""Concept maps and class attributions, on maps one can check by hand."""

import pytest
import torch

from explainers.visual_tcav.cav import NEGATIVE, POSITIVE, Cav, class_attribution, concept_map


def test_a_concept_that_random_images_show_as_much_has_an_empty_map():
    assert concept_map(torch.ones(1, 2, 2), Cav(torch.ones(1), 0.5, 0.5)).sum() == 0
    assert concept_map(torch.full((1, 1, 1), 0.75), Cav(torch.ones(1), 1.0, 0.5)).item() == pytest.approx(0.5)


# --- a single logit, which has two classes --------------------------------------------------------------------------------

LOGITS = (torch.tensor([1.0]), torch.tensor([0.0]))  # of the image and of the baseline


def both_classes(*products):
    """The attributions to POSITIVE and to NEGATIVE of one channel with these gradients times activations."""
    given = torch.tensor([[products]])
    return [class_attribution(given, *LOGITS, class_idx).flatten().tolist() for class_idx in (POSITIVE, NEGATIVE)]


def test_a_single_logit_without_evidence_credits_nothing_to_either_class():
    assert both_classes(0.0, 0.0) == [[0.0, 0.0], [0.0, 0.0]]  # and not 0 / 0


def test_of_two_classes_of_a_single_logit_the_one_with_more_evidence_has_a_share_of_one():
    positive, negative = both_classes(1.0, -3.0, 1.0)
    assert positive == pytest.approx([1 / 3, 0, 1 / 3]) and negative == pytest.approx([0, 1, 0])


def test_evidence_for_one_class_of_a_single_logit_leaves_the_other_without():
    positive, negative = both_classes(1.0, 3.0)
    assert positive == pytest.approx([1 / 4, 3 / 4]) and negative == [0.0, 0.0]
    positive, negative = both_classes(-1.0, -3.0)
    assert positive == [0.0, 0.0] and negative == pytest.approx([1 / 4, 3 / 4])
