"""What logits stand for, with numbers that can be checked by hand."""

import math

import pytest
import torch

from models.encoder.labels import class_logits, class_name, probabilities


def test_probabilities_of_several_logits_are_their_softmax():
    logits = torch.tensor([0.0, math.log(2), math.log(5)])  # odds 1 : 2 : 5
    torch.testing.assert_close(probabilities(logits), torch.tensor([0.125, 0.25, 0.625]))
    assert torch.equal(class_logits(logits), logits)


@pytest.mark.parametrize(("logit", "expected"), [(0.0, [0.5, 0.5]), (math.log(3), [0.75, 0.25]), (-math.log(3), [0.25, 0.75])])
def test_a_single_logit_speaks_for_its_class_and_against_it(logit, expected):
    torch.testing.assert_close(probabilities(torch.tensor([logit])), torch.tensor(expected))
    torch.testing.assert_close(class_logits(torch.tensor([logit])), torch.tensor([logit, -logit]))


def test_the_second_class_of_a_single_logit_is_not_the_first():
    assert [class_name(("cat",), idx) for idx in (0, 1)] == ["cat", "not cat"]
    assert [class_name(("cat", "dog"), idx) for idx in (0, 1)] == ["cat", "dog"]
