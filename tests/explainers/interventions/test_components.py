"""Components taken away by hand, and what a linear classifier finds afterwards."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from explainers.interventions.components import Components, changes_of, erased, projected, weights_of

RANDOM = torch.tensor([[1.0, 0.0], [3.0, 4.0]])  # mean (2, 2)


def test_the_formula_by_hand():
    """v = (3, 4) has the unit vector (0.6, 0.8); random images have 0.6 * 2 + 0.8 * 2 = 2.8 of it."""
    components = projected(torch.tensor([[3.0, 4.0]]), RANDOM)
    tokens = torch.tensor([[5.0, 10.0], [2.0, 2.0]])  # 11 of it, which is 8.2 more; and just as much as random images
    weights = torch.tensor([[0.5, 1.0]])  # M
    change = changes_of(components, weights, torch.tensor([0]), tokens)
    expected = torch.tensor([[[0.5 * 8.2 * 0.6, 0.5 * 8.2 * 0.8], [0.0, 0.0]]])
    torch.testing.assert_close(change, expected)
    removed = tokens - projected(torch.tensor([[3.0, 4.0]]), RANDOM).amounts(tokens)[0] @ components.patterns[0]
    torch.testing.assert_close(removed @ components.patterns[0, 0], torch.tensor([2.8, 2.8]))  # as random images have it
    torch.testing.assert_close(removed @ torch.tensor([-0.8, 0.6]), tokens @ torch.tensor([-0.8, 0.6]))  # and nothing else


def test_a_vector_without_length_takes_nothing_away():
    change = changes_of(projected(torch.zeros(1, 2), RANDOM), torch.ones(1, 3), torch.tensor([0]), torch.randn(3, 2))
    assert not change.any()


def test_where_decides_which_tokens_are_changed():
    maps = torch.tensor([[[0.25, 1.0]]])
    assert weights_of(maps, 2, "map").tolist() == [[0, 0, 0.25, 1]]
    assert weights_of(maps, 2, "prefix").tolist() == [[1, 1, 0, 0]]
    assert weights_of(maps, 2, "both").tolist() == [[1, 1, 0.25, 1]]
    assert weights_of(maps, 0, "both").tolist() == [[0.25, 1]]


def test_everywhere_only_what_random_images_do_not_have_is_changed():
    """The second token has 0.6 * 1 + 0.8 * 1 = 1.4 of it, less than 2.8: it is left alone."""
    components, tokens = projected(torch.tensor([[3.0, 4.0]]), RANDOM), torch.tensor([[5.0, 10.0], [1.0, 1.0]])
    weights = weights_of(torch.zeros(1, 1, 1), 1, "everywhere")
    assert weights.tolist() == [[1, 1]]
    change = changes_of(components, weights, torch.tensor([0]), tokens, only_excess=True)
    torch.testing.assert_close(change, torch.tensor([[[8.2 * 0.6, 8.2 * 0.8], [0.0, 0.0]]]))


def groups(n: int, n_channels: int, seed: int) -> list[torch.Tensor]:
    """Three sets of correlated activations that differ in their means: two concepts, and random images."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(n_channels, n_channels, generator=generator)
    means = 1.5 * torch.randn(3, n_channels, generator=generator)
    return [mean + torch.randn(n, n_channels, generator=generator) @ mixing for mean in means]


def residuals_of(sets: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([part - part.mean(0) for part in sets])


def without(tokens: torch.Tensor, components: Components) -> torch.Tensor:
    return tokens - changes_of(components, torch.ones(1, len(tokens)), torch.tensor([0]), tokens)[0]


def area(first: torch.Tensor, second: torch.Tensor) -> float:
    """Of a linear classifier between two sets, on the images it was fitted on."""
    images, shows = torch.cat([first, second]).numpy(), np.repeat([0, 1], [len(first), len(second)])
    classifier = LogisticRegression(C=1e6, max_iter=5000, tol=1e-8).fit(images, shows)
    return float(roc_auc_score(shows, classifier.decision_function(images)))


def test_after_erasing_no_linear_classifier_tells_the_sets_apart():
    sets = groups(60, 6, seed=1)
    first, second, random = sets
    vectors = torch.stack([first.mean(0) - random.mean(0), second.mean(0) - random.mean(0)])[None]
    components = erased(vectors, residuals_of(sets), random)
    cleaned = [without(part, components) for part in sets]
    for part in cleaned[:2]:
        torch.testing.assert_close(part.mean(0), cleaned[2].mean(0), rtol=1e-3, atol=1e-3)
    for n in range(2):
        assert area(sets[n], random) > 0.8
        assert abs(area(cleaned[n], cleaned[2]) - 0.5) < 0.02  # what remains is the solver's last digits


def test_erasing_one_of_two_leaves_the_other():
    sets = groups(60, 6, seed=2)
    first, second, random = sets
    components = erased((first.mean(0) - random.mean(0))[None, None], residuals_of([first, random]), random)
    assert area(without(second, components), without(random, components)) > 0.7


def test_erasing_moves_activations_less_than_an_orthogonal_projection_where_channels_vary_differently():
    """The set differs along (1, 1), and the first channel varies a hundred times as much as the second, so what is read off is
    nearly the second channel alone, which varies little."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([10.0, 0.1])
    random = torch.randn(400, 2, generator=generator) * spread
    concept = torch.randn(400, 2, generator=generator) * spread + torch.ones(2)
    vector = (concept.mean(0) - random.mean(0))[None]
    by_erasing = erased(vector[:, None], residuals_of([concept, random]), random)
    moved = [(without(random, c) - random).norm(dim=1).mean() for c in (by_erasing, projected(vector, random))]
    assert moved[0] < 0.1 * moved[1]


def test_the_filters_are_those_of_whitening_everything_together():
    """LEACE as it was published: x - S^(1/2) U U^T S^(-1/2) (x - mean), S of all sets together; here without shrinkage."""
    sets = groups(4000, 3, seed=3)
    concept, random = sets[0].double(), sets[2].double()
    everything = torch.cat([concept, random])
    values, basis = torch.linalg.eigh(torch.cov(everything.T, correction=0))
    whitening = basis @ torch.diag(values**-0.5) @ basis.T
    across = whitening @ (concept.mean(0) - random.mean(0))
    unit = across / across.norm()
    published = torch.linalg.inv(whitening) @ torch.outer(unit, unit) @ whitening
    ours = erased((concept.mean(0) - random.mean(0))[None, None], residuals_of([concept, random]), random)
    torch.testing.assert_close(ours.patterns[0].T @ ours.filters[0], published, rtol=0.02, atol=0.005)


def test_fewer_images_than_channels_and_images_all_alike():
    few = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    for residuals in (few - few.mean(0), torch.zeros(5, 40)):
        components = erased(torch.eye(40)[:2][None], residuals, few)
        assert components.filters.isfinite().all()
        torch.testing.assert_close(components.filters[0] @ components.patterns[0].T, torch.eye(2), rtol=1e-3, atol=1e-3)


def test_twice_the_same_concept_is_erased_once():
    few = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    once = erased(torch.eye(5)[:1][None], few - few.mean(0), few)
    twice = erased(torch.eye(5)[[0, 0]][None], few - few.mean(0), few)
    torch.testing.assert_close(without(few, twice), without(few, once), rtol=1e-4, atol=1e-4)


def test_what_pseudo_concepts_are_set_against_are_the_other_images():
    """So that images which make up a pseudo-concept do not raise what others have of it."""
    images = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    inside, others = images[:3], images[3:]
    vector = (inside.mean(0) - others.mean(0))[None]
    for of_all in (projected(vector, images), erased(vector[:, None], images - images.mean(0), images)):
        of_others = of_all.among_others(others.mean(0)[None])
        torch.testing.assert_close(of_others.amounts(others).mean(1), torch.zeros(1, 1), atol=1e-5, rtol=0)
        assert of_all.amounts(others).mean() < -0.01
