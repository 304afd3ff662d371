"""Which parts carry the evidence for a class, more than for other classes, and more than chance.

    s_ip   share of the evidence for the class that is predicted in photo i, on part p; 0 where the part is not in it
    d_cp   mean of s_ip over the photos predicted as c, minus the mean over all others: the rank of p in c

The null permutes the labels of parts over photos: every photo gets the shares of another one, so whole rows move and what goes
together in a photo stays together. The sum over the photos of a class decides, since the sum over all never changes. As many
permutations are drawn as Holm needs to be able to find something at all (permutations.py): the smallest possible p-value, times
the number of tests, is half the significance level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from explainers.dictionaries.permutations import permutation_p_values
from explainers.visual_tcav.resampling import bootstrap_counts
from explainers.visual_tcav.significance import SIGNIFICANCE_LEVEL, confidence_interval, holm
from models.errors import BadSettings
from models.progress import IGNORED, Progress

MIN_PHOTOS = 5  # predicted as a class, and predicted as others: with fewer, nothing is said about it
MAX_TESTS = 200_000  # at a time: beyond, the null takes longer than somebody waits
N_BOOTSTRAP = 500
MANY_PHOTOS = 2000  # from here on the mean of resampled photos is as good as normal


@dataclass(frozen=True)
class PartEvidence:
    """What one part carries for one class."""

    class_idx: int
    part: int
    share: float  # mean share of the evidence in photos predicted as the class
    share_elsewhere: float  # in all other photos, for the classes that are predicted there
    difference: float
    interval: tuple[float, float]  # of the difference: the middle 95 % of bootstrap replicates over photos
    superiority: float  # probability that a photo of the class has more evidence there than another one; ties count half
    presence: float  # share of the photos of the class that have the part
    presence_elsewhere: float
    n_photos: int  # predicted as the class
    p_value: float
    corrected_p_value: float  # after Holm over all parts and classes that are tested together

    @property
    def significant(self) -> bool:
        """Whether chance rarely gives as much, over everything tested together."""
        return self.corrected_p_value <= SIGNIFICANCE_LEVEL


def classes_to_test(predicted: np.ndarray) -> list[int]:
    """The classes that enough photos are predicted as, (n,), and enough others are not."""
    classes, counts = np.unique(predicted, return_counts=True)
    return [int(idx) for idx, n in zip(classes, counts, strict=True) if MIN_PHOTOS <= n <= len(predicted) - MIN_PHOTOS]


def rank_parts(
    shares: np.ndarray,
    present: np.ndarray,
    predicted: np.ndarray,
    classes: Sequence[int],
    seed: int,
    progress: Progress = IGNORED,
) -> list[PartEvidence]:
    """Every part for each of some classes, class by class, in the order of the difference.

    ``shares`` (n, k) and ``present`` (n, k) of n photos and k parts, ``predicted`` (n,) the classes that are predicted. Raises
    BadSettings where there are more tests than can be answered.
    """
    n_tests = len(classes) * shares.shape[1]
    if n_tests > MAX_TESTS:
        raise BadSettings(
            f"{len(classes)} classes with {shares.shape[1]} parts are {n_tests} tests; at most {MAX_TESTS} are made together. "
            "Name fewer classes, or choose fewer parts."
        )
    p_values = permutation_p_values(shares, predicted, classes, seed, progress)
    corrected = np.array(holm(p_values.ravel().tolist())).reshape(p_values.shape)
    ranks, ranked = rankdata(shares, axis=0), []
    for row, idx in enumerate(classes):
        of_class = _described(shares, present, ranks, predicted == idx, seed)
        parts = [
            replace(part, class_idx=idx, p_value=float(p), corrected_p_value=float(c))
            for part, p, c in zip(of_class, p_values[row], corrected[row], strict=True)
        ]
        ranked += sorted(parts, key=lambda part: (-part.difference, part.part))
    return ranked


def _described(shares: np.ndarray, present: np.ndarray, ranks: np.ndarray, within: np.ndarray, seed: int) -> list[PartEvidence]:
    """Every part for the class whose photos are ``within`` (n,), not tested yet."""
    own, others = shares[within], shares[~within]
    means, means_elsewhere = own.mean(0), others.mean(0)
    replicates = _replicate_means(own, seed) - _replicate_means(others, seed + 1)
    superiority = (ranks[within].mean(0) - (len(own) + 1) / 2) / len(others)
    return [
        PartEvidence(
            class_idx=-1,
            part=part,
            share=float(means[part]),
            share_elsewhere=float(means_elsewhere[part]),
            difference=float(means[part] - means_elsewhere[part]),
            interval=confidence_interval(replicates[:, part]),
            superiority=float(superiority[part]),
            presence=float(present[within, part].mean()),
            presence_elsewhere=float(present[~within, part].mean()),
            n_photos=len(own),
            p_value=1.0,
            corrected_p_value=1.0,
        )
        for part in range(shares.shape[1])
    ]


def _replicate_means(values: np.ndarray, seed: int) -> np.ndarray:
    """Means (N_BOOTSTRAP, k) over resampled rows of (n, k); of very many rows, normal ones with the same spread."""
    if len(values) > MANY_PHOTOS:
        normal = np.random.default_rng([seed, len(values)]).standard_normal((N_BOOTSTRAP, values.shape[1]))
        return values.mean(0) + normal * values.std(0) / len(values) ** 0.5
    return bootstrap_counts(len(values), N_BOOTSTRAP, seed) @ values / len(values)
