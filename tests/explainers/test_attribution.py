"""The whole of Visual-TCAV on maps one can check by hand."""

import numpy as np
import pytest
import torch

from explainers.attribution import (
    FitSettings,
    as_tensors,
    class_figure,
    contributions,
    evidence_of,
    figures_of,
    fit_concepts,
    from_tensors,
)
from explainers.errors import TooFewExamples
from explainers.integrated_gradients import path_gradients
from explainers.significance import LEVEL, N_FOLDS, folds, null_subsets
from explainers.visual_tcav import NEGATIVE, POSITIVE, Cavs, emblem, fit_cav, responses

QUICK = FitSettings(n_null=40, n_bootstrap=20, seed=0)
N_CHANNELS = 64  # few pseudo-concepts point along any one of them
WEIGHT = torch.eye(N_CHANNELS)[[1, 0]]  # class 0 is the sum of channel 1, class 1 that of channel 0


def noise(n: int, seed: int, n_channels: int = N_CHANNELS) -> torch.Tensor:
    return torch.rand(n, n_channels, 3, 3, generator=torch.Generator().manual_seed(seed))


def with_concept(n: int, seed: int) -> torch.Tensor:
    """Noise whose channel 1 is on in the left column."""
    maps = noise(n, seed)
    maps[:, 1, :, 0] += 5
    return maps


def source(maps: torch.Tensor):
    return lambda: ([m] for m in maps)


def fitted(maps: torch.Tensor, settings: FitSettings = QUICK):
    (of_depth,) = fit_concepts({"left": source(maps)}, source(noise(40, 9)), settings)["left"]
    return of_depth


def linear(weight: torch.Tensor):
    return lambda maps: maps.sum((2, 3)) @ weight.T


def explained(maps: torch.Tensor, weight: torch.Tensor, class_idx=(0, 1)):
    path = path_gradients(linear(weight), maps, list(class_idx) if len(weight) > 1 else [0], n_steps=2)
    return evidence_of(path, maps, class_idx, lambda batch: batch)


def test_a_streamed_fit_is_the_fit_of_all_at_once():
    concept, random = with_concept(12, 0), noise(40, 9)
    once, streamed = fit_cav(concept, random), fitted(concept).cav
    torch.testing.assert_close(streamed.vector, once.vector)
    assert (streamed.concept_emblem, streamed.random_emblem) == pytest.approx((once.concept_emblem, once.random_emblem), rel=1e-5)


def test_a_pseudo_concept_is_a_fit_of_its_images_against_the_rest():
    found = fitted(with_concept(12, 0))
    random = noise(40, 9)
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    expected = fit_cav(random[chosen], random[~chosen])
    torch.testing.assert_close(found.nulls.vectors[3], expected.vector)
    assert float(found.nulls.random_emblems[3]) == pytest.approx(expected.random_emblem, rel=1e-3)


def test_a_pseudo_concept_is_shown_as_clearly_as_the_concept():
    """By hand: what images respond to CAVs that were fitted without their fold."""
    concept, random = with_concept(12, 0), noise(40, 9)
    found = fitted(concept)
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
    clearness = (emblem(torch.cat(of_concept)) - emblem(torch.cat(of_random))) / torch.cat(of_random).std(correction=0)
    assert clearness > 5
    expected = found.nulls.random_emblems[3] + clearness * torch.cat(of_null).std(correction=0)
    torch.testing.assert_close(found.nulls.concept_emblems[3], expected[0], rtol=1e-4, atol=0)


def test_beside_a_concept_that_is_not_seen_pseudo_concepts_keep_their_own_emblems():
    found = fitted(noise(12, 0) / 2)  # nothing responds to less of everything
    random = noise(40, 9)
    chosen = torch.from_numpy(null_subsets(40, 12, QUICK.n_null, QUICK.seed)[3])
    assert found.health.emblem_gap <= 0
    expected = fit_cav(random[chosen], random[~chosen]).concept_emblem
    assert float(found.nulls.concept_emblems[3]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_images_are_enough_for_figures(n):
    found = fitted(with_concept(n, 0))
    assert torch.isfinite(found.stack.vectors).all() and torch.isfinite(found.stack.concept_emblems).all()


def test_maps_of_different_sizes_are_welcome():
    maps = [with_concept(1, seed)[0][:, :, : 2 + seed % 2] for seed in range(6)]
    (found,) = fit_concepts({"left": lambda: ([m] for m in maps)}, source(noise(40, 9)), QUICK)["left"]
    assert found.health.n_concept == 6


def test_a_fit_comes_back_from_disk_as_it_was():
    found = fitted(with_concept(12, 0))
    tensors = as_tensors(found)
    back = from_tensors("left", tensors, QUICK)
    for name in ("vectors", "concept_emblems", "random_emblems"):
        torch.testing.assert_close(getattr(back.stack, name), getattr(found.stack, name), rtol=1e-6, atol=1e-6)
    assert (back.health, back.emblems) == (found.health, found.emblems)
    assert sum(t.numel() for t in tensors.values()) < found.stack.vectors.numel() + 3 * (12 + 40)
    assert from_tensors("left", {"anything": torch.ones(3)}, QUICK) is None
    assert from_tensors("left", tensors, FitSettings(n_null=39, n_bootstrap=20)) is None


def test_an_empty_concept_is_refused_by_name():
    with pytest.raises(TooFewExamples, match="'left'"):
        fitted(torch.empty(0, N_CHANNELS, 3, 3))


def test_a_concept_that_decides_the_class_is_significant_and_noise_is_not():
    photo = with_concept(1, 77)[0]
    evidence = explained(photo, WEIGHT)
    found = fitted(with_concept(12, 0))
    figure, other_class = figures_of(found, *_attributions(evidence, found))
    assert figure.p_value <= LEVEL and figure.value > 0.7 * evidence.class_shares[0]
    assert other_class.value < 0.1
    pure_noise = fitted(noise(12, 5))
    assert figures_of(pure_noise, *_attributions(evidence, pure_noise))[0].p_value > LEVEL


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


def test_many_at_a_time_are_each_alone():
    found = fitted(with_concept(12, 0))
    evidence = explained(with_concept(1, 3)[0], WEIGHT)
    together = contributions(evidence, found.stack)
    alone = contributions(evidence, Cavs.of(found.nulls[4]))
    place = 1 + QUICK.n_bootstrap + 4
    np.testing.assert_allclose(together.attributions[:, place], alone.attributions[:, 0], rtol=1e-5, atol=1e-8)


def test_figures_over_a_class():
    found = fitted(with_concept(12, 0))
    photos = with_concept(8, 50)
    given = [contributions(explained(m, WEIGHT, (0, 1)), found.stack) for m in photos]
    figure = class_figure(found, given, seed=0)
    assert figure.mean == pytest.approx(figure.values.mean()) and figure.std == pytest.approx(figure.values.std())
    assert figure.reference_interval[1] == pytest.approx(figure.mean + 2 * figure.std / 8**0.5)
    assert figure.interval[0] < figure.mean < figure.interval[1]
    assert figure.tcav_score == 1.0 and figure.significant  # the logit rises along channel 1 in every image
