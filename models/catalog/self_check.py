"""Does an encoder do what the pages will ask of it? Tried once on one photo, before the catalog offers it.

feature maps   finite at every depth
cut points     from which depths attribution works, and why not from the others
prediction     the most probable class of the photo
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from models.encoder.building import Depth
from models.encoder.encoder import Encoder, EncoderInfo
from models.encoder.labels import class_name, probabilities
from models.errors import BadCheckpoint, NotACutPoint
from models.photo import Photo
from models.progress import IGNORED, Progress


@dataclass(frozen=True)
class DepthCheck:
    """One depth: why attribution cannot start there, empty if it can."""

    depth: Depth
    refusal: str


@dataclass(frozen=True)
class SelfCheck:
    """What trying an encoder on one photo showed."""

    encoder: EncoderInfo
    depths: tuple[DepthCheck, ...]
    class_name: str  # of the most probable class; empty without a classifier
    probability: float
    seconds: float

    @property
    def n_cut_points(self) -> int:
        """From how many depths attribution works."""
        return sum(not check.refusal for check in self.depths)


def self_check(encoder: Encoder, photo: Photo, progress: Progress = IGNORED) -> SelfCheck:
    """Tries an encoder on a photo at its own size; raises BadCheckpoint if a value is not finite."""
    started = time.perf_counter()
    progress.report(0.0, "Looking through the encoder")
    image = encoder.prepare(photo, encoder.info.preprocessing.input_size)[None]
    _require_finite_maps(encoder, image)
    logits = encoder.logits(image)[0].cpu()
    _require_finite(logits, "its answer to a photo")
    depths = []
    for depth in encoder.info.depths:
        progress.report((1 + depth.idx) / (1 + len(encoder.info.depths)), f"Trying depth {depth.idx}")
        depths.append(DepthCheck(depth, _refusal(encoder, depth)))
    name, probability = _best(encoder.info, logits)
    return SelfCheck(encoder.info, tuple(depths), name, probability, time.perf_counter() - started)


def _require_finite_maps(encoder: Encoder, image: Tensor) -> None:
    maps = encoder.feature_maps(image, [depth.idx for depth in encoder.info.depths])
    for depth, feature_map in zip(encoder.info.depths, maps, strict=True):
        _require_finite(feature_map, f"its feature map at depth {depth.idx} ({depth.module_name})")


def _require_finite(values: Tensor, what: str) -> None:
    n_bad = int((~torch.isfinite(values)).sum())
    if n_bad:
        raise BadCheckpoint(
            f"The encoder was built, but {what} has {n_bad} of {values.numel()} values that are not finite numbers. "
            "Look for a training that diverged, or for weights saved in too small a type."
        )


def _refusal(encoder: Encoder, depth: Depth) -> str:
    """Why attribution cannot start at the depth; empty if it can."""
    if not encoder.info.has_classifier:
        return "There is no classifier, so there is nothing to attribute."
    try:
        encoder.head_from(depth.idx)
    except NotACutPoint as refusal:
        return str(refusal)
    return ""


def _best(info: EncoderInfo, logits: Tensor) -> tuple[str, float]:
    """Name and probability of the most probable class; empty and 0 without a classifier."""
    if not info.has_classifier:
        return "", 0.0
    class_probabilities = probabilities(logits)
    class_idx = int(class_probabilities.argmax())
    return class_name(info.class_names, class_idx), float(class_probabilities[class_idx])
