"""Does it repeat: changes and comparisons by hand, and one run."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from explainers.studies import repeat
from explainers.studies.repeat import HALF, MEASURES, SEED, SHIFT, THREADS, map_agreement, moved, other_threads, same_verdicts
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.photo import photo_from_array
from tests.pages.tiny_encoders import CNN

RAMP = photo_from_array(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), "ramp")


def test_a_moved_photo_shows_every_pixel_one_further_right_and_down():
    after = moved(RAMP).pixels
    np.testing.assert_array_equal(after[1:, 1:], RAMP.pixels[:-1, :-1])
    np.testing.assert_array_equal(after[0], after[1])
    assert moved(RAMP).sha256 != RAMP.sha256


def test_maps_of_a_moved_photo_are_compared_where_both_show_the_same():
    labels = np.random.default_rng(0).integers(6, size=(12, 12)).astype(np.uint8)
    after = np.pad(labels, ((1, 0), (1, 0)), mode="edge")[:12, :12]
    assert map_agreement(labels, after, 1) == pytest.approx(1) and map_agreement(labels, after, 0) < 0.5


def test_a_jpeg_of_good_quality_is_nearer_than_one_of_poor_quality():
    photo = photo_from_array(np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8), "noise")
    good, poor = (repeat._jpeg_of(quality)(photo).pixels.astype(int) for quality in (95, 20))
    assert 0 < np.abs(good - photo.pixels).mean() < np.abs(poor - photo.pixels).mean()


def test_verdicts_are_the_same_on_one_side_of_the_level():
    assert same_verdicts(np.array([[0.01, 0.2]]), np.array([[0.04, 0.04]])) == 0.5


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    with other_threads():
        assert torch.get_num_threads() != before
    assert torch.get_num_threads() == before


def test_what_does_not_repeat_is_said_first():
    row = {f"{name}{end}": value for name in MEASURES for end, value in (("", 0.95), ("_sd", 0.01))}
    rows = [{**row, "encoder": "e", "change": THREADS}, {**row, "encoder": "e", "change": SHIFT, "maps": 0.5}]
    said = repeat._sentence(rows)
    assert said.startswith("Alike by less than 0.9: e with one pixel: segmentation maps 0.50 ± 0.01.")
    assert said.endswith("All alike by 0.9 or more: e with other threads.")


def test_a_run_has_every_change_and_the_same_weights_say_the_same(service, few_examples, monkeypatch):
    monkeypatch.setattr(repeat, "N_NULL", 10)
    monkeypatch.setattr(repeat, "N_BOOTSTRAP", 4)
    monkeypatch.setattr(repeat, "other_threads", nullcontext)  # two threads on a busy machine take many times as long
    question = RunStudy("repeat", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    (table,) = findings.tables
    rows = {row["change"]: row for row in table.rows}
    assert list(rows) == [SEED, THREADS, HALF, *repeat.changes()]
    assert rows[SEED]["concept_maps"] == rows[SEED]["attributions"] == pytest.approx(1)  # the seed draws replicates alone
    assert rows[THREADS]["concept_maps"] > 0.99
    assert all(-1 <= row[name] <= 1 for row in table.rows for name in MEASURES)
