"""What training changes: factor maps and their alignment by hand, and one run."""

import numpy as np
import pytest

from explainers.studies import factor_read_outs, training
from explainers.studies.factor_maps import (
    FACTOR_NAMES,
    NOT_COUNTED,
    agreement,
    alignment,
    factor_maps,
    scenes_of_seed,
)
from explainers.studies.random_twins import RANDOM, random_name, with_random
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.encoder.encoder import Encoder
from models.scenes.factors import factor_scene
from models.scenes.scenes import SHAPE_NAMES, render
from tests.pages.tiny_encoders import VIT

HALVES = np.repeat([[0, 0, 1, 1]], 4, axis=0).astype(np.int16)


def test_factors_of_objects_count_on_objects_alone():
    scene = factor_scene(5)
    rendered = render(scene, 64)
    maps = factor_maps(scene, rendered)
    behind = rendered.object_map == 0
    for name in ("shape", "texture", "colour", "size"):
        assert (maps[name][behind] == NOT_COUNTED).all() and (maps[name][~behind] >= 0).all()
    on_main = rendered.object_map == 1 + scene.main_idx
    assert set(maps["shape"][on_main]) == {1 + SHAPE_NAMES.index(scene.main.shape)}
    assert set(maps["size"][on_main]) == {1 + int(scene.main.radius > 0.305)}
    assert sorted(np.unique(maps["position"])) == list(range(16)) and maps["position"][0, 0] == 0
    assert (maps["caption"].sum() > 0) == (scene.watermark is not None)


def test_clusters_that_divide_as_a_factor_does_follow_it_wholly_and_others_by_chance():
    assert alignment([1 - HALVES], [HALVES]) == pytest.approx(1)
    rng = np.random.default_rng(0)
    assert alignment([rng.integers(5, size=(60, 60))], [rng.integers(3, size=(60, 60))]) == pytest.approx(0, abs=0.01)
    partly = np.where(np.arange(4) == 3, NOT_COUNTED, HALVES)
    wrong_where_nothing_counts = np.where(np.arange(4) == 3, 7, HALVES)
    assert alignment([wrong_where_nothing_counts], [partly]) == pytest.approx(1)


def test_a_cluster_must_mean_one_thing_in_all_scenes():
    assert alignment([HALVES, 1 - HALVES], [HALVES, HALVES]) == pytest.approx(0, abs=0.1)


def test_agreement_is_that_of_maps_of_any_two_sizes():
    large = HALVES.repeat(2, 0).repeat(2, 1)
    assert agreement([large], [HALVES]) == agreement([HALVES], [large]) == pytest.approx(1)


def test_other_seeds_have_other_scenes():
    first, again, other = scenes_of_seed(2, 0), scenes_of_seed(2, 0), scenes_of_seed(2, 1)
    assert [p.sha256 for p in first.photos] == [p.sha256 for p in again.photos] != [p.sha256 for p in other.photos]
    assert set(first.maps) == set(FACTOR_NAMES)


def test_one_network_with_random_weights_per_architecture():
    small = {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 8]}
    a, b = (Encoder.from_timm("resnet18", seed, name=name, **small) for seed, name in enumerate("ab"))
    c = Encoder.from_timm("resnet18", 0, name="c", **{**small, "channels": [8, 8, 8, 16]})
    named = with_random([a, b, c], 3)
    assert list(named) == ["a", "b", "c", f"a, {RANDOM}", f"c, {RANDOM}"]
    assert random_name(b, [a, b, c]) == f"a, {RANDOM}"
    assert with_random([a], 3)[f"a, {RANDOM}"].info.fingerprint == named[f"a, {RANDOM}"].info.fingerprint
    assert with_random([a], 4)[f"a, {RANDOM}"].info.fingerprint != named[f"a, {RANDOM}"].info.fingerprint


def test_a_run_compares_every_encoder_with_random_weights(service, monkeypatch):
    monkeypatch.setattr(factor_read_outs, "N_FITTED", 24)
    monkeypatch.setattr(factor_read_outs, "N_JUDGED", 16)
    monkeypatch.setattr(training, "KS", (2, 8))
    question = RunStudy("training", StudySettings((VIT,), n_scenes=2, n_seeds=2, input_size=64))
    findings = service.ask(question).result(240).findings
    follows, readable, agreed = findings.tables
    encoders = [VIT, f"{VIT}, {RANDOM}"]
    assert {(row["encoder"], row["factor"]) for row in follows.rows} == {(e, f) for e in encoders for f in FACTOR_NAMES}
    assert all(row["best"] >= row["follows"] - 1e-9 and row["follows_sd"] is not None for row in follows.rows)
    assert {row["encoder"] for row in readable.rows} == set(encoders) and readable.rows[0]["colour_sd"] is not None
    assert len(agreed.rows) == 2 + 1 and all(-0.2 < row["agreement"] <= 1 for row in agreed.rows)
    assert [figure.name for figure in findings.figures] == list(FACTOR_NAMES)
    assert findings.sentence.startswith(
        f"Clusters follow no better than with random weights (in brackets) {VIT}"
    )  # tiny encoders have never been trained
