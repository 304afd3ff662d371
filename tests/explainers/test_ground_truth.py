"""The published promise on real photographs: objects come out of the composite activations of real, frozen encoders."""

import numpy as np
import pytest

from models.encoder import Encoder
from tests.benchmarks.segmentation_quality import load_davis, oracle_figures, segmentations

pytestmark = [pytest.mark.slow, pytest.mark.fixtures]
K = 10


def mean_iou(encoder, images, depths=()):
    maps = (next(segmentations(encoder, image.photo, K, depths)).at(K) for image in images)
    return np.mean([oracle_figures(m, image.mask)["majority_iou"] for m, image in zip(maps, images, strict=True)])


@pytest.fixture(scope="module")
def davis(fixtures_dir):
    return load_davis(fixtures_dir)


def test_deit_tiny_finds_the_objects_of_video_frames(fixtures_dir, davis):
    encoder = Encoder.from_folder(fixtures_dir / "weights/deit_tiny_patch16_224")
    assert mean_iou(encoder, davis) >= 0.50


def test_mobilenet_finds_them_too_and_better_by_several_depths_than_by_the_last(fixtures_dir, davis):
    encoder = Encoder.from_folder(fixtures_dir / "weights/mobilenetv2_100")
    composite = mean_iou(encoder, davis)
    assert composite >= 0.45
    assert composite - mean_iou(encoder, davis, depths=(encoder.info.depths[-1].idx,)) >= 0.12
