"""What a network makes of photos at one depth, batch by batch: logits, feature map, and what speaks for the class predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from explainers.datasets.questions import PhotosAtDepth
from explainers.dictionaries.evidence import evidence_maps
from models.encoder import Encoder
from models.encoder.encoder import require_finite_answer
from models.photo import Photo

GROUP_PIXELS = 2**18  # of input, of photos that go through the network together


@dataclass(frozen=True, eq=False)
class Looked:
    """One photo at one depth."""

    logits: Tensor  # (n_outputs,)
    feature_map: np.ndarray  # (C, h, w)
    evidence: np.ndarray  # (h, w): for the class that is predicted


def look_at(encoder: Encoder, seen: PhotosAtDepth, photos: Sequence[Photo]) -> list[Looked]:
    """Photos of one input shape together."""
    images = torch.stack([encoder.prepare(photo, seen.input_size) for photo in photos])
    head = encoder.head_from(seen.depth)(images)
    with torch.no_grad():
        logits = head.logits_of(head.activation)
    require_finite_answer(encoder.info, f"'{photos[0].name}' and others", logits)
    evidence = evidence_maps(head.logits_of, head.activation, logits.argmax(1), head.map_of).cpu().numpy()
    maps = head.map_of(head.activation).float().cpu().numpy()
    each = zip(logits, maps, evidence, strict=True)
    return [Looked(of_photo, depth_map, _signed(of_photo, speaks)) for of_photo, depth_map, speaks in each]


def _signed(logits: Tensor, evidence: np.ndarray) -> np.ndarray:
    """The evidence (H, W) for the class predicted: of a network with a single logit, the second class is that it is negative."""
    return -evidence if len(logits) == 1 and float(logits[0]) < 0 else evidence


@cache
def numpys_threads() -> ThreadpoolController:
    """Numpy's own threads, which contend with torch's unless they are limited."""
    return ThreadpoolController()
