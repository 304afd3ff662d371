"""The map from a text tower to an encoder: exact where activations follow from embeddings, worth nothing where they do not."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.text import (
    TextMap,
    TextSettings,
    auc_p_value,
    fit_map,
    held_out,
    nearest,
    offsets_of,
    word_health,
    word_vectors,
)

SETTINGS = TextSettings("none", n_random=99)


def photos(n: int = 60, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings (n, 6) on the sphere, and activations (n, 9) that follow from them, with a little noise."""
    rng = torch.Generator().manual_seed(seed)
    embeddings = torch.nn.functional.normalize(torch.randn(n, 6, generator=rng) + 1, dim=1)
    return embeddings, embeddings @ torch.randn(6, 9, generator=rng) + 0.01 * torch.randn(n, 9, generator=rng)


def test_left_out_activations_follow_from_embeddings_or_they_do_not():
    embeddings, pooled = photos()
    _, worth = fit_map(embeddings, pooled, SETTINGS)
    assert worth.r2 > 0.99 and worth.p_value == 0.01 and worth.chance < 0.1
    _, unrelated = fit_map(embeddings, photos(seed=1)[1], SETTINGS)
    assert unrelated.r2 < 0.1 and unrelated.p_value > 0.05


def test_r2_is_that_of_leaving_out_one_photo_after_the_other():
    embeddings, pooled = (x.double() for x in photos(12))
    _, worth = fit_map(embeddings, pooled, SETTINGS)
    residual = total = 0.0
    for n in range(12):
        kept = torch.arange(12) != n
        # the closed form keeps the mean and the scale of the penalty of all photos, so this is near, not the same
        told = TextMap(embeddings, pooled, worth.penalty).vectors((embeddings[n] - embeddings[kept].mean(0))[None], kept)
        residual += float((pooled[n] - pooled[kept].mean(0) - told[0]).square().sum())
        total += float((pooled[n] - pooled[kept].mean(0)).square().sum())
    assert worth.r2 == pytest.approx(1 - residual / total, abs=0.02)


def test_a_word_goes_where_its_photos_are():
    embeddings, pooled = photos(100)
    axis = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0, -1.0]]), dim=1)
    fitted, _ = fit_map(embeddings, pooled, SETTINGS)
    (vectors,) = word_vectors(fitted, axis, seed=0)
    is_near = nearest((embeddings @ axis[0]).numpy())
    assert is_near.sum() == 25
    cav, health = word_health(vectors, pooled, (pooled @ vectors.whole).clamp_min(0), is_near)
    assert health.auc > 0.8 and health.stability > 0.95 and cav.concept_emblem > cav.random_emblem
    assert auc_p_value(held_out(vectors, pooled), is_near, SETTINGS) == 0.01
    shuffled = np.random.default_rng(0).permutation(is_near)
    assert auc_p_value(held_out(vectors, pooled), shuffled, SETTINGS) > 0.05


def test_the_gap_between_words_and_pictures_falls_out():
    words, plain = torch.eye(4)[:1], torch.eye(4)[1:3]
    gap = torch.tensor([0.3, 0.3, 0.3, 5.0])
    assert torch.allclose(offsets_of(words + gap, plain + gap), offsets_of(words, plain), atol=1e-6)
