"""A sample of positions: maps are judged on it, and its principal plane is what the scatter shows."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from explainers.nave.composite import Composite

N_SAMPLE = 800  # positions behind the silhouette and the scatter


def sampled_positions(shapes: Sequence[tuple[int, int]], seed: int) -> list[np.ndarray]:
    """Per image of these shapes (H, W) the flat indices of a sample of its positions, (n,); N_SAMPLE at most over all images."""
    ends = np.cumsum([height * width for height, width in shapes])
    drawn = np.random.default_rng(seed).choice(ends[-1], min(N_SAMPLE, ends[-1]), replace=False)
    image_idx = np.searchsorted(ends, drawn, side="right")
    return [drawn[image_idx == n] - start for n, start in enumerate([0, *ends[:-1].tolist()])]


def evenly_spaced(n_positions: Sequence[int], most: int) -> list[Tensor]:
    """Per image flat indices (n,) of evenly spaced positions, ``most`` at most over all images.

    Where k-means starts, half as many as drawn at random do as well.
    """
    ends = np.cumsum(n_positions)
    chosen = torch.linspace(0, int(ends[-1]) - 1, min(int(ends[-1]), most), dtype=torch.float64).round().long()
    of_images = chosen.tensor_split(np.searchsorted(chosen.numpy(), ends[:-1]).tolist())
    return [idx - int(end) + n for idx, end, n in zip(of_images, ends, n_positions, strict=True)]


def activations_at(images: Sequence[Composite], positions: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Composite activations (n, D) at some positions of all images, one image after the other.

    ``positions`` holds per image flat indices (n,) into a grid of its shape (H, W).
    """
    activations = []
    for image, flat_idx, shape in zip(images, positions, shapes, strict=True):
        device = image.blocks[0].maps.device
        activations.append(image.on_grid(shape).at(torch.from_numpy(flat_idx).to(device)))
    return torch.cat(activations)


def on_plane(activations: Tensor, axes: Tensor) -> np.ndarray:
    """Coordinates (n, 2) of activations (n, D) on two axes (2, D), centred."""
    plane = ((activations - activations.mean(0)) @ axes.T).cpu().numpy()
    return plane * np.where(plane[np.abs(plane).argmax(0), range(2)] < 0, -1, 1)  # an axis has no sign of its own: fix it
