"""Learning from scenes without labels and without regions: two views of a scene must agree, and two views of one place in it.

    view    a scene mirrored, zoomed, moved and lit anew; it remembers which place of the scene each of its cells shows
    twin    the same scene, or the same place of it, in the other view

Two ways to make them agree that do not end with one code for everything:
    contrast    a code is nearer to its twin's than to those of other scenes (SimCLR: Chen et al., arXiv 2002.05709)
    variance    codes equal their twin's, vary over a batch and do not repeat one another (VICReg: Bardes et al., 2105.04906)
Both are asked of the whole scene, and of places in it; other places of the same scene are no contrast, as they may show the same.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoder.building import TimmModel
from models.scenes.scenes import DEFAULT_SIZE
from models.training.pool import GRID, TRUTH_SIZE, Pool, augmented, unevenly_lit
from models.training.recipes import MEAN, STD, Cycle, Recipe

N_CODE, N_HIDDEN = 128, 256
N_PLACES = 384  # of a batch, on which places are made to agree
FAR = 1.5 / TRUTH_SIZE  # apart, in shares of the scene: cells of two views that show no common place
ZOOM = (1.0, 2.0)
Views = tuple[Tensor, Tensor, Tensor]  # normalised images, places of their cells, labels that nobody reads


def view_batches(recipe: Recipe, pool: Pool, cycle_idx: int = 0) -> Iterator[Views]:
    """The batches of one cycle: images (2 B, 3, S, S), first views before second ones; which of TRUTH_SIZE ** 2 places of the
    scene each cell shows, (2 B, 1, GRID, GRID); and zeros (2 B,) for labels.
    """
    cycle = recipe.cycles[cycle_idx]
    order_rng = np.random.default_rng([recipe.seed, 1 + cycle_idx])
    tensor_rng = torch.Generator().manual_seed(recipe.seed + cycle_idx)
    n_steps, n_pairs = cycle.n_samples // recipe.batch_size, recipe.batch_size // 2
    for step in range(n_steps):
        scenes, _truth = pool.batch(order_rng.integers(len(pool.truth), size=n_pairs))
        size = 96 if step < 0.6 * n_steps else int(order_rng.choice([96, 112, DEFAULT_SIZE]))
        images, places = view(scenes.repeat(2, 1, 1, 1), size, tensor_rng)
        yield ((images - MEAN) / STD).to(memory_format=torch.channels_last), places, torch.zeros(len(images), dtype=torch.long)


def view(scenes: Tensor, size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """One view (N, 3, size, size) of each scene (N, 3, S, S) from 0 to 1, and the place that each of its cells shows,
    (N, 1, GRID, GRID); half of them unevenly lit.
    """
    places = torch.arange(TRUTH_SIZE**2).float().view(1, 1, TRUTH_SIZE, TRUTH_SIZE).expand(len(scenes), -1, -1, -1)
    images, places = augmented(scenes, places, size, rng, ZOOM)
    uneven = torch.rand(len(images), generator=rng) < 0.5
    images[uneven] = unevenly_lit(images[uneven], rng)
    return images, places


class Projections(nn.Module):
    """What is compared, thrown away after training: a code of every scene, and one of every cell from several depths."""

    def __init__(self, n_channels: list[int], n_embedding: int):
        super().__init__()
        self.parts = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(n), nn.Conv2d(n, N_CODE, 1)) for n in n_channels)
        self.scene = nn.Sequential(
            nn.Linear(n_embedding, N_HIDDEN), nn.BatchNorm1d(N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, N_CODE)
        )

    def forward(self, embedding: Tensor, feature_maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Codes of scenes (N, N_CODE) and of cells (N, GRID ** 2, N_CODE), from (N, D) and maps (N, C_d, H_d, W_d)."""
        outputs = [part(maps) for part, maps in zip(self.parts, feature_maps, strict=True)]
        on_grid = (F.interpolate(output, size=(GRID, GRID), mode="bilinear") for output in outputs)
        return self.scene(embedding), sum(on_grid, start=torch.zeros(())).flatten(2).transpose(1, 2)


def agreement_losses(
    recipe: Recipe, _cycle: Cycle, encoder: TimmModel, projections: Projections, batch: Views
) -> tuple[dict[str, Tensor], None]:
    """Both losses by name, a number each; there are no logits."""
    images, places, _ = batch
    final, maps = encoder.forward_intermediates(images, indices=list(recipe.taps))
    scene_codes, cell_codes = projections(encoder.forward_head(final), maps)
    agree = {"contrast": contrast, "variance": variance}[str(recipe.agreement)]
    first, second = scene_codes.chunk(2)
    scene_idx, first_cells, second_cells = twins(cell_codes, places.flatten(1))
    alone = torch.arange(len(first))
    return {"scene": agree(first, second, alone), "place": agree(first_cells, second_cells, scene_idx)}, None


def twins(cell_codes: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cells of first views, as many as are needed, with the nearest cells of the second: the scene of each pair, (M,), and both
    codes, (M, C) each. Codes are (2 B, P, C) and places (2 B, P); cells whose place the other view does not show are left out.
    """
    first, second = (torch.stack([p // TRUTH_SIZE, p % TRUTH_SIZE], -1) / TRUTH_SIZE for p in places.chunk(2))
    distance, nearest = torch.cdist(first, second).min(2)  # (B, P)
    scene_idx, cell_idx = (distance < FAR).nonzero(as_tuple=True)
    some = torch.linspace(0, max(len(scene_idx) - 1, 0), min(N_PLACES, len(scene_idx))).long()
    scene_idx, cell_idx = scene_idx[some], cell_idx[some]
    first_codes, second_codes = cell_codes.chunk(2)
    return scene_idx, first_codes[scene_idx, cell_idx], second_codes[scene_idx, nearest[scene_idx, cell_idx]]


def contrast(first: Tensor, second: Tensor, scene_idx: Tensor, temperature: float = 0.15) -> Tensor:
    """Mean of -log(share of a code's similarity that falls on its twin); codes (M, C) each. Other codes of the same scene, (M,),
    do not count: they may show the same thing.
    """
    codes, scenes = F.normalize(torch.cat([first, second]), dim=1), scene_idx.repeat(2)
    twin = torch.arange(len(codes)).roll(len(first))
    left_out = scenes[:, None] == scenes
    left_out[torch.arange(len(codes)), twin] = False
    return F.cross_entropy((codes @ codes.T / temperature).masked_fill(left_out, -1e4), twin)


def variance(first: Tensor, second: Tensor, _scene_idx: Tensor) -> Tensor:
    """Squared distance of twins, how far each number's spread over the batch falls short of 1, and squared covariance of
    different numbers, weighted as published; codes (M, C) each.
    """
    parts = [25 * F.mse_loss(first, second)]
    for codes in (first, second):
        centred = codes - codes.mean(0)
        spread = (centred.var(0) + 1e-4).sqrt()  # its gradient is finite at 0, as in the paper
        covariance = centred.T @ centred / (len(codes) - 1)
        off_diagonal = covariance - covariance.diag().diag()
        parts += [12.5 * F.relu(1 - spread).mean(), off_diagonal.square().sum() / codes.shape[1]]
    return sum(parts, start=torch.zeros(())) / 25
