"""Do things fall apart: the threshold and the sentence by hand, and one run."""

import numpy as np

from explainers.studies import sanity
from explainers.studies.concepts_seen import about_top_classes, concepts_seen, settings_for, starter_examples
from explainers.studies.sanity import EXAMPLES, ITSELF, MEASURES, REFITTED, SHUFFLED, TRAINED, Looked, fallen_at
from explainers.studies.settings import StudySettings
from explainers.studies.study import RunStudy
from models.photo import photo_from_array
from tests.pages.tiny_encoders import CNN, NO_CLASSES


def test_something_has_fallen_where_it_stays_below_the_threshold():
    assert fallen_at([0.9, 0.8, 0.4, 0.3]) == 2
    assert fallen_at([0.9, 0.4, 0.6, 0.3]) == 3  # what comes back has not fallen
    assert fallen_at([0.9, 0.8, 0.6]) is None
    assert fallen_at([0.3, 0.3]) == 1  # at 0 nothing is random


def test_a_classifier_fitted_on_classes_that_embeddings_say_reads_them_off(service):
    encoder = service.observatory.encoder(CNN, sanity.Progress())
    n_channels = encoder.model.num_features
    classes = np.arange(48) % 16
    given = np.random.default_rng(0).normal(size=(48, n_channels)) + 5 * np.eye(n_channels)[classes]
    line = sanity.refitted(encoder, given, classes).model.get_classifier()
    answers = given @ line.weight.numpy().T + line.bias.numpy()
    assert (answers.argmax(1) == classes).mean() > 0.9


def rows_of(curve, labels=()):
    blank = {name: None for measure in MEASURES for name in (measure, f"{measure}_sd")}
    stages = [{**blank, "encoder": "e", "altered": ITSELF, "n_randomised": n, "maps": value} for n, value in enumerate(curve)]
    others = [{**blank, "encoder": "e", "altered": name, "n_randomised": None, "attributions": value} for name, value in labels]
    return [*stages, *others]


def test_what_survives_is_said_first():
    said = sanity._sentence(rows_of([1.0, 0.9, 0.7], [(SHUFFLED, 0.6), (REFITTED, 0.9), (EXAMPLES, 0.1)]))
    assert said.startswith("Random weights throughout leave") and "segmentation maps of e (0.70)" in said
    assert f"attributions of e with {SHUFFLED} (0.60)" in said and REFITTED + " (" not in said.replace(SHUFFLED, "")
    assert "Below 0.5 fall segmentation maps of e from 2 of 2 stages on" in sanity._sentence(rows_of([1.0, 0.9, 0.2]))


def test_a_run_has_a_row_per_stage_and_shuffles_labels(service, few_examples, monkeypatch):
    monkeypatch.setattr(sanity, "PER_CLASS", 1)
    monkeypatch.setattr(sanity, "RETRAINED", {CNN: {TRAINED: CNN}})
    question = RunStudy("sanity", StudySettings((CNN,), n_scenes=1, n_seeds=1, input_size=64))
    findings = service.ask(question).result(240).findings
    weights, labels = findings.tables
    assert weights.rows[0]["altered"] == ITSELF and weights.rows[-1]["altered"] == "everything"
    assert weights.rows[1]["maps"] == weights.rows[1]["concept_maps"] == 1  # they do not read what comes after the last depth
    assert all(-1 <= row[name] <= 1 for row in weights.rows for name in MEASURES)
    assert [row["altered"] for row in labels.rows] == [EXAMPLES, REFITTED, SHUFFLED, TRAINED]
    assert all(labels.rows[-1][name] == 1 for name in MEASURES)  # the network that is compared with itself
    assert [figure.name for figure in findings.figures] == list(MEASURES) and CNN in findings.sentence


def test_without_classes_maps_alone_are_compared(service, few_examples):
    encoder, observatory = service.observatory.encoder(NO_CLASSES, sanity.Progress()), service.observatory
    explained = about_top_classes(encoder, [photo_from_array(np.zeros((64, 64, 3), np.uint8), "black")])
    seen = concepts_seen(
        observatory, encoder, starter_examples(observatory, ("orange",)), explained, settings_for(encoder), sanity.Progress()
    )
    looked = Looked((np.zeros((4, 4), np.uint8),), seen)
    assert explained.class_idx == () and seen.maps and sanity.alike(looked, looked)["attributions"] is None
