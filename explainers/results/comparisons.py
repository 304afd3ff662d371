"""What a comparison needs to know of one encoder; each encoder is asked alone."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explainers.maps.agreement import agreement_over_k
from explainers.nave.settings import NaveSettings
from explainers.results.provenance import InputSettings, Result
from models.errors import BadSettings

COMPARED_SIDE = 128  # px of the longer side at which maps of many photos are kept and compared
MAX_PHOTOS = 32  # 2048 positions: a Gram matrix of 16 MiB per depth
N_TIMED = 7  # forward passes behind the median


@dataclass(frozen=True, eq=False)
class SegmentedPhotos(Result[NaveSettings]):
    """The segmentation maps of several photos for every k, each clustered alone."""

    labels: tuple[np.ndarray, ...]  # per photo (n_k, h, w) uint8, the longer side COMPARED_SIDE
    n_regions: np.ndarray  # (n_photos, n_k), counted at full size
    suggested_k: tuple[int, ...]  # per photo


@dataclass(frozen=True, eq=False)
class DepthGrams(Result[InputSettings]):
    """Centred Gram matrices over the positions of several photos, one per depth."""

    depths: tuple[int, ...]
    grams: tuple[Tensor, ...]  # (n, n) each, Frobenius norm 1; n = photos times CKA_GRID squared


@dataclass(frozen=True, eq=False)
class Cost(Result[InputSettings]):
    """What one photo costs; measured on the machine that answers."""

    device: str
    n_threads: int
    weight_bytes: int
    input_shape: tuple[int, int]
    forward_seconds: float  # median over N_TIMED passes of one photo
    activation_bytes: int  # tensors alive at once during a pass, weights not counted


@dataclass(frozen=True, eq=False)
class PhotosAgreement:
    """How alike two encoders divide each photo of a set, for every k."""

    ks: tuple[int, ...]
    adjusted_rand: np.ndarray  # (n_photos, n_k)
    adjusted_mutual_information: np.ndarray  # (n_photos, n_k)


def agreement_over_photos(a: SegmentedPhotos, b: SegmentedPhotos) -> PhotosAgreement:
    """How alike two encoders, or one under two seeds, divide the same photos, for every k of both."""
    if (a.photo_sha256s, a.settings.ks) != (b.photo_sha256s, b.settings.ks):
        raise BadSettings("Agreement needs the same photos and the same range of clusters on both sides.")
    by_photo = [agreement_over_k(maps_a, maps_b) for maps_a, maps_b in zip(a.labels, b.labels, strict=True)]
    return PhotosAgreement(
        ks=a.settings.ks,
        adjusted_rand=np.array([[agreement.adjusted_rand for agreement in of_photo] for of_photo in by_photo]),
        adjusted_mutual_information=np.array(
            [[agreement.adjusted_mutual_information for agreement in of_photo] for of_photo in by_photo]
        ),
    )
