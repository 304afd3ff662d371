"""Linear read-outs: exact where a line is the truth, chance where nothing is there to read."""

import numpy as np
import pytest
import torch

from models.encoder.read_out import fit_line, mean_within, read_choice, read_number

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((600, 5))


def test_a_line_is_read_exactly():
    truth = 3 * NOISE[:, 0] - NOISE[:, 4] + 7
    assert read_number(NOISE, truth, 400) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(fit_line(NOISE, truth[:, None])(NOISE)[:, 0], truth, atol=0.02)


def test_of_two_numbers_the_mean_is_reported():
    truth = np.stack([NOISE[:, 0], RNG.standard_normal(600)], 1)
    assert read_number(NOISE, truth, 400) == pytest.approx(0.5, abs=0.05)


def test_what_is_not_there_is_read_no_better_than_chance():
    assert read_number(NOISE, RNG.standard_normal(600), 400) == pytest.approx(0, abs=0.05)
    assert read_choice(NOISE, RNG.integers(4, size=600), 400) == pytest.approx(0.25, abs=0.08)


def test_rare_values_count_as_much_as_frequent_ones():
    truth = (np.arange(600) % 10 == 0).astype(int)
    assert read_choice(np.ones((600, 1)), truth, 300) == 0.5  # always the frequent one, right nine times in ten
    assert read_choice(truth[:, None] + 0.01 * NOISE[:, :1], truth, 300) == 1


def test_a_channel_that_never_varies_changes_nothing():
    truth = NOISE[:, 1]
    still = np.concatenate([NOISE, np.full((600, 1), 9.0)], 1)
    assert read_number(still, truth, 400) == pytest.approx(read_number(NOISE, truth, 400), abs=1e-9)


def test_more_channels_than_images_do_not_fit_noise():
    wide = RNG.standard_normal((120, 300))
    assert read_number(wide, RNG.standard_normal(120), 80) > -0.3


def test_a_mean_within_counts_positions_by_what_the_mask_covers():
    maps = torch.tensor([[[[1.0, 2.0]]], [[[5.0, 9.0]]]])  # (2, 1, 1, 2)
    masks = torch.zeros(2, 2, 4)
    masks[0, :, :3] = 1  # the first position whole, the second by half
    means = mean_within(maps, masks)
    assert means[0].item() == pytest.approx((1 * 1 + 2 * 0.5) / 1.5) and means[1].item() == 0
