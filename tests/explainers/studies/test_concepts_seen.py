"""What concepts are to photos by any encoder: sets and comparisons by hand."""

import numpy as np
import pytest

from explainers.studies import concepts_seen
from explainers.studies.concepts_seen import EvidenceShared, Examples, Explained, halved, maps_alike, rank_correlation, shuffled
from explainers.visual_tcav.settings import ExplainSettings
from models.photo import photo_from_array

PHOTOS = tuple(photo_from_array(np.full((4, 4, 3), n, np.uint8), f"photo {n}") for n in range(8))


def test_halves_have_both_kinds_of_photos_and_nothing_in_common():
    assert halved(PHOTOS, None) == PHOTOS
    assert halved(PHOTOS, 0) == (PHOTOS[0], PHOTOS[1], PHOTOS[4], PHOTOS[5])
    assert not {*halved(PHOTOS, 0)} & {*halved(PHOTOS, 1)}


def test_shuffled_examples_are_the_same_photos_in_sets_of_the_same_size():
    examples = Examples({"a": PHOTOS[:2], "b": PHOTOS[2:5]}, PHOTOS[5:])
    mixed = shuffled(examples, 0)
    assert mixed != examples and mixed == shuffled(examples, 0)
    assert [len(photos) for photos in (*mixed.concepts.values(), mixed.random)] == [2, 3, 3]
    assert {*mixed.concepts["a"], *mixed.concepts["b"], *mixed.random} == {*PHOTOS}


class AnEncoder:
    """One that can be told from others, and forgotten."""


def test_evidence_is_worked_out_once_for_every_encoder_and_question_and_forgotten_with_the_encoder(monkeypatch):
    worked_out = []
    monkeypatch.setattr(concepts_seen, "evidence_for", lambda *question: worked_out.append(question[:3]) or [[len(worked_out)]])
    shared, first, second = EvidenceShared(), AnEncoder(), AnEncoder()
    about = Explained(PHOTOS[:2], (0, 1))

    def evidence(encoder, explained=about, **changed):
        return shared(encoder, explained, ExplainSettings(depths=(1,), n_steps=16, **changed), None)

    assert evidence(first) == evidence(first, seed=7, n_null=50) == [[1]] and evidence(second) == [[2]]
    assert evidence(first, Explained(PHOTOS[:2], (0, 2))) == [[3]] and evidence(first, input_size=64) == [[4]]
    assert len(shared._worked_out) == 2
    worked_out.clear()
    del second
    assert len(shared._worked_out) == 1


def test_ranks_alone_count_and_what_is_the_same_everywhere_says_nothing():
    values = np.array([[1.0, 2.0], [3.0, 9.0]])
    assert rank_correlation(values, values**3) == pytest.approx(1) and rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.ones((2, 2))) == 0
    empty = np.zeros((2, 2))
    assert maps_alike({"a": values, "b": empty}, {"a": values, "b": empty}) == pytest.approx(1)  # empty in both: left out
    assert maps_alike({"a": values}, {"a": empty}) == 0 and maps_alike({"a": empty}, {"a": empty}) is None
