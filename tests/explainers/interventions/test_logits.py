"""Logits under interventions where they can be worked out by hand, and in networks of every layout."""

from functools import partial

import pytest
import torch

from explainers.interventions.components import changes_of, projected, weights_of
from explainers.interventions.logits import logits_under
from explainers.interventions.regions import fillings_of, mean_over, moved, replacement, surroundings, with_other_places
from models.encoder.encoder import Encoder
from models.errors import Cancelled
from models.progress import Progress

STRENGTHS = (0.0, 0.5, 1.0, 2.0)
LAYOUTS = {"NCHW": "test_resnet", "tokens": "test_vit", "NHWC": "swin_tiny_patch4_window7_224"}


def of_indices(changes: torch.Tensor):
    """Changes (J, T, C) as they are asked for, whatever the tokens."""
    return lambda idx, _tokens: changes[idx]


def test_a_linear_head_answers_in_closed_form():
    """logits(s) = logits(1) + (s - 1) W sum_t change_t."""
    weight, tokens = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    changes = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 2.0], [0.0, 0.0]]])
    logits = logits_under(lambda batch: batch.sum(1) @ weight.T, tokens, [of_indices(changes)], 2, STRENGTHS)
    unchanged = weight @ tokens.sum(0)
    for n, change in enumerate(changes):
        for place, strength in enumerate(STRENGTHS):
            torch.testing.assert_close(logits[n, place], unchanged + (strength - 1) * (weight @ change.sum(0)))


def test_batches_do_not_change_what_is_asked(monkeypatch):
    tokens, changes = torch.randn(2, 3), torch.randn(5, 2, 3)
    sizes = []

    def finish(batch):
        sizes.append(len(batch))
        return batch.flatten(1)

    whole = logits_under(finish, tokens, [of_indices(changes)], 5, STRENGTHS)
    monkeypatch.setattr("explainers.interventions.logits.MAX_TOGETHER", 4)
    parts = logits_under(finish, tokens, [of_indices(changes)], 5, STRENGTHS)
    assert sizes == [1, 15, 1, 4, 4, 4, 3]  # unchanged once, and three of four strengths each
    assert torch.equal(whole, parts)


def test_a_batch_that_does_not_fit_is_halved():
    sizes = []

    def finish(batch):
        if len(batch) > 3:
            raise MemoryError
        sizes.append(len(batch))
        return batch.sum(1)

    logits = logits_under(finish, torch.ones(2, 3), [of_indices(torch.ones(2, 2, 3))], 2, STRENGTHS)
    assert max(sizes) == 3 and logits[1].tolist() == [[2 * s] * 3 for s in STRENGTHS]


def test_nobody_waiting_ends_the_work():
    def check():
        raise Cancelled("Nobody waits.")

    with pytest.raises(Cancelled):
        logits_under(lambda b: b.sum(1), torch.ones(2, 3), [of_indices(torch.ones(9, 2, 3))], 9, STRENGTHS, Progress(check=check))


@pytest.fixture(scope="module", params=LAYOUTS, ids=str)
def head(request):
    arguments = {"img_size": 64, "window_size": 2} if request.param == "NHWC" else {}
    encoder = Encoder.from_timm(LAYOUTS[request.param], seed=3, **arguments)
    image = torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(0))
    head = encoder.head_from(1)(image)
    assert head.layout.name == request.param
    return head


def under(head, where: str, strengths=STRENGTHS) -> torch.Tensor:
    tokens = head.tokens
    generator = torch.Generator().manual_seed(1)
    components = projected(torch.randn(2, tokens.shape[1], generator=generator), torch.zeros(3, tokens.shape[1]))
    weights = weights_of(torch.rand(2, *head.grid, generator=generator), head.n_prefix_tokens, where)
    return logits_under(head.logits_of_tokens, tokens, [partial(changes_of, components, weights)], 2, strengths)


def test_tokens_are_the_activation_in_another_order(head):
    assert torch.equal(head.layout.of_tokens(head.tokens[None], head.grid), head.activation)
    on_map = head.tokens[head.n_prefix_tokens :].T.unflatten(1, head.grid)
    assert torch.equal(on_map, head.map_of(head.activation)[0])


def test_an_unchanged_strength_gives_the_very_same_logits(head):
    logits = under(head, "both")
    with torch.no_grad():
        unchanged = head.logits_of(head.activation)[0]
    assert torch.equal(logits[:, 2], unchanged.expand(2, -1))
    assert not torch.equal(logits[:, 0], logits[:, 2])


def test_one_activation_changed_by_hand_gives_the_same_logits(head):
    tokens, generator = head.tokens, torch.Generator().manual_seed(1)
    vector = torch.randn(2, tokens.shape[1], generator=generator)[1]
    seen = torch.rand(2, *head.grid, generator=generator)[1]
    unit, feature_map = vector / vector.norm(), head.map_of(head.activation)[0]
    doubled = feature_map + seen * torch.einsum("c,chw->hw", unit, feature_map) * unit[:, None, None]
    by_hand = torch.cat([tokens[: head.n_prefix_tokens], doubled.flatten(1).T])
    with torch.no_grad():
        expected = head.logits_of(head.layout.of_tokens(by_hand[None], head.grid))[0]
    torch.testing.assert_close(under(head, "map")[1, 3], expected, rtol=1e-4, atol=1e-5)


def test_prefix_tokens_apart_and_together():
    encoder = Encoder.from_timm("test_vit", seed=3)
    head = encoder.head_from(1)(torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(0)))
    assert head.n_prefix_tokens > 0
    on_map, on_prefix, both = (under(head, where)[:, 0] for where in ("map", "prefix", "both"))
    unchanged = under(head, "map")[:, 2]
    assert all((part != unchanged).any() for part in (on_map, on_prefix, both))
    assert not torch.allclose(on_map, both) and not torch.allclose(on_prefix, both)


def test_a_network_without_prefix_tokens_has_none_to_change():
    encoder = Encoder.from_timm("test_resnet", seed=3)
    head = encoder.head_from(1)(torch.randn(3, *encoder.sizes.trial, generator=torch.Generator().manual_seed(0)))
    logits = under(head, "prefix")
    torch.testing.assert_close(logits, logits[:, 2:3].expand_as(logits))


def test_surroundings_touch_the_region_from_outside():
    inside = torch.zeros(4, 5, dtype=torch.bool)
    inside[0, 0] = True
    assert surroundings(inside).nonzero().tolist() == [[0, 1], [1, 0], [1, 1]]
    assert not surroundings(torch.ones(2, 2, dtype=torch.bool)).any()


def test_a_region_is_replaced_by_what_surrounds_it():
    feature_map = torch.arange(9.0).reshape(1, 3, 3)
    inside = torch.zeros(3, 3, dtype=torch.bool)
    inside[1, 1:] = True  # 4 and 5; all the others touch them: 0, 1, 2, 3, 6, 7, 8
    filling = mean_over(feature_map, surroundings(inside))
    assert filling.item() == pytest.approx(27 / 7)
    tokens = torch.cat([torch.full((1, 1), 100.0), feature_map.flatten(1).T])
    changes = replacement(feature_map, inside, filling, n_prefix_tokens=1)
    logits = logits_under(lambda batch: batch[..., 0], tokens, [of_indices(changes)], 1, STRENGTHS)
    assert logits[0, 0].tolist() == pytest.approx([100, 0, 1, 2, 3, 27 / 7, 27 / 7, 6, 7, 8])
    assert torch.equal(logits[0, 2], tokens[:, 0])


def test_a_region_of_everything_has_the_photo_as_its_mean():
    feature_map = torch.rand(2, 3, 3)
    nowhere = surroundings(torch.ones(3, 3, dtype=torch.bool))
    torch.testing.assert_close(mean_over(feature_map, nowhere), feature_map.mean((1, 2)))


def test_a_moved_region_has_its_shape_at_every_other_place():
    inside = torch.zeros(3, 4, dtype=torch.bool)
    inside[0, :2] = True
    places = moved(inside)
    assert places.shape == (11, 3, 4) and (places.sum((1, 2)) == 2).all()
    assert len({tuple(place.flatten().tolist()) for place in places} | {tuple(inside.flatten().tolist())}) == 12


def test_a_position_that_lies_in_a_region_in_part_is_changed_in_part():
    feature_map, inside = torch.tensor([[[4.0, 8.0]]]), torch.tensor([[0.25, 1.0]])
    assert replacement(feature_map, inside, torch.tensor([2.0])).flatten().tolist() == [0.5, 6.0]


def test_other_places_are_all_or_as_many_as_are_wanted():
    inside = torch.zeros(3, 4)
    inside[0, :2] = 1
    assert torch.equal(with_other_places(inside, 99, 0)[1:], moved(inside))
    few = with_other_places(inside, 5, 0)
    assert torch.equal(few[0], inside) and len({tuple(p.flatten().tolist()) for p in few}) == 6
    assert torch.equal(few, with_other_places(inside, 5, 0)) and not torch.equal(few, with_other_places(inside, 5, 1))


def test_every_place_has_its_own_surroundings():
    feature_map = torch.arange(5.0).reshape(1, 1, 5)
    places = torch.tensor([[[1.0, 0, 0, 0, 0]], [[0, 0, 0.5, 0, 0]]])
    assert fillings_of(feature_map, places, "surroundings").flatten().tolist() == [1.0, 2.0]
    assert fillings_of(feature_map, places, "photo").flatten().tolist() == [2.0, 2.0]
