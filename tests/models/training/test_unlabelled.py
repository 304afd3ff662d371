"""Learning without labels: what agrees, what may not decide anything, and that codes do not collapse."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.training import train as training
from models.training import unlabelled
from models.training.pool import GRID, TRUTH_SIZE, Pool
from models.training.recipes import CNN, Cycle
from models.training.train import new_encoder

ARGUMENTS = {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}
TINY = replace(CNN, taught="nothing", agreement="contrast", model_args=ARGUMENTS, cycles=(Cycle(32, 3e-3),), batch_size=8)


def pool_of(seed=0, n=6):
    """Noise in place of scenes, with truth and labels from another seed."""
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(0).integers(256, size=(n, 3, 128, 128), dtype=np.uint8)
    truth = rng.integers(8, size=(n, 3, TRUTH_SIZE, TRUTH_SIZE), dtype=np.uint8)
    return Pool([images], truth, rng.integers(16, size=n), rng.integers(8, size=n))


def trained(recipe, pool):
    encoder = new_encoder(recipe)
    training.train(recipe, encoder, pool)
    return encoder.state_dict()


@pytest.mark.parametrize("agreement", ["contrast", "variance"])
def test_no_label_and_no_mask_decides_a_weight_and_the_seed_decides_all(agreement):
    recipe = replace(TINY, agreement=agreement)
    first, other_truth = (trained(recipe, pool_of(seed)) for seed in (1, 2))
    assert all(torch.equal(first[key], other_truth[key]) for key in first)
    fresh = new_encoder(recipe).state_dict()
    assert not torch.equal(first["conv1.weight"], fresh["conv1.weight"])
    assert not any(key.startswith("fc") for key in first)


def test_a_view_remembers_which_place_each_of_its_cells_shows():
    """The picture says its own place, so places and picture must agree."""
    column = torch.linspace(0, 1, 128).expand(1, 1, 128, 128)
    rng = torch.Generator().manual_seed(0)
    images, places = unlabelled.augmented(column.expand(4, 3, 128, 128), _numbered(4), 128, rng, unlabelled.ZOOM)
    shown = torch.nn.functional.adaptive_avg_pool2d(images.mean(1, keepdim=True), GRID).flatten(1)
    at = (places % TRUTH_SIZE).flatten(1).float()
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(shown.numpy(), at.numpy(), strict=True)]
    assert min(correlation) > 0.97
    _, seen = unlabelled.view(column.expand(4, 3, 128, 128), 128, torch.Generator().manual_seed(0))
    assert seen.shape == (4, 1, GRID, GRID) and seen.min() >= 0 and seen.max() < TRUTH_SIZE**2


def _numbered(n):
    return torch.arange(TRUTH_SIZE**2).float().view(1, 1, TRUTH_SIZE, TRUTH_SIZE).expand(n, -1, -1, -1)


def test_twins_show_one_place_and_cells_without_one_are_left_out():
    step = TRUTH_SIZE // 2
    left, right = torch.tensor([[0, 1]]), torch.tensor([[1, step]])  # the second view sees place 1, and one far from both
    codes = torch.arange(4.0).view(2, 2, 1)  # of the first view's cells 0 and 1, then of the second's
    scene_idx, first, second = unlabelled.twins(codes, torch.cat([left, right]))
    assert scene_idx.tolist() == [0, 0] and first.flatten().tolist() == [0, 1] and second.flatten().tolist() == [2, 2]
    none, first, second = unlabelled.twins(codes, torch.cat([left, torch.tensor([[step, step + 1]])]))
    assert len(none) == len(first) == len(second) == 0


def test_contrast_is_chance_where_all_codes_are_alike_and_low_where_twins_are():
    ones, apart = torch.ones(3, 4), torch.eye(3, 4)
    alone = torch.arange(3)
    assert unlabelled.contrast(ones, ones, alone).item() == pytest.approx(math.log(5), rel=1e-5)  # a twin among five others
    expected = math.log(1 + 4 * math.exp(-1 / 0.5))
    assert unlabelled.contrast(apart, apart, alone, temperature=0.5).item() == pytest.approx(expected, rel=1e-5)


def test_other_places_of_the_same_scene_are_no_contrast():
    apart, one_scene = torch.eye(3, 4), torch.zeros(3, dtype=torch.long)
    assert unlabelled.contrast(apart, apart, one_scene).item() == pytest.approx(0, abs=1e-6)


def test_variance_punishes_codes_that_are_all_alike_and_codes_that_repeat_one_another():
    torch.manual_seed(0)
    spread = torch.randn(400, 2)
    spread = spread / spread.std(0)
    repeated = spread[:, :1].repeat(1, 2)
    good, alike, twice = (unlabelled.variance(codes, codes, None).item() for codes in (spread, torch.ones(400, 2), repeated))
    assert good < 0.02 and alike == pytest.approx(1, abs=0.02) and twice == pytest.approx(2 / 25, rel=0.1)
