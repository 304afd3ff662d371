"""Integrated gradients on heads whose answer is known."""

import pytest
import torch

from explainers.integrated_gradients import integrated_gradients, path_gradients
from explainers.integrated_gradients import path as path_module
from models.errors import BadSettings, Cancelled
from models.progress import Progress


def squares(maps: torch.Tensor) -> torch.Tensor:
    """Class 0: the sum of squares; class 1: the sum, doubled."""
    flat = maps.flatten(1)
    return torch.stack([flat.square().sum(1), 2 * flat.sum(1)], 1)


def test_they_are_exact_for_a_linear_head():
    weight = torch.tensor([[2.0, -1.0]])  # one class, two channels
    attribution = integrated_gradients(lambda maps: maps.sum((2, 3)) @ weight.T, torch.ones(2, 3, 3), class_idx=0, n_steps=1)
    torch.testing.assert_close(attribution.sum((1, 2)), torch.tensor([18.0, -9.0]))


def test_they_are_exact_for_a_square_whose_gradient_is_linear():
    activation = torch.tensor([1.0, -2.0, 3.0])
    torch.testing.assert_close(integrated_gradients(squares, activation, 0, n_steps=4), activation.square())


def test_several_classes_share_the_walk_and_both_ends_are_known():
    activation = torch.tensor([1.0, -2.0])
    path = path_gradients(squares, activation, [1, 0], n_steps=3)
    torch.testing.assert_close(path.mean, torch.tensor([[2.0, 2.0], [1.0, -2.0]]))
    torch.testing.assert_close(path.final, torch.tensor([[2.0, 2.0], [2.0, -4.0]]))
    assert path.logits.tolist() == [5.0, -2.0] and path.baseline_logits.tolist() == [0.0, 0.0]
    assert path.logit_changes == (-2.0, 5.0) and max(path.completeness_gaps) < 1e-6


def test_the_completeness_gap_of_a_kink_is_its_trapezoid():
    """relu(x - 0.5) at 1 rises by 0.5; two steps see gradients 0, 0, 1 (the kink counts as flat), so half of it is missed."""
    path = path_gradients(lambda x: torch.relu(x - 0.5), torch.ones(1), [0], n_steps=2)
    assert path.completeness_gaps[0] == pytest.approx(0.25)


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 100])
def test_the_chunks_do_not_matter(chunk_size, monkeypatch):
    activation = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))

    def head(maps: torch.Tensor) -> torch.Tensor:
        return torch.tanh(maps.flatten(1) @ torch.ones(6, 2)) + torch.tensor([3.0, 4.0])

    whole = path_gradients(head, activation, [0], n_steps=9)
    monkeypatch.setattr(path_module, "CHUNK_SIZE", chunk_size)
    chunked = path_gradients(head, activation, [0], n_steps=9)
    assert chunked.baseline_logits.tolist() == [3.0, 4.0]
    torch.testing.assert_close(chunked.logits, head(activation[None])[0])
    for name in ("mean", "final", "logits", "completeness_gaps"):
        torch.testing.assert_close(getattr(chunked, name), getattr(whole, name))


def test_they_need_no_gradients_around_them_and_leave_none_behind():
    activation = torch.tensor([1.0, -2.0], requires_grad=True)
    with torch.no_grad():
        path = path_gradients(squares, activation, [0], n_steps=30)
    torch.testing.assert_close(path.mean, activation.detach()[None])
    path = path_gradients(squares, activation, [0], n_steps=30)
    assert not any(part.requires_grad for part in (path.mean, path.final, path.logits, path.baseline_logits))
    assert activation.grad is None
    assert path.final.untyped_storage().nbytes() == path.final.nbytes  # the other points of the path are let go


def test_what_does_not_fit_is_halved():
    seen = []

    def narrow(points):
        seen.append(len(points))
        if len(points) > 4:
            raise torch.OutOfMemoryError("too much")
        return squares(points)

    torch.testing.assert_close(path_gradients(narrow, torch.ones(2), [0], n_steps=9).mean[0], torch.ones(2))
    assert max(seen[1:]) > 4 >= seen[-1]


def test_a_head_that_begins_in_place_does_no_harm():
    activation = torch.tensor([-1.0, 2.0])
    attribution = integrated_gradients(lambda x: x.relu_().sum(1, keepdim=True), activation, 0, n_steps=2)
    torch.testing.assert_close(attribution, torch.tensor([0.0, 1.5]))  # the gradient at zero is 0: a quarter is missed
    assert activation.tolist() == [-1.0, 2.0]


def test_it_can_be_stopped_and_needs_a_step():
    def stop():
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        path_gradients(squares, torch.ones(1), [0], progress=Progress(check=stop))
    with pytest.raises(BadSettings, match="at least 1"):
        path_gradients(squares, torch.ones(1), [0], n_steps=0)


# --- refined paths ------------------------------------------------------------------------------------------------------


def normalised(maps: torch.Tensor) -> torch.Tensor:
    """What LayerNorm makes of a path: nearly all of the change is near zero. x / (|x| + 0.001), summed; and the plain sum."""
    flat = maps.flatten(1)
    return torch.stack([(flat / (flat.abs() + 1e-3)).sum(1), flat.sum(1)], 1)


def test_where_all_happens_near_zero_a_refined_path_adds_up_with_fewer_points():
    activation = torch.tensor([1.0, 2.0, -0.5])
    uniform = path_gradients(normalised, activation, [0])
    refined = path_gradients(normalised, activation, [0], refined=True)
    assert uniform.completeness_gaps[0] > 5 * abs(uniform.logit_changes[0])
    assert refined.completeness_gaps[0] <= 0.01 * abs(refined.logit_changes[0])
    assert refined.n_points < 35 < uniform.n_points == 51
    exact = activation / (activation.abs() + 1e-3)  # the integral of the slope of each, by itself
    torch.testing.assert_close(refined.mean[0] * activation, exact, rtol=0.01, atol=0)


def test_a_path_that_adds_up_is_not_refined():
    activation = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)).abs()
    uniform, refined = (path_gradients(squares, activation, [0, 1], refined=refined) for refined in (False, True))
    assert refined.n_points == uniform.n_points == 51
    torch.testing.assert_close(refined.mean, uniform.mean)
    torch.testing.assert_close(refined.final, uniform.final)


def test_classes_share_the_points_of_a_refined_path():
    path = path_gradients(normalised, torch.tensor([1.0, 2.0, 0.5]), [1, 0], refined=True)
    torch.testing.assert_close(path.mean[0], torch.ones(3))
    gaps = [gap / abs(change) for gap, change in zip(path.completeness_gaps, path.logit_changes, strict=True)]
    assert max(gaps) <= 0.01


def test_gradients_that_are_not_kept_are_taken_again(monkeypatch):
    activation = torch.tensor([1.0, 2.0, -0.5])
    kept = path_gradients(normalised, activation, [0], refined=True)
    monkeypatch.setattr(path_module, "KEPT_BYTES", 100)
    torch.testing.assert_close(path_gradients(normalised, activation, [0], refined=True).mean, kept.mean)


def test_a_jump_is_refined_until_nothing_is_left_to_cut():
    """The logit jumps at a quarter of the way, where no gradient sees it: no path adds up."""
    path = path_gradients(lambda x: (x > 0.25).float() + 0 * x, torch.ones(1), [0], refined=True)
    assert path.n_points < 100 and path.completeness_gaps[0] == pytest.approx(1)


def test_gaps_that_cancel_do_not_end_the_refinement(monkeypatch):
    """Steps of the logit up and down, of which the first points show some too large and others not at all: they add up."""
    generator = torch.Generator().manual_seed(22)
    heights, sharpness = torch.randn(6, generator=generator), 10 ** (0.3 + 2.5 * torch.rand(6, generator=generator))

    def steps(maps: torch.Tensor) -> torch.Tensor:
        near_zero = 0.2 * (maps / (maps + 1e-3)).sum(1, keepdim=True)
        return near_zero + (heights * torch.tanh((maps - 0.35) * sharpness)).sum(1, keepdim=True)

    def error() -> float:
        path = path_gradients(steps, torch.ones(6), [0], refined=True)
        assert path.completeness_gaps[0] <= 0.01 * abs(path.logit_changes[0])
        return float((path.mean[0] - exact).abs().sum() / exact.abs().sum())

    exact = 0.2 / 1.001 + heights * (torch.tanh(0.65 * sharpness) + torch.tanh(0.35 * sharpness))
    assert error() < 0.01
    monkeypatch.setattr(path_module, "SMALL_GAPS", float("inf"))
    assert error() > 0.2


def test_a_gradient_that_overflows_is_an_infinite_gap_and_no_endless_search():
    def overflowing(maps: torch.Tensor) -> torch.Tensor:
        return torch.where(maps > 0, maps.sqrt().sqrt(), 0 * maps)  # its slope at zero is not a number

    path = path_gradients(overflowing, torch.ones(1), [0], refined=True)
    assert path.completeness_gaps[0] == float("inf") and path.n_points < 100


def test_a_kink_is_cut_at_with_straight_lines():
    """The uniform path misses two hundredths at two kinks; what is added lies about them, and nowhere else."""

    def kinked(maps: torch.Tensor) -> torch.Tensor:
        return (torch.relu(maps - 0.313) * 10).clamp_max(1.045) + maps

    seen = []
    path = path_gradients(lambda maps: seen.extend(maps.flatten().tolist()) or kinked(maps), torch.ones(1), [0], refined=True)
    assert path_gradients(kinked, torch.ones(1), [0]).completeness_gaps[0] > 0.01 * path.logit_changes[0]
    assert 51 < path.n_points < 75 and path.completeness_gaps[0] <= 0.01 * path.logit_changes[0]
    uniform = torch.linspace(0, 1, 51)
    added = [share for share in seen if (uniform - share).abs().min() > 1e-6]
    assert added and all(0.3 <= share <= 0.42 for share in added)
