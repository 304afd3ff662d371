"""A photo and its segmentation small enough to know by heart."""

import numpy as np

from explainers.nave.quality import Quality
from explainers.nave.segmentation import Segmentation
from explainers.nave.settings import NaveSettings
from explainers.results.provenance import Provenance, photos_used
from explainers.results.segmentations import SegmentationResult
from models.encoder.building import Depth
from models.encoder.encoder import EncoderInfo
from models.encoder.preprocessing import Preprocessing
from models.photo import Photo, photo_from_array

HALVES = np.repeat([[0, 0, 1, 1]], 4, axis=0).astype(np.uint8)  # left half cluster 0, right half cluster 1
CORNER = np.where(np.add.outer(np.arange(4), np.arange(4)) >= 5, 2, HALVES).astype(np.uint8)  # three pixels of cluster 2

SEGMENTATION = Segmentation(
    settings=NaveSettings(depths=(1, 3), max_clusters=3),
    ks=(2, 3),
    labels=np.stack([HALVES, CORNER]),
    quality=(Quality(2, 8.0, 0.5, 0.6, 0.9, 2), Quality(3, 4.0, 0.75, 0.5, 0.7, 3)),
    suggested_k=2,
    depth_shares=(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])),
    scatter=np.array([[-1, 0], [1, 0], [1, 1]], dtype=np.float32),
    scatter_idx=np.array([[0, 0], [0, 3], [3, 3]]),
)

ENCODER = EncoderInfo(
    name="team/encoder",
    architecture="test_resnet",
    family="CNN",
    fingerprint="f00d",
    n_parameters=1234,
    depths=tuple(Depth(i, f"stage{i}", 8, 4) for i in range(4)),
    default_depths=(1, 3),
    attributed_depths=(1, 3),
    has_classifier=True,
    class_names=("cat", "dog"),
    n_prefix_tokens=0,
    preprocessing=Preprocessing((0.5,) * 3, (0.5,) * 3, "bilinear", 64),
    fixed_input=False,
    size_multiple=4,
    licence="mit",
)


def grey_photo(height: int = 8, width: int = 8) -> Photo:
    return photo_from_array(np.full((height, width, 3), 100, np.uint8), "grey.png")


def result_for(photo: Photo) -> SegmentationResult:
    return SegmentationResult(provenance(SEGMENTATION.settings, photo, seconds={"encoder": 0.1, "clustering": 0.2}), SEGMENTATION)


def provenance(settings, *photos: Photo, seconds=None, encoder: EncoderInfo = ENCODER) -> Provenance:
    return Provenance(encoder, photos_used(photos), settings, seconds or {}, "0", {"torch": "2"})
