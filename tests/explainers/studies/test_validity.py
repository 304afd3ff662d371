"""Is Visual-TCAV right: figures beside the truth by hand, and one run."""

import numpy as np
import pytest

from explainers.studies import validity
from explainers.studies.rerendering import causal_drops, logits_of, order_correlation, really_changed
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from explainers.studies.validity import CONCEPTS, METHODS, TRIED, OfSeed, method_rows, own_concepts, pair_rows
from models.errors import BadSettings
from models.progress import Progress
from models.scenes.scenes import SceneOptions, render, sample_scene, without
from tests.pages.tiny_encoders import CNN

SHAPE = len(TRIED), len(CONCEPTS)


def of_seed(attribution: np.ndarray) -> OfSeed:
    """Each class's own concept takes 5 or 6 of its logit, in every scene nearly the same; the others nothing."""
    noise = np.random.default_rng(0).normal(size=(*SHAPE, 6)) * 0.1
    drops = np.where(own_concepts()[..., None], 5 + noise, 0)
    return OfSeed(drops, attribution, attribution - 1, attribution + 1, -attribution, np.zeros(SHAPE))


def test_every_class_has_its_own_concept():
    assert own_concepts().sum(1).tolist() == [1] * len(TRIED)
    assert CONCEPTS[int(own_concepts()[TRIED.index("red plain disc")].argmax())] == "red"


def test_figures_in_the_order_of_the_truth_are_ordered_and_the_reverse_is_not():
    rows = {row["method"]: row for row in method_rows([of_seed(own_concepts() * 2.0)])}
    right, wrong, nothing = (rows[title] for title in METHODS.values())
    assert right["ordered"] > 0.9 and wrong["ordered"] < -0.9 and nothing["ordered"] == pytest.approx(0)
    assert right["first"] == 1 and wrong["first"] == 0 and nothing["first"] == 0  # all alike: none is first


def test_effects_that_scatter_round_nothing_count_as_nothing():
    causal, errors = np.array([5.0, 0.1, 0.0]), np.array([0.2, 0.5, 0.0])
    assert really_changed(causal, errors, 10).tolist() == [True, False, False]
    assert order_correlation(np.array([3.0, 1.0, 2.0]), np.array([5.0, 0.0, 0.0])) == 1


def test_scenes_that_do_not_show_a_concept_lose_nothing(service):
    encoder = service.observatory.encoder(CNN, Progress())
    scene = sample_scene(3, SceneOptions(texture="striped", max_distractors=0))
    ((striped,), (dotted,)) = causal_drops(encoder, [scene], ("striped", "dotted"), 0)
    before, after = (logits_of(encoder, [validity.as_photo(s)])[0, 0] for s in (scene, without(scene, "striped")))
    assert striped == pytest.approx(before - after) and dotted == 0
    assert (render(scene).image != render(without(scene, "striped")).image).any()


def test_pairs_have_their_truth_and_what_is_said():
    row = pair_rows([of_seed(own_concepts() * 2.0)])[0]
    assert (row["class"], row["concept"], row["attribution"], row["low"], row["high"]) == (TRIED[0], CONCEPTS[0], 2, 1, 3)
    assert row["causal"] == pytest.approx(5, abs=0.2)


def test_what_falls_short_is_said_first():
    rows = [
        {"encoder": "e", "method": title, "ordered": value, "ordered_sd": 0.01}
        for title, value in zip(METHODS.values(), (0.9, 0.6, 0.7), strict=True)
    ]
    said = validity._sentence(rows)
    assert said.startswith("Ordered by less than 0.8 (Somers' D): Visual-TCAV, intervention on e 0.60")
    assert "Not clearly above TCAV: Visual-TCAV, intervention" in said and said.endswith(
        "attribution on e 0.90 ± 0.01 (TCAV 0.70 ± 0.01)."
    )


def test_an_encoder_without_the_classes_is_refused(service):
    with pytest.raises(BadSettings, match=f"no class '{TRIED[0]}'"):
        service.ask(RunStudy("validity", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))).result(240)


def test_a_run_stands_beside_the_truth(service, monkeypatch):
    said = tuple(np.arange(len(CONCEPTS)) + float(n) for n in range(5))
    monkeypatch.setattr(validity, "class_indices", lambda _: tuple(range(len(TRIED))))
    monkeypatch.setattr(validity, "_said", lambda *_: said)
    monkeypatch.setattr(validity, "N_SHARES", 2)
    monkeypatch.setattr(validity, "N_RANDOM", 2)
    monkeypatch.setattr(validity, "N_STEPS", 2)
    question = RunStudy("validity", StudySettings((CNN,), n_scenes=2, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    methods, pairs, curves = findings.tables
    assert [row["method"] for row in methods.rows] == list(METHODS.values()) and len(pairs.rows) == np.prod(SHAPE)
    assert [row["map"] for row in curves.rows] == ["evidence map", "random orders"]
    assert all(0 <= row["deletion"] <= 1 for row in curves.rows)
    assert [len(figure.series[0].labels) for figure in findings.figures] == [np.prod(SHAPE)] * 3
