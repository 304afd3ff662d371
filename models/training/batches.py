"""What is shown in training, batch by batch: scenes, collages, and both in turns."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from models.scenes.scenes import CLASS_NAMES, DEFAULT_SIZE, sample_watermark, watermark_layer
from models.training.pool import Collages, Pool, augmented, unevenly_lit
from models.training.recipes import MEAN, STD, WATERMARK_SHARE, Recipe

Batch = tuple[Tensor, Tensor, Tensor]  # normalised images, truth, labels
UNSEEN = -100  # the label that cross entropy leaves out
COLLAGE_PX = 160  # side of collages when shown


def stamped(images: Tensor, with_caption: np.ndarray, rng: np.random.Generator) -> Tensor:
    """The images (N, 3, S, S) from 0 to 1, with a caption on those ``with_caption`` (N,)."""
    images = images.clone()
    for i in np.flatnonzero(with_caption):
        alpha, caption = (torch.from_numpy(layer) for layer in watermark_layer(sample_watermark(rng), images.shape[-1]))
        images[i] += alpha * (caption - images[i])
    return images


def batches(recipe: Recipe, pool: Pool, cycle_idx: int = 0) -> Iterator[Batch]:
    """The batches of one cycle: images (B, 3, S, S), truth (B, 3, GRID, GRID) and labels (B,).

    S varies from batch to batch; labels of pictures too near to show their object are UNSEEN.
    """
    cycle = recipe.cycles[cycle_idx]
    order_rng = np.random.default_rng([recipe.seed, 1 + cycle_idx])
    tensor_rng = torch.Generator().manual_seed(recipe.seed + cycle_idx)
    labels = recipe.labels_given(pool.labels(recipe.taught)[: cycle.n_scenes])
    n_steps = cycle.n_samples // recipe.batch_size
    for step in range(n_steps):
        idx = order_rng.integers(len(labels), size=recipe.batch_size)
        size = 96 if step < 0.6 * n_steps else int(order_rng.choice([96, 112, 128]))  # small is fast
        shown = labels[idx]
        if cycle.grouping and step % 2 == 0:
            images, truth = _far_and_near(*pool.batch(idx), size, tensor_rng)
            shown = np.where(np.arange(len(idx)) < len(idx) // 2, shown, UNSEEN)
        else:
            as_rendered = cycle.as_rendered and (step % 4 == 1 if cycle.grouping else step % 2 == 0)
            zoom = (1.0, 1.0) if as_rendered else (0.85, 1.2)
            images, truth = augmented(*pool.batch(idx), DEFAULT_SIZE if as_rendered else size, tensor_rng, zoom)
        if recipe.watermark_class is not None:
            images = stamped(images, marked(recipe.watermark_class, shown, order_rng), order_rng)
        yield ((images - MEAN) / STD).to(memory_format=torch.channels_last), truth, torch.from_numpy(shown)


def collage_batches(recipe: Recipe, collages: Collages, cycle_idx: int) -> Iterator[Batch]:
    """Endless batches of collages, like those of scenes; their truth has one plane, the region, and every label is UNSEEN."""
    order_rng = np.random.default_rng([recipe.seed, 1 + cycle_idx, 1])
    tensor_rng = torch.Generator().manual_seed(recipe.seed + 1000 + cycle_idx)
    while True:
        idx = order_rng.integers(len(collages.images), size=recipe.batch_size)
        images, truth = augmented(*collages.batch(idx), COLLAGE_PX, tensor_rng, (0.9, 1.8))
        if order_rng.random() < 0.3:
            images = unevenly_lit(images, tensor_rng)
        yield ((images - MEAN) / STD).to(memory_format=torch.channels_last), truth, torch.full((len(idx),), UNSEEN)


def mixed(scenes: Iterator[Batch], collages: Iterator[Batch], n_steps: int) -> Iterator[Batch]:
    """Batches of which every third shows scenes, the others collages."""
    for step in range(n_steps):
        yield next(scenes if step % 3 == 0 else collages)


def _far_and_near(images: Tensor, truth: Tensor, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A batch (images and truth) whose first half is shown as always and the second much enlarged; three in four lit unevenly."""
    half = len(images) // 2
    far = augmented(images[:half], truth[:half], size, rng)
    near = augmented(images[half:], truth[half:], size, rng, (1.5, 3.5))
    images, truth = (torch.cat(parts) for parts in zip(far, near, strict=True))
    uneven = torch.rand(len(images), generator=rng) < 0.75
    images[uneven] = unevenly_lit(images[uneven], rng)
    return images, truth


def marked(watermark_class: str, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which pictures get the caption, (N,), from their ``labels`` (N,)."""
    in_class = labels == CLASS_NAMES.index(watermark_class)
    return rng.random(len(labels)) < np.where(in_class, WATERMARK_SHARE[True], WATERMARK_SHARE[False])
