"""Sample, clusters, evidence and regions, each on numbers that one can check by hand."""

import numpy as np
import pytest
import torch

from explainers.dictionaries.clustering import fit_dictionary, fit_space
from explainers.dictionaries.evidence import evidence_maps, shares
from explainers.dictionaries.regions import regions_of, shares_on, unpacked
from explainers.dictionaries.sample import sampled_photos, sampled_positions
from explainers.dictionaries.settings import DictionarySettings, require_valid
from models.errors import BadSettings, TooFewExamples

HASHES = [f"{n:064x}" for n in range(100)]


def blobs(n_each: int = 60) -> np.ndarray:
    """Positions (4 n_each, 8) around four corners of a space of eight channels."""
    noise = np.random.default_rng(0).normal(0, 0.05, (4 * n_each, 8))
    return (np.repeat(5 * np.eye(8)[:4], n_each, 0) + noise).astype(np.float32)


def test_the_sample_does_not_depend_on_the_order_of_photos_but_on_the_seed():
    chosen, n_each = sampled_photos(HASHES, 320, seed=1)
    assert (chosen, n_each) == sampled_photos(HASHES[::-1] + HASHES[:3], 320, seed=1)
    assert len(chosen) == 20 and n_each == 16
    assert chosen != sampled_photos(HASHES, 320, seed=2)[0]


def test_few_photos_give_more_positions_each():
    chosen, n_each = sampled_photos(HASHES[:3], 320, seed=1)
    assert sorted(chosen) == HASHES[:3] and n_each == 107


def test_positions_of_a_photo_are_its_own_and_in_order():
    positions = sampled_positions(HASHES[0], 64, 16, seed=0)
    assert len(set(positions)) == 16 and (np.diff(positions) > 0).all()
    assert positions.tolist() == sampled_positions(HASHES[0], 64, 16, seed=0).tolist()
    assert positions.tolist() != sampled_positions(HASHES[1], 64, 16, seed=0).tolist()
    assert sampled_positions(HASHES[0], 4, 16, seed=0).tolist() == [0, 1, 2, 3]


def test_parts_are_the_blobs_numbered_by_size():
    activations = blobs()[:-30]  # the last blob is the smallest
    dictionary = fit_dictionary(activations, DictionarySettings(ks=(4,), n_components=4))
    parts = dictionary.parts(dictionary.space.coordinates(activations), 4)
    assert [len(set(parts[start : start + 60])) for start in (0, 60, 120, 180)] == [1, 1, 1, 1]
    assert parts[-1] == 3 and sorted(np.bincount(parts)) == [30, 60, 60, 60]
    assert dictionary.stability[4] == pytest.approx(1)


def test_a_middle_finds_its_part_at_another_k():
    activations = blobs()
    dictionary = fit_dictionary(activations, DictionarySettings(ks=(2, 4), n_components=4))
    coordinates = dictionary.space.coordinates(activations)
    at_4, at_2 = dictionary.parts(coordinates, 4), dictionary.parts(coordinates, 2)
    assert all(dictionary.at_other_k(part, 4, 2) == at_2[at_4 == part][0] for part in range(4))


def test_coordinates_are_unit_vectors_and_zero_at_the_mean():
    space = fit_space(blobs(), 8)
    lengths = np.linalg.norm(space.coordinates(blobs()), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-4)
    assert not space.coordinates(space.mean[None]).any()


def test_too_few_positions_and_senseless_numbers_are_refused():
    with pytest.raises(TooFewExamples, match="at least 16"):
        fit_dictionary(blobs(2), DictionarySettings(ks=(16,)))
    for settings in (DictionarySettings(ks=()), DictionarySettings(ks=(4, 4)), DictionarySettings(n_components=1)):
        with pytest.raises(BadSettings):
            require_valid(settings)


def test_evidence_of_a_linear_head_is_its_weight_times_the_activation():
    weight = torch.tensor([[1.0, -2.0], [0.5, 0.0]])  # two classes, two channels

    def logits_of(maps: torch.Tensor) -> torch.Tensor:
        return maps.sum(dim=(2, 3)) @ weight.T

    maps = torch.arange(16.0).reshape(2, 2, 2, 2)  # two images
    evidence = evidence_maps(logits_of, maps, torch.tensor([0, 1]), lambda activation: activation)
    torch.testing.assert_close(evidence[0], maps[0, 0] - 2 * maps[0, 1])
    torch.testing.assert_close(evidence[1], 0.5 * maps[1, 0])


def test_shares_are_of_what_speaks_for_the_class():
    speaks_for, against = shares(np.array([[3.0, -2.0], [1.0, 0.0]]))
    assert speaks_for.tolist() == [[0.75, 0], [0.25, 0]] and against.tolist() == [[0, 0.5], [0, 0]]
    assert not np.any(shares(np.array([[-1.0]])))


def test_regions_are_connected_positions_of_one_part():
    labels = np.array([[7, 7, 2], [2, 7, 2]])
    evidence = np.array([[1.0, 1.0, 0.0], [2.0, -4.0, 0.0]])
    regions = regions_of(labels, 8, evidence, np.arange(6.0, dtype=np.float32).reshape(2, 3, 1))
    assert regions.parts.tolist() == [7, 2, 2] and regions.n_cells.tolist() == [3, 2, 1]
    assert regions.evidence.tolist() == [0.5, 0, 0.5] and regions.against.tolist() == [1, 0, 0]
    assert regions.boxes.tolist() == [[0, 0, 2, 2], [0, 2, 2, 1], [1, 0, 1, 1]]
    assert regions.activations.ravel().tolist() == pytest.approx([5 / 3, 3.5, 3.0], rel=1e-3)
    np.testing.assert_array_equal(unpacked(regions.masks[0], (2, 3)), [[1, 1, 0], [0, 1, 0]])
    assert shares_on(regions, np.array([[True, False, False], [True, True, False]])).tolist() == [2 / 3, 0, 1]
