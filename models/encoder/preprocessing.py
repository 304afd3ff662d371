"""From a photo to what an encoder sees: the whole photo (never a crop), resized with antialiasing and normalised."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.photo import Photo

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Preprocessing:
    """How an encoder was trained to see; ``input_size`` is the side of its square training images, in pixels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    input_size: int


def prepare(photo: Photo, preprocessing: Preprocessing, shape: tuple[int, int]) -> Tensor:
    """The whole photo at ``shape`` (height, width), normalised, (3, H, W) float32."""
    height, width = shape
    resampling = _RESAMPLING.get(preprocessing.interpolation, Image.Resampling.BICUBIC)
    resized = Image.fromarray(photo.pixels).resize((width, height), resampling)
    values = np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1)).astype(np.float32)  # without torch: any thread may call
    values /= np.float32(255)
    values -= np.array(preprocessing.mean, dtype=np.float32).reshape(-1, 1, 1)
    values /= np.array(preprocessing.std, dtype=np.float32).reshape(-1, 1, 1)
    return torch.from_numpy(values)
