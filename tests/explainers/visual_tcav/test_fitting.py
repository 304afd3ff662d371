"""CAVs with their replicates and pseudo-concepts, on maps one can check by hand."""

import pytest
import torch

from explainers.visual_tcav.cav import emblem, fit_cav, responses
from explainers.visual_tcav.fitting import FitSettings, as_tensors, fit_concepts, from_tensors
from explainers.visual_tcav.nulls import null_subsets
from explainers.visual_tcav.resampling import N_FOLDS, folds
from models.errors import TooFewExamples
from tests.explainers.visual_tcav.left_column import N_CHANNELS, QUICK, fitted, noise, source, with_concept


def test_a_streamed_fit_is_the_fit_of_all_at_once():
    concept, random = with_concept(12, 0), noise(40, 9)
    once, streamed = fit_cav(concept, random), fitted(concept).cav
    torch.testing.assert_close(streamed.vector, once.vector)
    assert (streamed.concept_emblem, streamed.random_emblem) == pytest.approx((once.concept_emblem, once.random_emblem), rel=1e-5)


def test_a_pseudo_concept_is_a_fit_of_its_images_against_the_rest():
    fit = fitted(with_concept(12, 0))
    random = noise(40, 9)
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    expected = fit_cav(random[chosen], random[~chosen])
    torch.testing.assert_close(fit.nulls.vectors[3], expected.vector)
    assert float(fit.nulls.random_emblems[3]) == pytest.approx(expected.random_emblem, rel=1e-3)


def test_a_pseudo_concept_has_the_effect_size_of_the_concept():
    """By hand: what images respond to CAVs that were fitted without their fold."""
    concept, random = with_concept(12, 0), noise(40, 9)
    fit = fitted(concept)
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
    expected = fit.nulls.random_emblems[3] + effect_size * torch.cat(of_null).std(correction=0)
    torch.testing.assert_close(fit.nulls.concept_emblems[3], expected[0], rtol=1e-4, atol=0)


def test_beside_a_concept_that_is_not_seen_pseudo_concepts_keep_their_own_emblems():
    fit = fitted(noise(12, 0) / 2)  # nothing responds to less of everything
    random = noise(40, 9)
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    assert fit.health.emblem_gap <= 0
    expected = fit_cav(random[chosen], random[~chosen]).concept_emblem
    assert float(fit.nulls.concept_emblems[3]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_images_are_enough_for_a_fit(n):
    fit = fitted(with_concept(n, 0))
    assert torch.isfinite(fit.stack.vectors).all() and torch.isfinite(fit.stack.concept_emblems).all()


def test_maps_of_different_sizes_are_welcome():
    maps = [with_concept(1, seed)[0][:, :, : 2 + seed % 2] for seed in range(6)]
    (fit,) = fit_concepts({"left": lambda: ([m] for m in maps)}, source(noise(40, 9)), QUICK)["left"]
    assert fit.health.n_concept == 6


def test_a_fit_comes_back_from_disk_as_it_was():
    fit = fitted(with_concept(12, 0))
    tensors = as_tensors(fit)
    back = from_tensors("left", tensors, QUICK)
    for name in ("vectors", "concept_emblems", "random_emblems"):
        torch.testing.assert_close(getattr(back.stack, name), getattr(fit.stack, name), rtol=1e-6, atol=1e-6)
    assert (back.health, back.emblems) == (fit.health, fit.emblems)
    assert sum(t.numel() for t in tensors.values()) < fit.stack.vectors.numel() + 3 * (12 + 40)
    assert from_tensors("left", {"anything": torch.ones(3)}, QUICK) is None
    assert from_tensors("left", tensors, FitSettings(n_null=39, n_bootstrap=20)) is None


def test_an_empty_concept_is_refused_by_name():
    with pytest.raises(TooFewExamples, match="'left'"):
        fitted(torch.empty(0, N_CHANNELS, 3, 3))
