"""Bounds in bytes, order of eviction, and what counts as a byte. Values are byte strings, their size is their length."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from explainers.runtime.caches import LruCache, n_bytes


def filled(max_bytes, *keys, size=10, **options):
    cache = LruCache(max_bytes, size_of=len, **options)
    for key in keys:
        cache.put(key, bytes(size))
    return cache


def keys(cache):
    return [key for key, _ in cache.items()]


def test_the_oldest_goes_first():
    assert keys(filled(30, "a", "b", "c", "d")) == ["b", "c", "d"]


def test_using_an_entry_makes_it_young():
    cache = filled(30, "a", "b", "c")
    assert cache.get("a") == bytes(10)
    cache.put("d", bytes(10))
    assert keys(cache) == ["c", "a", "d"]


def test_a_large_value_displaces_as_many_as_needed():
    cache = filled(30, "a", "b", "c")
    cache.put("d", bytes(15))
    assert keys(cache) == ["c", "d"] and cache.status().n_bytes == 25 and cache.status().evictions == 2


def test_exactly_the_bound_fits():
    assert keys(filled(30, "a", "b", "c")) == ["a", "b", "c"]


def test_a_value_larger_than_the_bound_is_not_kept():
    cache = filled(30, "a")
    cache.put("huge", bytes(31))
    assert keys(cache) == [] and cache.status().n_bytes == 0


def test_the_newest_is_kept_whatever_its_size_if_asked():
    cache = filled(30, "a", always_newest=True)
    cache.put("huge", bytes(31))
    assert keys(cache) == ["huge"]
    cache.put("b", bytes(10))
    assert keys(cache) == ["b"]


def test_replacing_a_value_counts_its_bytes_once():
    cache = filled(30, "a")
    cache.put("a", bytes(4))
    assert cache.status().n_bytes == 4 and cache.get("a") == bytes(4)


def test_hits_and_misses_are_counted():
    cache = filled(30, "a")
    assert cache.get("b") is None and cache.get("a") and cache.get("a")
    status = cache.status()
    assert (status.hits, status.misses, status.n_items, status.max_bytes) == (2, 1, 1, 30)


def test_discard_drops_by_key():
    cache = filled(100, ("a", 1), ("b", 1), ("a", 2))
    cache.discard(lambda key: key[0] == "a")
    assert keys(cache) == [("b", 1)] and cache.status().n_bytes == 10


@dataclass(frozen=True)
class Result:
    labels: np.ndarray
    parts: tuple


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.zeros((3, 5), np.uint8), 15),
        (torch.zeros(2, 3, dtype=torch.float32), 24),
        ((np.zeros(4, np.uint8), np.zeros(2, np.int64)), 20),
        (Result(np.zeros(7, np.uint8), (Result(np.zeros(5, np.uint8), ()),)), 12),
    ],
)
def test_bytes_of_arrays_are_counted_wherever_they_are(value, expected):
    assert n_bytes(value) == expected


def test_bytes_are_counted_per_group_of_keys():
    cache = LruCache(100, len)
    for key, size in ((("a", 1), 10), (("b", 1), 20), (("a", 2), 5)):
        cache.put(key, bytes(size))
    assert cache.n_bytes_by(lambda key: key[0]) == {"a": 15, "b": 20}
    cache.discard(lambda key: key[0] == "a")
    assert cache.n_bytes_by(lambda key: key[0]) == {"b": 20}
