"""Altered copies: the encoder stays as it is, and only what is meant is altered."""

import pytest
import torch

from models.encoder.altered import (
    embeddings,
    in_half_precision,
    n_stages,
    randomised_from_head,
    stages_of_weights,
    with_classifier,
)
from models.encoder.encoder import Encoder, randomised


@pytest.fixture(scope="module", params=["test_resnet", "test_vit"])
def encoder(request) -> Encoder:
    return Encoder.from_timm(request.param, seed=1, num_classes=5)


@pytest.fixture
def images(encoder) -> torch.Tensor:
    return torch.randn(2, 3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(0))


def test_stages_go_from_the_head_to_the_picture(encoder):
    stages = stages_of_weights(encoder)
    assert set(stages.values()) == set(range(n_stages(encoder)))
    last = len(encoder.info.depths)
    first, head = ("pos_embed", "head.weight") if "pos_embed" in stages else (next(iter(stages)), "fc.weight")
    assert stages[head] == 0 and stages[first] == last
    deepest = encoder.info.depths[-1].module_name
    assert {stage for name, stage in stages.items() if name.startswith(f"{deepest}.")} == {1}


def test_only_the_first_stages_are_random_and_the_encoder_stays(encoder):
    before = encoder.info.fingerprint
    random, stages = randomised(encoder, 7).model.state_dict(), stages_of_weights(encoder)
    copied = randomised_from_head(encoder, 2, 7)
    for name, value in copied.model.state_dict().items():
        kept_from = random if stages[name] < 2 else encoder.model.state_dict()
        torch.testing.assert_close(value, kept_from[name])
    assert copied.info.fingerprint != before
    assert randomised_from_head(encoder, 0, 7).info.fingerprint == before
    assert randomised_from_head(encoder, n_stages(encoder), 7).info.fingerprint == randomised(encoder, 7).info.fingerprint


def test_another_classifier_answers_with_its_matrix(encoder, images):
    given = embeddings(encoder, list(images))
    weights, offsets = torch.randn(3, given.shape[1], generator=torch.Generator().manual_seed(1)), torch.tensor([1.0, 0, -1])
    copied = with_classifier(encoder, weights, offsets)
    torch.testing.assert_close(copied.logits(images), given @ weights.T + offsets, rtol=1e-4, atol=1e-5)
    assert len(copied.info.class_names) == 3 and len(encoder.info.class_names) == 5


def test_half_precision_is_near_but_not_the_same(encoder, images):
    whole, half = encoder.logits(images), in_half_precision(encoder).logits(images)
    assert 0 < float((whole - half).abs().max()) < 0.05 * float(whole.abs().max())
    assert torch.equal(encoder.logits(images), whole)
