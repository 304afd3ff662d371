"""CAVs with their replicates and pseudo-concepts, on maps one can check by hand."""

import numpy as np
import pytest
import torch

from explainers.visual_tcav.cav import emblem, fit_cav, responses
from explainers.visual_tcav.fitting import (
    FitSettings,
    as_tensors,
    fit_concepts,
    from_tensors,
    pseudo_as_tensors,
    pseudo_from_tensors,
)
from explainers.visual_tcav.nulls import N_OF_EACH, null_subsets, redrawn
from explainers.visual_tcav.resampling import N_FOLDS, folds
from models.errors import TooFewExamples
from tests.explainers.visual_tcav.left_column import (
    N_CHANNELS,
    QUICK,
    fitted,
    noise,
    pseudo_concepts,
    source,
    stack,
    with_concept,
)


def test_a_streamed_fit_is_the_fit_of_all_at_once():
    concept, random = with_concept(12, 0), noise(40, 9)
    once, streamed = fit_cav(concept, random), fitted(concept).cav
    torch.testing.assert_close(streamed.vector, once.vector)
    assert (streamed.concept_emblem, streamed.random_emblem) == pytest.approx((once.concept_emblem, once.random_emblem), rel=1e-5)


def test_a_pseudo_concept_is_a_fit_of_its_images_against_the_rest():
    nulls, random = pseudo_concepts(12).cavs, noise(40, 9)
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    expected = fit_cav(random[chosen], random[~chosen])
    torch.testing.assert_close(nulls.vectors[3], expected.vector)
    assert (nulls[3].concept_emblem, nulls[3].random_emblem) == pytest.approx(
        (expected.concept_emblem, expected.random_emblem), rel=1e-3
    )


def test_a_replicate_of_a_pseudo_concept_is_a_fit_of_its_images_drawn_again():
    replicates, random = pseudo_concepts(12).replicates, noise(40, 9)
    chosen = null_subsets(40, 12, QUICK.n_null, QUICK.seed)
    idx = 3 * N_OF_EACH + 2
    inside, outside = redrawn(chosen, QUICK.seed)[idx], redrawn(~chosen, QUICK.seed + 1)[idx]
    assert (inside.sum(), outside.sum()) == (12, 28) and not inside[~chosen[3]].any() and not outside[chosen[3]].any()
    expected = fit_cav(*(random[torch.from_numpy(np.repeat(np.arange(40), counts))] for counts in (inside, outside)))
    torch.testing.assert_close(replicates.vectors[idx], expected.vector)
    assert (replicates[idx].concept_emblem, replicates[idx].random_emblem) == pytest.approx(
        (expected.concept_emblem, expected.random_emblem), rel=1e-3
    )


def test_a_pseudo_concept_has_the_effect_size_of_the_concept():
    """By hand: what images respond to CAVs that were fitted without their fold."""
    concept, random = with_concept(12, 0), noise(40, 9)
    nulls = pseudo_concepts(12).raised_to(fitted(concept).effect_size).cavs
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    in_fold, concept_in_fold = (torch.from_numpy(folds(n, QUICK.seed)) for n in (40, 12))
    of_null, of_random, of_concept = [], [], []
    for fold in range(N_FOLDS):
        kept = in_fold != fold
        null = fit_cav(random[kept & chosen], random[kept & ~chosen]).vector[None]
        own = fit_cav(concept[concept_in_fold != fold], random[kept]).vector[None]
        of_null.append(responses(random[~kept], null))
        of_random.append(responses(random[~kept], own))
        of_concept.append(responses(concept[concept_in_fold == fold], own))
    effect_size = (emblem(torch.cat(of_concept)) - emblem(torch.cat(of_random))) / torch.cat(of_random).std(correction=0)
    assert effect_size > 5
    expected = nulls.random_emblems[3] + effect_size * torch.cat(of_null).std(correction=0)
    torch.testing.assert_close(nulls.concept_emblems[3], expected[0], rtol=1e-4, atol=0)


def test_beside_a_concept_that_is_not_seen_pseudo_concepts_keep_their_own_emblems():
    fit = fitted(noise(12, 0) / 2)  # nothing responds to less of everything
    assert fit.health.emblem_gap <= 0
    pseudo = pseudo_concepts(12)
    torch.testing.assert_close(pseudo.raised_to(fit.effect_size).cavs.concept_emblems[3], pseudo.cavs.concept_emblems[3])


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_images_are_enough_for_a_fit(n):
    cavs = stack(with_concept(n, 0)).cavs
    assert torch.isfinite(cavs.vectors).all() and torch.isfinite(cavs.concept_emblems).all()


def test_maps_of_different_sizes_are_welcome():
    maps = [with_concept(1, seed)[0][:, :, : 2 + seed % 2] for seed in range(6)]
    (fit,) = fit_concepts({"left": lambda: ([m] for m in maps)}, source(noise(40, 9)), QUICK).concepts["left"]
    assert fit.health.n_concept == 6


def test_a_fit_comes_back_from_disk_as_it_was():
    fit = fitted(with_concept(12, 0))
    tensors = as_tensors(fit)
    back = from_tensors("left", tensors, QUICK)
    assert_same(back.replicates, fit.replicates)
    assert (back.health, back.emblems, back.effect_size) == (fit.health, fit.emblems, fit.effect_size)
    assert sum(t.numel() for t in tensors.values()) < fit.replicates.vectors.numel() + 64 * (12 + 40)
    assert from_tensors("left", {"anything": torch.ones(3)}, QUICK) is None
    assert from_tensors("left", tensors, FitSettings(n_null=40, n_bootstrap=19)) is None


def test_pseudo_concepts_come_back_from_disk_as_they_were():
    pseudo = pseudo_concepts(12)
    tensors = pseudo_as_tensors(pseudo)
    back = pseudo_from_tensors(12, tensors, QUICK)
    assert_same(back.cavs, pseudo.cavs)
    assert_same(back.replicates, pseudo.replicates)
    assert torch.equal(back.spreads, pseudo.spreads)
    assert pseudo_from_tensors(12, {"anything": torch.ones(3)}, QUICK) is None
    assert pseudo_from_tensors(12, tensors, FitSettings(n_null=39, n_bootstrap=20)) is None


def assert_same(cavs, others):
    for name in ("vectors", "concept_emblems", "random_emblems"):
        torch.testing.assert_close(getattr(cavs, name), getattr(others, name), rtol=1e-6, atol=1e-6)


def test_an_empty_concept_is_refused_by_name():
    with pytest.raises(TooFewExamples, match="'left'"):
        fitted(torch.empty(0, N_CHANNELS, 3, 3))
