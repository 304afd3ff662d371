"""Two encoders on the same photos: what a comparison over a data set (comparison.py) asks of the service, and the answers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from explainers.datasets.looking import GROUP_PIXELS, Looked, look_at, numpys_threads
from explainers.datasets.questions import PhotosAtDepth
from explainers.dictionaries.differences import Evidence, PartDifference, rank_differences
from explainers.dictionaries.evidence import shares
from explainers.dictionaries.joint import JointDictionary, common_grid, fit_joint, on_grid
from explainers.dictionaries.sample import sampled_positions
from explainers.dictionaries.settings import DictionarySettings
from explainers.runtime.scheduler import Activity
from explainers.runtime.worker import Urgency
from explainers.service.observatory import Observatory
from explainers.service.questions import Question
from models.encoder.labels import class_logits, probabilities
from models.progress import Progress


@dataclass(frozen=True)
class SampleTogether(Question[tuple[tuple[np.ndarray, np.ndarray], ...]]):
    """Activations (n, C_1) and (n, C_2) of two encoders at the same positions of each photo."""

    first: PhotosAtDepth
    second: PhotosAtDepth
    n_positions: int  # of each photo
    seed: int

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("sampling", f"{len(self.first.photos)} photos", self.first.encoder_name)


@dataclass(frozen=True)
class FitTogether(Question[JointDictionary]):
    """The joint parts of sampled activations (n, C_1) and (n, C_2)."""

    key: str  # a hash of what was sampled
    k: int
    settings: DictionarySettings
    activations: tuple[np.ndarray, np.ndarray] = field(compare=False, repr=False)

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("clustering", f"{len(self.activations[0])} positions")


@dataclass(frozen=True, eq=False)
class SeenTwice:
    """One photo with two encoders."""

    parts: np.ndarray  # (h, w) uint16: the joint part of every position
    predicted: tuple[int, int]
    probabilities: tuple[float, float]
    shares: np.ndarray  # (2, h, w) float32: of what speaks for the class that either predicts


@dataclass(frozen=True)
class DescribeTogether(Question[tuple[SeenTwice, ...]]):
    """What two encoders make of some photos."""

    first: PhotosAtDepth
    second: PhotosAtDepth
    key: str  # of the dictionary
    dictionary: JointDictionary = field(compare=False, repr=False)

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("comparing", f"{len(self.first.photos)} photos", self.first.encoder_name)


@dataclass(frozen=True)
class RankDifferences(Question[tuple[PartDifference, ...]]):
    """Parts and classes by the difference of evidence."""

    key: str  # of what was described
    seed: int
    evidence: tuple[Evidence, Evidence] = field(compare=False, repr=False)
    present: np.ndarray = field(compare=False, repr=False)  # (n, k) bool

    urgency = Urgency.LATER

    @property
    def activity(self) -> Activity:
        return Activity("comparing", f"{len(self.present)} photos")


def sample_together(
    question: SampleTogether, observatory: Observatory, progress: Progress
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Activations (n, C_1) and (n, C_2) of each photo at the positions that its hash chooses, on the coarser grid of both."""
    sampled = []
    seen = question.first, question.second
    maps = [_maps(of, observatory, progress) for of in seen]
    for photo, first, second in zip(question.first.photos, *maps, strict=True):
        shape = common_grid(first.shape[1:], second.shape[1:])
        flat = [on_grid(depth_map, shape).reshape(len(depth_map), -1).T for depth_map in (first, second)]
        positions = sampled_positions(photo.sha256, len(flat[0]), question.n_positions, question.seed)
        sampled.append((flat[0][positions], flat[1][positions]))
    return tuple(sampled)


def _maps(seen: PhotosAtDepth, observatory: Observatory, progress: Progress) -> list[np.ndarray]:
    encoder = observatory.encoder(seen.encoder_name, progress)
    maps = observatory.feature_maps(encoder, seen.photos, seen.input_size, (seen.depth,), progress)
    return [depth_map.float().numpy() for (depth_map,) in maps]


def fit_together(question: FitTogether, observatory: Observatory, progress: Progress) -> JointDictionary:
    """The joint dictionary of the sample."""
    return fit_joint(*question.activations, question.k, question.settings)


def describe_together(question: DescribeTogether, observatory: Observatory, progress: Progress) -> tuple[SeenTwice, ...]:
    """Joint parts, predictions and evidence of each photo."""
    looked = [list(_looked_at(seen, observatory, progress)) for seen in (question.first, question.second)]
    with numpys_threads().limit(limits=1, user_api="blas"):
        return tuple(_seen_twice(first, second, question.dictionary) for first, second in zip(*looked, strict=True))


def _looked_at(seen: PhotosAtDepth, observatory: Observatory, progress: Progress) -> Iterator[Looked]:
    encoder = observatory.encoder(seen.encoder_name, progress)
    look = partial(look_at, encoder, seen)
    for batch in observatory.in_groups(look, encoder, seen.photos, seen.input_size, n_pixels=GROUP_PIXELS, progress=progress):
        yield from batch


def _seen_twice(first: Looked, second: Looked, dictionary: JointDictionary) -> SeenTwice:
    shape = common_grid(first.evidence.shape, second.evidence.shape)
    flat = [on_grid(of.feature_map, shape).reshape(len(of.feature_map), -1).T for of in (first, second)]
    of_classes = [probabilities(of.logits) for of in (first, second)]
    most = [int(class_logits(of.logits).argmax()) for of in (first, second)]
    return SeenTwice(
        dictionary.parts(flat[0], flat[1]).reshape(shape).astype(np.uint16),
        (most[0], most[1]),
        (float(of_classes[0][most[0]]), float(of_classes[1][most[1]])),
        np.stack([_shares_on(of.evidence, shape) for of in (first, second)]),
    )


def _shares_on(evidence: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What speaks for the class (H, W), as shares on a coarser grid, (h, w) float32: they add up to 1 again, or to 0."""
    speaks_for, _ = shares(evidence)
    coarse = on_grid(speaks_for[None].astype(np.float32), shape)[0]
    total = coarse.sum()
    return coarse / total if total > 0 else coarse


def answer_differences(question: RankDifferences, observatory: Observatory, progress: Progress) -> tuple[PartDifference, ...]:
    """The ranked differences."""
    return tuple(rank_differences(*question.evidence, question.present, question.seed, progress))


TOGETHER_ANSWERS: Mapping[type, Any] = {
    SampleTogether: sample_together,
    FitTogether: fit_together,
    DescribeTogether: describe_together,
    RankDifferences: answer_differences,
}
