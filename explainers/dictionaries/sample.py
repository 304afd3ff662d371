"""Which positions of which photos a dictionary is fitted on: chosen by the hash of each photo and a seed.

Neither the order of photos nor who looks at them changes the sample. A photo's rank is a keyed hash of its own; those of the
lowest rank are taken, with the same number of positions each.
"""

import hashlib
import math
from collections.abc import Iterable

import numpy as np

POSITIONS_OF_A_PHOTO = 16  # at least, so that the sample spreads over many photos


def rank_of(sha256: str, seed: int) -> bytes:
    """By what photos are ordered for the sample: a hash of the photo's hash and the seed."""
    return hashlib.blake2b(sha256.encode(), digest_size=16, key=seed.to_bytes(8, "big")).digest()


def sampled_photos(sha256s: Iterable[str], n_positions: int, seed: int) -> tuple[list[str], int]:
    """The hashes of the photos in the sample, in its order, and how many positions are taken of each."""
    ranked = sorted(set(sha256s), key=lambda sha256: rank_of(sha256, seed))
    chosen = ranked[: max(1, n_positions // POSITIONS_OF_A_PHOTO)]
    return chosen, math.ceil(n_positions / max(1, len(chosen)))


def sampled_positions(sha256: str, n_cells: int, n_wanted: int, seed: int) -> np.ndarray:
    """Flat indices (n,) of positions of a photo's map of ``n_cells``, all of them where no more are there, in ascending order."""
    generator = np.random.default_rng(np.frombuffer(rank_of(sha256, seed), np.uint32))
    return np.sort(generator.permutation(n_cells)[:n_wanted])
