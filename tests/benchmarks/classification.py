"""How often the packaged encoder knows what ImageNet photographs show, at the crop that such weights are tested with.

Photographs: ../shared/fixtures/images/imagenet_sample, whose names begin with the class.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.encoder.encoder import Encoder
from models.encoder.preprocessing import prepare
from models.photo import photo_from_array, read_photo_file

CROP = 0.875  # of the shorter side


def centre_crop(encoder: Encoder, file: Path) -> torch.Tensor:
    """The middle of a photograph as the encoder was tested on it, (1, 3, side, side)."""
    side, photo = encoder.info.preprocessing.input_size, read_photo_file(file)
    scale = side / CROP / min(photo.shape)
    height, width = (round(length * scale) for length in photo.shape)
    resized = np.asarray(Image.fromarray(photo.pixels).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - side) // 2, (width - side) // 2
    middle = photo_from_array(resized[top : top + side, left : left + side], file.name)
    return prepare(middle, encoder.info.preprocessing, (side, side))[None]


def photographs(fixtures: Path) -> list[Path]:
    return sorted((fixtures / "images/imagenet_sample").glob("*.JPEG"))


def rank_of_truth(encoder: Encoder, file: Path) -> int:
    """How many classes the encoder finds more probable than the true one."""
    logits = encoder.logits(centre_crop(encoder, file))[0]
    return int((logits > logits[int(file.name[:3])]).sum())


def accuracy_table(fixtures: Path, encoder: Encoder) -> list[dict]:
    """Share of photographs whose class is the first answer, or among the first five."""
    ranks = np.array([rank_of_truth(encoder, file) for file in photographs(fixtures)])
    return [{"encoder": encoder.info.name, "n_photographs": len(ranks), "top_1": np.mean(ranks < 1), "top_5": np.mean(ranks < 5)}]
