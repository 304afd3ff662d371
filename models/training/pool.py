"""The pictures that bundled encoders learn from: scenes rendered once into a folder, varied anew each time they are shown."""

import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.files import written_atomically
from models.scenes.collages import collage
from models.scenes.scenes import CLASSES, SHAPE_NAMES, render, sample_scene
from models.training.recipes import Taught

SHARD_SIZE = 1000
TRUTH_SIZE = 32  # stored truth maps, pixels per side
GRID = 16  # truth cells per side when shown
LIGHT = ((0.45, 3, 1), (0.2, 6, 1), (0.12, 3, 3))  # of uneven light: strength up to, cells across, colour planes
_SHAPE_OF_CLASS = np.array([SHAPE_NAMES.index(c.shape) for c in CLASSES])
GRAIN = ((0.1, 12), (0.1, 24), (0.08, 48))


@dataclass(frozen=True, eq=False)
class Pool:
    """Rendered scenes: images (N, 3, S, S) uint8 and truth (N, 3, 32, 32) uint8, its planes surface, shape and region."""

    images: list[np.ndarray]  # one array per shard
    truth: np.ndarray
    class_idx: np.ndarray  # (N,)
    texture_idx: np.ndarray  # (N,)

    def labels(self, taught: Taught) -> np.ndarray:
        """What is taught of every scene, (N,): indices into the names of the recipe; where nothing is, the class, unread."""
        return {"texture": self.texture_idx, "shape": _SHAPE_OF_CLASS[self.class_idx]}.get(taught, self.class_idx)

    def batch(self, idx: np.ndarray) -> tuple[Tensor, Tensor]:
        """Images (B, 3, S, S) from 0 to 1 and truth (B, 3, 32, 32) of the scenes ``idx`` (B,), float32."""
        images = np.stack([self.images[i // SHARD_SIZE][i % SHARD_SIZE] for i in idx])
        return torch.from_numpy(images).float() / 255, torch.from_numpy(self.truth[idx]).float()


@dataclass(frozen=True, eq=False)
class Collages:
    """Pictures without classes: images (N, 3, S, S) uint8 and the leaf of every place (N, 32, 32) uint8."""

    images: np.ndarray
    leaves: np.ndarray

    def batch(self, idx: np.ndarray) -> tuple[Tensor, Tensor]:
        """Images (B, 3, S, S) from 0 to 1 and leaves (B, 1, 32, 32) of the collages ``idx`` (B,), float32."""
        return torch.from_numpy(self.images[idx]).float() / 255, torch.from_numpy(self.leaves[idx]).float()[:, None]


def load_pool(n_scenes: int, folder: Path) -> Pool:
    """The scenes of seeds 0 to n_scenes - 1, rendered into ``folder`` by whoever comes first and reused afterwards."""
    shards = _load_shards(n_scenes, folder / f"scenes-{fingerprint()}", render_shard)
    joined = {key: np.concatenate([shard[key] for shard in shards]) for key in ("truth", "class_idx", "texture_idx")}
    return Pool(images=[shard["images"] for shard in shards], **joined)


def load_collages(n_collages: int, folder: Path) -> Collages:
    """The collages of seeds 0 to n_collages - 1, rendered into ``folder`` by whoever comes first and reused afterwards."""
    digest = hashlib.sha256(b"".join(collage(seed)[0].tobytes() for seed in range(4))).hexdigest()[:12]
    shards = _load_shards(n_collages, folder / f"collages-{digest}", render_collages)
    return Collages(*(np.concatenate([shard[key] for shard in shards]) for key in ("images", "leaves")))


def _load_shards(n_pictures: int, folder: Path, render: Callable[[int, Path], None]) -> list[dict[str, np.ndarray]]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i:04d}.npz" for i in range(math.ceil(n_pictures / SHARD_SIZE))]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    if missing:
        print(f"rendering {len(missing) * SHARD_SIZE} pictures into {folder}", flush=True)
        with ProcessPoolExecutor(os.cpu_count()) as workers:
            list(workers.map(render, missing, [paths[i] for i in missing]))
    return [np.load(path) for path in paths]


def fingerprint() -> str:
    """Changes whenever the generator draws its first scenes differently."""
    pictures = b"".join(render(sample_scene(seed)).image.tobytes() for seed in range(8))
    return hashlib.sha256(pictures).hexdigest()[:12]


def render_shard(shard_idx: int, path: Path) -> None:
    """Writes one file of the pool."""
    scenes = [sample_scene(shard_idx * SHARD_SIZE + i) for i in range(SHARD_SIZE)]
    rendered = [render(scene) for scene in scenes]
    truth = [_thinned(np.stack([r.texture_map, r.shape_map, r.region_map])) for r in rendered]
    _save(
        path, images=np.stack([r.image.transpose(2, 0, 1) for r in rendered]), truth=np.stack(truth),
        class_idx=np.array([s.class_idx for s in scenes]),
        texture_idx=np.array([s.texture_idx for s in scenes]),
    )  # fmt: skip


def render_collages(shard_idx: int, path: Path) -> None:
    """Writes one file of the collages."""
    images, leaves = zip(*(collage(shard_idx * SHARD_SIZE + i) for i in range(SHARD_SIZE)), strict=True)
    _save(path, images=np.stack(images), leaves=np.stack([_thinned(leaf_map) for leaf_map in leaves]))


def _thinned(truth: np.ndarray) -> np.ndarray:
    """A map (..., S, S) at every so many-th pixel, TRUTH_SIZE per side."""
    step = truth.shape[-1] // TRUTH_SIZE
    return truth[..., step // 2 :: step, step // 2 :: step]


def _save(path: Path, **arrays: np.ndarray) -> None:
    with written_atomically(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


# --- augmentation -------------------------------------------------------------------------------------------------------


def augmented(
    images: Tensor, truth: Tensor, size: int, rng: torch.Generator, zoom: tuple[float, float] = (0.85, 1.2)
) -> tuple[Tensor, Tensor]:
    """Images (N, 3, S, S) and truth (N, planes, 32, 32), mirrored, zoomed, moved and lit differently, as images
    (N, 3, size, size) from 0 to 1 and truth (N, planes, GRID, GRID).
    """
    n = len(images)
    place = _random_place(n, zoom, rng)
    images, truth = _warped(images, place, size, "bilinear"), _warped(truth, place, GRID, "nearest")
    contrast, brightness = (_uniform(n, *limits, rng).view(n, 1, 1, 1) for limits in ((0.7, 1.25), (-0.08, 0.08)))
    images = (images - 0.5) * contrast + 0.5 + brightness + 0.02 * torch.randn(n, 3, 1, 1, generator=rng)
    noise = _uniform(n, 0, 0.03, rng).view(n, 1, 1, 1) * torch.randn(images.shape, generator=rng)
    return (images + noise).clamp(0, 1), truth.long()


def _random_place(n: int, limits: tuple[float, float], rng: torch.Generator) -> Tensor:
    """Where to look in each picture, as (n, 2, 3) for ``affine_grid``: mirrored or not, nearer or farther, off the middle."""
    zoom, mirror = _uniform(n, *limits, rng), torch.sign(_uniform(n, -1, 1, rng))
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0], place[:, 1, 1] = mirror / zoom, 1 / zoom
    place[:, :, 2] = torch.stack([_uniform(n, -1, 1, rng), _uniform(n, -1, 1, rng)], 1) * (1 - 1 / zoom).abs()[:, None]
    return place


def unevenly_lit(images: Tensor, rng: torch.Generator) -> Tensor:
    """Images (N, 3, H, W) under patches of light and shade and behind grain of several sizes, as photographs are and flat
    colours are not.
    """
    none = torch.zeros(())
    light = sum((_noise(images, limit, cells, planes, rng) for limit, cells, planes in LIGHT), start=none)
    grain = sum((_noise(images, limit, cells, 1, rng) for limit, cells in GRAIN), start=none)
    return (images * light.clamp(-1.2, 0.8).exp() + grain).clamp(0, 1)


def _noise(images: Tensor, limit: float, cells: int, planes: int, rng: torch.Generator) -> Tensor:
    """Smooth noise (N, planes, H, W), ``cells`` cells across, of a strength that varies from image to image up to ``limit``."""
    strength = _uniform(len(images), 0, limit, rng).view(-1, 1, 1, 1)
    knots = torch.randn(len(images), planes, cells, cells, generator=rng)
    return strength * F.interpolate(knots, size=images.shape[-2:], mode="bicubic")


def _uniform(n: int, low: float, high: float, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=rng)


def _warped(maps: Tensor, place: Tensor, side: int, mode: str) -> Tensor:
    grid = F.affine_grid(place, [*maps.shape[:2], side, side], align_corners=False)
    return F.grid_sample(maps, grid, mode=mode, padding_mode="reflection", align_corners=False)
